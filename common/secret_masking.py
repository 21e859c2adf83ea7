"""Hides secrets in anything a person may read: log lines, settings explained, reprs. Used by settings and logging.

Masking prefers to hide too much: what merely looks like a secret is hidden as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from common.messages import SECRET_WORDS

MASK: Final = "***"

# Cheap to look for; every pattern below needs one of them.
_TRIGGERS: Final = ("://", "sk-", "bearer", "key", "passw", "pwd", "secret", "token", "authorization", *SECRET_WORDS)
# Bounded and possessive, so that no text takes more than linear time.
_URL_PASSWORD: Final = re.compile(r"(://[^\s:/@\"'<>]{0,256}+):(?:[^\s\"'<>@]{0,512}+@)++")
_AUTH_HEADER: Final = re.compile(
    r"(authorization\\?[\"']?\s{0,4}[:=]\s{0,4}\\?[\"']?)(?:[a-z]{1,16}\s{1,4})?[^\s\"',;}\\]++", re.IGNORECASE
)
_BEARER: Final = re.compile(r"\b(bearer)\s{1,4}[A-Za-z0-9._~+/=-]{6,}+", re.IGNORECASE)
_VENDOR_KEY: Final = re.compile(r"\bsk-[A-Za-z0-9_-]{6,}+")
_NAMED: Final = re.compile(
    r"((?:api[_-]?key|secret[_-]?key|access[_-]?key|password|passwd|pwd|secret|token|" + "|".join(SECRET_WORDS) + ")"
    r"\\?[\"']?\s{0,4}(?:=>|[=:：])\s{0,4})"
    r"(?:\\\"[^\"\\]{0,2000}+\\\"|\"(?:[^\"\\]|\\.){0,2000}+\"|'(?:[^'\\]|\\.){0,2000}+'|\\?[\"']?[^\s,;&\"'}\])]++)",
    re.IGNORECASE,
)
_SECRET_NAME: Final = re.compile(r"api[_-]?key|passw|pwd|secret|token$|authorization", re.IGNORECASE)
_UNSAFE_IN_URL: Final = re.compile(r"[\s\"'<>]")
_SHORTEST_KNOWN_SECRET: Final = 6


def mask_text(text: str) -> str:
    """`text` without URL passwords, bearer tokens, `sk-` keys and values named like `api_key=` or `password:`."""
    lower = text.lower()
    if not any(trigger in lower for trigger in _TRIGGERS):
        return text
    text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    text = _AUTH_HEADER.sub(rf"\1{MASK}", text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _VENDOR_KEY.sub(f"sk-{MASK}", text)
    return _NAMED.sub(rf"\1{MASK}", text)


def mask_secret(value: object) -> str:
    """A secret setting as people may see it: an URL without its password, anything else as `***`, nothing as ''."""
    text = "" if value is None else str(value)
    if not text:
        return ""
    masked = mask_text(text)
    is_hidden_well = "://" in text and not _UNSAFE_IN_URL.search(text) and (masked != text or "@" not in text)
    return masked if is_hidden_well else MASK


def url_passwords(url: str) -> list[str]:
    """The password in `url`, as written and decoded; empty when there is none."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return []
    return [password, unquote(password)] if password else []


def is_secret_name(name: str) -> bool:
    """Whether a member called `name` is to be hidden whatever its value looks like."""
    return _SECRET_NAME.search(name) is not None


class KnownSecrets:
    """Hides secrets by their exact values, wherever they turn up. Values under six characters are ignored."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        kept = sorted({value for value in values if len(value) >= _SHORTEST_KNOWN_SECRET}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, kept))) if kept else None

    def mask(self, text: str) -> str:
        """`text` without the known values and without what `mask_text` recognises."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return mask_text(text)


class MaskedDict(dict[str, Any]):
    """A dict of settings whose repr hides the members in `hidden` and those named like secrets."""

    def __init__(self, members: Mapping[str, Any], *, hidden: frozenset[str] = frozenset()) -> None:
        super().__init__(members)
        self._hidden = hidden

    def __repr__(self) -> str:
        return repr({name: self._masked(name, value) for name, value in self.items()})

    __str__ = __repr__

    def _masked(self, name: str, value: object) -> object:
        if name in self._hidden or is_secret_name(name):
            return mask_secret(value)
        return mask_text(value) if isinstance(value, str) else value

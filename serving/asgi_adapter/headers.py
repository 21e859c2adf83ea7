"""From the header strings of a WSGI application to the header bytes of an ASGI answer, safe to put on the wire."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

HeaderList = list[tuple[bytes, bytes]]

# RFC 9110 section 5.6.2: a field name is a token.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# PEP 3333: hop-by-hop headers belong to the server. `connection` stays, servers honour `close`.
_HOP_BY_HOP = frozenset(
    {"keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"}
)
_QUOTED_FILENAME = re.compile(r';\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.IGNORECASE)


class UnsafeHeaderError(ValueError):
    """The application tried to send a header that could split the answer; the message has no part of its value."""


def encode_headers(headers: Iterable[tuple[str, str]]) -> HeaderList:
    """Lower-case names, values in bytes; hop-by-hop headers are left out.

    Values are Latin-1 as PEP 3333 has it; `filename="..."` of Content-Disposition outside ASCII is written after
    RFC 6266 / RFC 5987 (`filename*=UTF-8''...`); any other character beyond Latin-1 goes as UTF-8 bytes.

    Raises:
        UnsafeHeaderError: a name that is no token, or a control character in a value.
    """
    encoded: HeaderList = []
    for name, value in headers:
        lower = name.lower()
        if lower in _HOP_BY_HOP:
            continue
        if not _TOKEN.match(name) or _CONTROL.search(value):
            raise UnsafeHeaderError(f"header {name[:40]!r} is not safe to send")
        encoded.append((lower.encode("ascii"), _encode_value(lower, value)))
    return encoded


def _encode_value(name: str, value: str) -> bytes:
    if value.isascii():
        return value.encode("ascii")
    if name == "content-disposition":
        value = _with_extended_filename(_as_text(value))
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


def _as_text(value: str) -> str:
    """Undo PEP 3333's bytes-in-Latin-1 form when `value` is UTF-8 in that form."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _with_extended_filename(value: str) -> str:
    match = _QUOTED_FILENAME.search(value)
    if match is None:
        return quote(value, safe=" ;=\"'*/%-._~!#$&+,:@()<>[]{}?|^`\\")
    name = re.sub(r"\\(.)", r"\1", match.group(1)) if match.group(1) is not None else match.group(2).strip()
    fallback = "".join(letter if letter.isascii() and letter not in '"\\%' else "_" for letter in name)
    rest = value[: match.start()] + value[match.end() :]
    plain = quote(rest, safe=" ;=\"'*/%-._~!#$&+,:@()")
    if "filename*" in rest.lower():
        return f'{plain}; filename="{fallback}"'
    return f"{plain}; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"

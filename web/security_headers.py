"""Headers that keep browsers from misusing an answer: sniffing, framing, leaking the address, keeping data.

WSGI middleware around the whole application, so that errors and redirects have them too. What an answer sets by itself
stays; only `Cache-Control: no-cache`, which lets copies of data lie on disk, becomes `no-store`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Response

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STATIC_PATHS: Final = ("/swaggerui/",)
_INLINE_SCRIPT: Final = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)


class SecureAnswers:
    """Adds `SECURITY_HEADERS` to every answer."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        is_static = environ.get("PATH_INFO", "").startswith(_STATIC_PATHS)

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, _secured(headers, is_static=is_static), *more)

        return self._app(environ, start)


def page_policy(html: str) -> str:
    """The Content-Security-Policy under which a page runs the inline scripts it has now, and no others."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in _inline_scripts(html))
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in hashes)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def without_own_host(response: Response, host: str) -> Response:
    """A redirect to the host of the request as a path and without a text, because the sender chose that host."""
    parts = urlsplit(response.headers.get("Location", ""))
    if parts.netloc and parts.netloc.lower() == host.lower():
        path = "/" + parts.path.lstrip("/")
        response.headers["Location"] = f"{path}?{parts.query}" if parts.query else path
        response.set_data(b"")
    return response


def _inline_scripts(html: str) -> list[str]:
    return _INLINE_SCRIPT.findall(html)


def _secured(headers: list[tuple[str, str]], *, is_static: bool) -> list[tuple[str, str]]:
    kept = []
    present = set()
    for name, value in headers:
        key = name.lower()
        if key == "cache-control" and value == "no-cache" and not is_static:
            continue
        present.add(key)
        kept.append((name, value))
    return [*kept, *((name, value) for name, value in SECURITY_HEADERS.items() if name.lower() not in present)]

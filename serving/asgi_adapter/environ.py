"""From an ASGI scope to a PEP 3333 environ, refusing heads that are too large or ambiguous; called once a request."""

from __future__ import annotations

import functools
import sys
from collections.abc import MutableMapping
from typing import Any

from .refusal import RefusedError

_SINGLE = frozenset({"CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_HOST"})
_HEADER_OVERHEAD = 4


@functools.lru_cache(maxsize=1024)
def _environ_key(name: bytes) -> str | None:
    """The CGI name of a header; None for a name with an underscore, which would pass for its sibling with a hyphen."""
    if b"_" in name:
        return None
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in {"CONTENT_LENGTH", "CONTENT_TYPE"} else f"HTTP_{key}"


def check_head_size(scope: MutableMapping[str, Any], *, max_header_bytes: int) -> None:
    """Raise RefusedError 431 (all headers together) or 414 (path and query) above `max_header_bytes`."""
    size = 0
    for name, value in scope["headers"]:
        size += len(name) + len(value) + _HEADER_OVERHEAD
    if size > max_header_bytes:
        raise RefusedError(431, "headers too large")
    if len(scope.get("raw_path") or b"") + len(scope.get("query_string", b"")) > max_header_bytes:
        raise RefusedError(414, "address too long")


def build_environ(scope: MutableMapping[str, Any], *, duplicate_header_limit: int) -> dict[str, Any]:
    """The environ of `scope` without `wsgi.input`, which follows once the body is here.

    Raises:
        RefusedError: 400 for more than `duplicate_header_limit` headers of one name, contradicting single headers,
            or control characters in a header value.
    """
    root_path = scope.get("root_path", "").encode().decode("latin-1")
    path = scope["path"].encode("utf-8", "surrogateescape").decode("latin-1")
    if root_path and path.startswith(root_path):
        path = path[len(root_path) :]
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": root_path,
        "PATH_INFO": path,
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 0),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.errors": sys.stderr,
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if client is not None:
        environ["REMOTE_ADDR"] = client[0]
        environ["REMOTE_PORT"] = str(client[1])
    if raw_path := scope.get("raw_path"):
        environ["RAW_URI"] = environ["REQUEST_URI"] = _raw_uri(raw_path, scope.get("query_string", b""))
    _add_headers(environ, scope["headers"], duplicate_header_limit)
    return environ


def _raw_uri(raw_path: bytes, query: bytes) -> str:
    return (raw_path + b"?" + query if query else raw_path).decode("latin-1")


def _add_headers(environ: dict[str, Any], headers: list[tuple[bytes, bytes]], duplicate_limit: int) -> None:
    repeated: dict[str, list[str]] = {}
    for name, value in headers:
        key = _environ_key(name)
        if key is None:
            continue
        text = value.decode("latin-1")
        if "\n" in text or "\r" in text or "\0" in text:
            raise RefusedError(400, "control character in a header")
        if key not in environ:
            environ[key] = text
            continue
        if key in _SINGLE:
            if environ[key] != text:
                raise RefusedError(400, "contradicting headers")
            continue
        values = repeated.setdefault(key, [environ[key]])
        if duplicate_limit and len(values) >= duplicate_limit:
            raise RefusedError(400, "too many duplicate headers")
        values.append(text)
    for key, values in repeated.items():
        environ[key] = ("; " if key == "HTTP_COOKIE" else ",").join(values)

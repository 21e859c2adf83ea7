"""WSGI middleware that writes every request and its answer to a file, for a later replay by `scripts.parity`.

One JSON object a line, in the format of the recordings (`id`, `app`, `group`, `request`, `response`). Secrets are
masked, credentials in headers are left out, answers are cut at `MAX_BODY_BYTES`, requests with larger bodies are not
recorded. Meant for a while, not for ever: the file grows with every request and holds what users asked.
"""

from __future__ import annotations

import io
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from flask import Flask

import app_config
from common.config_service import ConfigService
from common.secret_masking import MASK, KnownSecrets, is_secret_name

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]

MAX_BODY_BYTES: Final = 1024 * 1024
KEPT_HEADERS: Final = ("Content-Type", "Accept", "Last-Event-ID")


def record_exchanges(app: Flask, settings: ConfigService, *, name: str) -> None:
    """Record what `app` answers from now on when RECORD_EXCHANGES names a file; `name` is the entry's."""
    path = settings.get("RECORD_EXCHANGES")
    if path:
        known = KnownSecrets(settings.secret_values())
        recorder = ExchangeRecorder(app.wsgi_app, path=app_config.project_path(path), name=name, mask=known.mask)
        app.wsgi_app = recorder  # type: ignore[method-assign]


class ExchangeRecorder:
    """Wraps a WSGI application.

    Args:
        app: the application.
        path: the file lines are appended to; several processes may share it.
        name: the entry, as the recordings call it.
        mask: takes secrets out of a text.
    """

    def __init__(self, app: WsgiApp, *, path: Path, name: str, mask: Callable[[str], str]) -> None:
        self._app = app
        self._path = path
        self._name = name
        self._mask = mask
        self._numbers = itertools.count(1)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > MAX_BODY_BYTES:
            return self._app(environ, start_response)
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(body)
        request = _request(environ, body)
        started: dict[str, Any] = {}

        def begin(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            started.update(status=int(status.partition(" ")[0]), headers=headers)
            return start_response(status, headers, *rest)

        return _Recorded(self._app(environ, begin), lambda answer: self._write(request, _response(started, answer)))

    def _write(self, request: Mapping[str, Any], response: Mapping[str, Any]) -> None:
        line = {
            "id": f"{self._name}-{os.getpid()}-{next(self._numbers):06d}",
            "app": self._name,
            "group": "recorded",
            "request": request,
            "response": response,
        }
        text = json.dumps(self._masked(line), ensure_ascii=False)
        with self._path.open("ab", buffering=0) as file:
            file.write(text.encode("utf-8", "replace") + b"\n")

    def _masked(self, value: Any, key: str = "") -> Any:
        """`value` with secrets out of every text; text by text, so that the JSON around them stays whole."""
        if isinstance(value, str):
            return MASK if is_secret_name(key) and value else self._mask(value)
        if isinstance(value, dict):
            return {self._mask(name): self._masked(member, name) for name, member in value.items()}
        return [self._masked(member, key) for member in value] if isinstance(value, list) else value


class _Recorded:
    """The answer's pieces as they pass; what passed is handed over when the server closes it."""

    def __init__(self, pieces: Iterable[bytes], done: Callable[[bytes], None]) -> None:
        self._pieces = pieces
        self._done = done
        self._passed = bytearray()

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._passed += piece[: MAX_BODY_BYTES - len(self._passed)]
            yield piece

    def close(self) -> None:
        close = getattr(self._pieces, "close", None)
        try:
            if close is not None:
                close()
        finally:
            self._done(bytes(self._passed))


def _request(environ: Environ, body: bytes) -> dict[str, Any]:
    named = {name: environ.get("HTTP_" + name.upper().replace("-", "_")) for name in KEPT_HEADERS}
    named["Content-Type"] = environ.get("CONTENT_TYPE")
    request: dict[str, Any] = {
        "method": environ["REQUEST_METHOD"],
        "path": environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace"),
        "headers": {name: value for name, value in named.items() if value},
    }
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if query:
        request["query"] = query
    return {**request, **_body(body, "body")} if body else request


def _response(started: Mapping[str, Any], answer: bytes) -> dict[str, Any]:
    content_type = next((value for name, value in started["headers"] if name.lower() == "content-type"), "")
    response: dict[str, Any] = {"status": started["status"], "content_type": content_type}
    if content_type.startswith("text/event-stream"):
        lines = answer.decode("utf-8", "replace").splitlines()
        data = (line.removeprefix("data:").strip() for line in lines if line.startswith("data:"))
        return {**response, "events": [{"data": _json_or_text(text)} for text in data]}
    return {**response, **_body(answer, "text")}


def _body(content: bytes, otherwise: str) -> dict[str, Any]:
    """`json` when it is JSON, else as text under the other name; bytes that are no text are replaced."""
    text = content[:MAX_BODY_BYTES].decode("utf-8", "replace")
    try:
        return {"json": json.loads(text)}
    except (ValueError, RecursionError):
        return {otherwise: text}


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text

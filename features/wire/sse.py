"""Server-sent events as text (WHATWG HTML, section 9.2): one `data:` line of JSON each, comments, ids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from common.result import Envelope, local_timestamp, success

CONTENT_TYPE: Final = "text/event-stream; charset=utf-8"
HEADERS: Final[Mapping[str, str]] = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
OPENED: Final = ": open\n\n"
HEARTBEAT: Final = ": waiting\n\n"
LOST: Final = ": the store is away, come back with Last-Event-ID\n\n"


def frame(body: str, identifier: str | int | None = None) -> str:
    """One event. `body` is JSON on one line; the id stands on a line before it."""
    named = "" if identifier is None else f"id: {identifier}\n"
    return f"{named}data: {body}\n\n"


def as_line(envelope: Mapping[str, Any]) -> str:
    """JSON on one line in raw UTF-8; half surrogate pairs, which no encoding has, are escaped."""
    text = json.dumps(envelope, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(envelope, allow_nan=False)
    return text


def progress(node: str, display_name: str, message: str, members: Mapping[str, Any]) -> Envelope:
    """A progress event (docs/contract/questions.md); the timestamp stands last."""
    data = {"type": "progress", "node": node, "display_name": display_name, **members}
    return success({**data, "timestamp": local_timestamp()}, message)


def text_written(text: str) -> str:
    """The body of an event with a piece of the answer's text."""
    return as_line(success({"type": "text", "text": text, "timestamp": local_timestamp()}))

"""A run's last event as the historical streams have always sent theirs (docs/contract/questions.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from common import messages
from common.errors import BadRequestError, CituError
from common.messages import runs as texts
from common.result import Envelope, failed, local_timestamp
from core.runs.record import RunEvent
from features.wire.sse import as_line

UNKNOWN_TYPE: Final = "UNKNOWN"
ERROR_CODE: Final = 500
"""Of every error event, whatever it was: clients look at `data.type`."""


def last_event(event: RunEvent) -> str:
    """The `completed` or `error` event for the end of a run of the classic engine."""
    ended: Envelope = json.loads(event.body)
    data = ended["data"]
    if event.kind == "completed":
        return as_line(_completed(ended, data))
    return error_event(data.get("response") or ended["message"], data)


def error_event(text: str, data: Mapping[str, Any] | None = None) -> str:
    """The `error` event; the stable type of the error is new and stands beside the text."""
    known = {name: data[name] for name in ("error_type", "can_retry") if name in data} if data else {}
    members = {"type": "error", "error": text, **known, "timestamp": local_timestamp()}
    return as_line(failed(messages.PROCESSING_FAILED, ERROR_CODE, members))


def refusal(error: CituError, routing_mode: str | None) -> str:
    """The `error` event for a question that never became a run; a wrong mode is named without the list of modes."""
    text = error.message
    if isinstance(error, BadRequestError) and error.invalid_params == ["routing_mode"]:
        text = texts.INVALID_ROUTING_MODE.format(value=routing_mode)
    return error_event(text, {"error_type": error.error_type})


def _completed(ended: Envelope, data: Mapping[str, Any]) -> Envelope:
    """A question without valid SQL completes too, with its prompt, and says that it was no success."""
    members = {
        "type": "completed",
        "response": data.get("response") or "",
        "response_type": data.get("response_type") or UNKNOWN_TYPE,
        "sql": data.get("sql"),
        "query_result": data.get("records"),
        "summary": data.get("summary"),
        "conversation_id": data.get("conversation_id"),
        "execution_path": data.get("execution_path") or [],
        "classification_info": data.get("classification_info") or {},
        "timestamp": local_timestamp(),
    }
    extra = ("validation_error_type", "error_type", "from_cache", "cache_age_seconds", "provenance")
    members |= {name: data[name] for name in extra if name in data}
    return {"code": ended["code"], "success": ended["success"], "message": texts.COMPLETED, "data": members}

"""Builders of the wire envelope `{code, success, message, data}`, used by every door that speaks JSON.

Each builder returns a plain dict; the HTTP status is the caller's to set and normally equals `code`.
Format: docs/contract/envelope.md, with its defects fixed (`invalid_params` is accepted everywhere, the
caller's own `data` is never mutated).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from common import messages

Envelope = dict[str, Any]
AGENT_VERSION = "langgraph_v1"


def local_timestamp() -> str:
    """Now in the server's local zone, naive ISO 8601 with microseconds, as clients have always read it."""
    return datetime.now().isoformat()  # noqa: DTZ005


def _without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value is not None}


def success(data: Any = None, message: str = messages.SUCCESS, code: int = 200) -> Envelope:
    """A success with `data` as it is, without a timestamp."""
    return {"code": code, "success": True, "message": message, "data": data}


def failed(message: str = messages.OPERATION_FAILED, code: int = 500, data: Any = None) -> Envelope:
    """A failure with `data` as it is, without a timestamp."""
    return {"code": code, "success": False, "message": message, "data": data}


def success_response(
    response_text: str | None = None,
    data: Mapping[str, Any] | None = None,
    message: str = messages.SUCCESS,
    code: int = 200,
) -> Envelope:
    """A success whose `data` carries a timestamp and, when given, the text to show."""
    members = {**(data or {}), **_without_none({"response": response_text}), "timestamp": local_timestamp()}
    return success(members, message, code)


def error_response(
    response_text: str,
    error_type: str | None = None,
    message: str = messages.PROCESSING_FAILED,
    code: int = 500,
    data: Mapping[str, Any] | None = None,
    can_retry: bool | None = None,
) -> Envelope:
    """A failure with the text to show, its stable `error_type` and whether trying again may help."""
    members = {**(data or {}), "response": response_text, "timestamp": local_timestamp()}
    if error_type:
        members["error_type"] = error_type
    return failed(message, code, {**members, **_without_none({"can_retry": can_retry})})


def agent_success_response(
    response_type: str,
    conversation_id: str | None = None,
    execution_path: Sequence[str] | None = None,
    classification_info: Mapping[str, Any] | None = None,
    agent_version: str = AGENT_VERSION,
    **extra: Any,
) -> Envelope:
    """An agent's answer. Extras that are None are left out; empty strings, false, 0 and [] are kept."""
    return success(
        {
            "type": response_type,
            "conversation_id": conversation_id,
            "execution_path": list(execution_path or ()),
            "classification_info": dict(classification_info or {}),
            "agent_version": agent_version,
            "timestamp": local_timestamp(),
            **_without_none(extra),
        }
    )


def agent_error_response(
    response_text: str,
    error_type: str | None = None,
    message: str = messages.PROCESSING_FAILED,
    code: int = 500,
    conversation_id: str | None = None,
    execution_path: Sequence[str] | None = None,
    classification_info: Mapping[str, Any] | None = None,
    agent_version: str = AGENT_VERSION,
    **extra: Any,
) -> Envelope:
    """An agent's failure, with what it had found out by then."""
    members: dict[str, Any] = {
        "response": response_text,
        "conversation_id": conversation_id,
        "execution_path": list(execution_path or ()),
        "classification_info": dict(classification_info or {}),
        "agent_version": agent_version,
        "timestamp": local_timestamp(),
        **_without_none(extra),
    }
    if error_type:
        members["error_type"] = error_type
    return failed(message, code, members)


def health_success_response(status: str = "healthy", test_result: bool = True, **extra: Any) -> Envelope:
    """A component that was exercised and works."""
    data = {"status": status, "test_result": test_result, "response": messages.AGENT_HEALTH_DONE}
    return success({**data, "timestamp": local_timestamp(), **_without_none(extra)})


def health_error_response(
    status: str = "unhealthy",
    test_result: bool = False,
    message: str | None = None,
    **extra: Any,
) -> Envelope:
    """A component that was exercised and does not work (503); `message` stands in `data`, as when it works."""
    text = messages.SOME_COMPONENTS_FAILING if status == "degraded" else messages.AGENT_HEALTH_FAILED
    data = {"status": status, "test_result": test_result, "response": text, "timestamp": local_timestamp()}
    return failed(messages.SERVICE_UNAVAILABLE, 503, {**data, **_without_none({"message": message, **extra})})


def bad_request_response(
    response_text: str,
    missing_params: Sequence[str] | None = None,
    invalid_params: Sequence[str] | None = None,
) -> Envelope:
    """400. The lists stand in `data` and at the top level, where different clients look for them."""
    lists = {
        key: list(names)
        for key, names in (("missing_params", missing_params), ("invalid_params", invalid_params))
        if names
    }
    error_type = "invalid_params" if invalid_params else "missing_required_params"
    return {**error_response(response_text, error_type, messages.BAD_REQUEST, 400, lists), **lists}


def validation_failed_response(response_text: str) -> Envelope:
    """422."""
    return error_response(response_text, "invalid_params", messages.VALIDATION_FAILED, 422)


def internal_error_response(response_text: str, can_retry: bool = True) -> Envelope:
    """500."""
    return error_response(response_text, "database_error", messages.INTERNAL_ERROR, 500, can_retry=can_retry)


def service_unavailable_response(response_text: str, can_retry: bool = True) -> Envelope:
    """503."""
    return error_response(
        response_text, "agent_initialization_failed", messages.SERVICE_UNAVAILABLE, 503, can_retry=can_retry
    )


def not_found_response(response_text: str) -> Envelope:
    """404."""
    return error_response(response_text, "resource_not_found", messages.NOT_FOUND, 404)

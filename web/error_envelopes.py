"""The wire envelope of each of our errors (docs/contract/envelope.md); knows no web framework, for both entries."""

from __future__ import annotations

from common import messages
from common.errors import BadRequestError, CituError
from common.result import Envelope, bad_request_response, error_response

CATEGORY_BY_STATUS = {
    400: messages.BAD_REQUEST,
    403: messages.FORBIDDEN,
    404: messages.NOT_FOUND,
    405: messages.METHOD_NOT_ALLOWED,
    409: messages.CONFLICT,
    413: messages.PAYLOAD_TOO_LARGE,
    421: messages.FORBIDDEN,
    422: messages.VALIDATION_FAILED,
    429: messages.QUOTA_EXCEEDED,
    507: messages.QUOTA_EXCEEDED,
    503: messages.SERVICE_UNAVAILABLE,
}
AGENT_ERROR_TYPES = frozenset({"agent_processing_failed", "sql_refused", "sql_execution_failed", "sql_memory_limit"})


def envelope_of(error: CituError) -> Envelope:
    """The envelope of one of our errors."""
    if isinstance(error, BadRequestError):
        envelope = bad_request_response(error.message, error.missing_params or None, error.invalid_params or None)
        envelope["data"] = {**error.data, **envelope["data"]}
        return envelope
    is_agent_error = error.error_type in AGENT_ERROR_TYPES
    category = messages.PROCESSING_FAILED if is_agent_error else CATEGORY_BY_STATUS.get(error.status)
    return error_response(
        error.message,
        error.error_type,
        category or messages.INTERNAL_ERROR,
        error.status,
        {key: value for key, value in error.data.items() if key != "allowed"},
        error.can_retry,
    )

"""Why a model call failed, as types. Their texts are ours: nothing a provider wrote, no key, no URL is in them.

ModelUnavailableError (common.errors)
└── ModelCallError
    ├── ModelTimeoutError          no complete answer within the time
    │   └── ModelBusyError         our own limit of calls left no turn within the time
    ├── ModelRateLimitedError      429; `retry_after_seconds` when the provider named a time
    ├── ModelServerError           5xx, or an error inside a stream
    ├── ModelConnectionError       refused, reset, cut
    ├── ModelCircuitOpenError      not even tried, the endpoint kept failing; `retry_after_seconds` says when
    ├── ModelReplyError            malformed, empty, cut short or too large
    │   └── ModelReplyCutError     cut by its length or by a filter       not tried again
    ├── ModelAuthenticationError   401, 403                              not tried again
    ├── ModelRequestError          any other 4xx                         not tried again
    ├── EmbeddingDimensionError    vectors of another length             not tried again
    └── ModelCallCancelledError    the caller gave up                    not tried again
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import ClassVar

from common import messages
from common.errors import ModelUnavailableError


class ModelCallError(ModelUnavailableError):
    """A model call failed. `status_code` is the provider's HTTP status, None when there was no answer."""

    text: ClassVar[str] = messages.MODEL_UNAVAILABLE

    def __init__(self, *, status_code: int | None = None, retry_after: float | None = None) -> None:
        seconds = None if retry_after is None else math.ceil(retry_after)
        super().__init__(self.text, retry_after_seconds=seconds)
        self.status_code = status_code
        self.retry_after = retry_after


class ModelTimeoutError(ModelCallError):
    """No complete answer came within the time."""

    text = messages.MODEL_TIMED_OUT


class ModelBusyError(ModelTimeoutError):
    """Our own limit of calls left no turn within the time; the provider was not asked."""

    text = messages.MODEL_BUSY


class ModelCircuitOpenError(ModelCallError):
    """The endpoint kept failing and is left alone for `retry_after` seconds; the provider was not asked."""

    text = messages.MODEL_CIRCUIT_OPEN


class ModelRateLimitedError(ModelCallError):
    """The provider asks to come back later; `retry_after` is in seconds, None when it named no time."""

    text = messages.MODEL_RATE_LIMITED


class ModelServerError(ModelCallError):
    """The provider failed."""

    text = messages.MODEL_SERVER_FAILED


class ModelConnectionError(ModelCallError):
    """The provider could not be reached, or the connection broke."""

    text = messages.MODEL_UNREACHABLE


class ModelReplyError(ModelCallError):
    """An answer came that is no answer: malformed, empty, cut short or too large."""

    text = messages.MODEL_REPLY_UNUSABLE


class ModelReplyCutError(ModelReplyError):
    """The provider cut an answer that is only good as a whole; the same question would be cut again."""

    text = messages.MODEL_REPLY_CUT
    can_retry = False


class ModelAuthenticationError(ModelCallError):
    """The provider does not accept our key."""

    text = messages.MODEL_KEY_REFUSED
    can_retry = False


class ModelRequestError(ModelCallError):
    """The provider does not accept the request: unknown model, too long a prompt, unknown parameter."""

    text = messages.MODEL_REQUEST_REFUSED
    can_retry = False


class EmbeddingDimensionError(ModelCallError):
    """The embedding service answers with vectors of another length than configured."""

    text = messages.EMBEDDING_DIMENSION_WRONG
    can_retry = False


class ModelCallCancelledError(ModelCallError):
    """The caller gave up while the call ran."""

    text = messages.MODEL_CALL_CANCELLED
    can_retry = False


def error_for_status(status_code: int, headers: Mapping[str, str]) -> ModelCallError:
    """The error for an HTTP status of 400 or above."""
    retry_after = retry_after_seconds(headers)
    if status_code == 429:
        return ModelRateLimitedError(status_code=status_code, retry_after=retry_after)
    if status_code in {401, 403}:
        return ModelAuthenticationError(status_code=status_code)
    if status_code in {408, 504}:
        return ModelTimeoutError(status_code=status_code, retry_after=retry_after)
    if status_code >= 500:
        return ModelServerError(status_code=status_code, retry_after=retry_after)
    return ModelRequestError(status_code=status_code)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Seconds a `Retry-After` header asks for (RFC 9110 section 10.2.3: a number or a date), None when it has none."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())

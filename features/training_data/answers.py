"""The errors of the training services, and the envelopes of a batch (docs/contract/training.md)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from common import messages
from common.errors import BadRequestError, BudgetExceededError, CituError, ServiceUnavailableError
from common.result import Envelope, error_response, failed, internal_error_response, local_timestamp, success_response
from core.logging import get_app_logger
from features.training_data.repository import Record

logger = get_app_logger("training_data")
PARTIAL: Final = 207
BAD: Final = 400
UNAVAILABLE: Final = 503
MOST_ECHOED: Final = 100


class TrainingFailedError(CituError):
    """The database refused what should have worked (500)."""

    error_type = "database_error"
    can_retry = True


@contextmanager
def told_as(text: str) -> Iterator[None]:
    """Tell a lost store or model, and a refusal of our own database, in the route's own words.

    Raises:
        ServiceUnavailableError: the same error with `text`; a used-up budget keeps its own.
        TrainingFailedError: the platform database refused a statement.
    """
    try:
        yield
    except BudgetExceededError:
        raise
    except ServiceUnavailableError as error:
        raise type(error)(text, data=error.data, retry_after_seconds=error.retry_after_seconds) from error
    except SQLAlchemyError as error:
        logger.error("the training store refused a statement: %s", type(error).__name__)
        raise TrainingFailedError(text) from error


def batch_answer(data: Mapping[str, Any], done: int, failures: int, wording: tuple[str, str, str]) -> Envelope:
    """200 when all is done, 400 when nothing is, otherwise 207; `wording` in that order.

    A partial answer's `success` is false, as clients know it.
    """
    all_done, nothing_done, partly_done = wording
    if not failures:
        return success_response(all_done, data)
    text = partly_done.format(done=done, failed=failures) if done else nothing_done
    members = {**data, "response": text, "timestamp": local_timestamp()}
    return failed(messages.PROCESSING_FAILED, PARTIAL if done else BAD, members)


def bad_request(text: str, *, code: int = BAD) -> Envelope:
    """A 400 without names of parameters."""
    return error_response(text, "missing_required_params", messages.BAD_REQUEST, code)


def rivals_on_the_wire(question: str | None, rivals: Sequence[Record]) -> dict[str, Any]:
    """A conflict: a question and the pairs that answer it with other SQL."""
    return {"question": question, "existing": [{"id": one["id"], "sql": one["content"]} for one in rivals]}


def waiting_on_the_wire(reasons: Sequence[str]) -> dict[str, Any]:
    """What stands beside a stored record that is not used before an administrator approves it, else nothing."""
    return {"waits_for_review": list(reasons)} if reasons else {}


def answered(answer: Callable[[], Envelope]) -> Envelope:
    """What `answer` returns, or the envelope of the error it raises: for routes whose errors may have to leave as 200.

    The envelope's `code` is the error's real status.
    """
    try:
        return answer()
    except BadRequestError as error:
        return bad_request(error.message)
    except ServiceUnavailableError as error:
        category = messages.QUOTA_EXCEEDED if error.status != UNAVAILABLE else messages.SERVICE_UNAVAILABLE
        return error_response(error.message, error.error_type, category, error.status, None, error.can_retry)
    except TrainingFailedError as error:
        return internal_error_response(error.message)


def echoed(value: Any) -> Any:
    """A value of a request as it can be shown again: itself, or a cut description of what JSON cannot say."""
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return ascii(value)[:MOST_ECHOED]
    return value

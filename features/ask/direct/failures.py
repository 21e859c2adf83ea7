"""What a question without rows becomes on `ask` and `ask_cached` (docs/contract/questions.md)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from common import messages
from common.answering import Answer
from common.errors import AnswerFailedError, SqlExecutionError, ValidationFailedError
from common.messages import direct_ask as texts


def without_sql(answer: Answer, ask_otherwise: str) -> ValidationFailedError:
    """The 422 for an answer that explains why there are no rows; `ask_otherwise` ends its text."""
    explanation = answer.response.removesuffix(messages.EXPLANATION_SUFFIX)
    return _explained(explanation, ask_otherwise, {"classification_info": answer.classification.as_wire()})


def as_told_here(error: AnswerFailedError, ask_otherwise: str) -> Exception:
    """An engine's failure in the words of these routes.

    The database's refusal of an admitted statement is a 500; a statement that was not admitted stays the engine's 422
    with the statement and the reason; a question for which no statement was written is explained in a 422.
    """
    if error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        failed = SqlExecutionError(error.message)
        failed.data = dict(error.data)
        return failed
    if error.data.get("sql"):
        return error
    is_explained = error.data.get("validation_error_type") != "unknown_generation_failure"
    return _explained(error.message if is_explained else "", ask_otherwise, error.data)


def _explained(explanation: str, ask_otherwise: str, data: Mapping[str, Any]) -> ValidationFailedError:
    text = explanation.strip() + ask_otherwise if explanation.strip() else texts.NO_SQL
    return ValidationFailedError(text, data=data)

"""Asks one golden question through the engine that `ask_agent` uses and judges the answer by its rows."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from common.answering import Answer, AnswerEngine, Question, ResultSet
from common.cancellation import CancelSignal
from common.errors import AnswerStoppedError, CituError, SqlExecutionError, SqlRefusedError
from core.async_bridge import CallerLeftError, run_in_request_loop
from features.evaluation.judging import Accepted, ReplyKind, Verdict, verdict_on
from features.evaluation.references import Ran, StatementFailedError, run_reference
from features.evaluation.schemas import GoldenPair

USER: Final = "evaluation"
ROUTE: Final = "evaluation"
SHOWN_SQL_CHARS: Final = 2_000
_MIDNIGHT: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ]00:00:00(?:\.0+)?")

RunSql = Callable[[str, CancelSignal], ResultSet]


@dataclass(frozen=True)
class Outcome:
    """How one question went; `error_type` says why there is no answer."""

    question: str
    verdict: Verdict
    figures: bool
    milliseconds: float
    sql: str
    error_type: str

    def as_json(self) -> dict[str, Any]:
        """All members."""
        return asdict(self)


class GoldenQuestions:
    """See the module. No conversation is begun and no cache is asked; the model calls are on the tenant's account.

    Args:
        run_sql: runs a reference behind the guard, as the reader role.
        timeout_seconds: of one question.
    """

    def __init__(self, *, engine: Callable[[], AnswerEngine], run_sql: RunSql, timeout_seconds: float) -> None:
        self._engine = engine
        self._run_sql = run_sql
        self._timeout_seconds = timeout_seconds

    def outcome(self, tenant: str, pair: GoldenPair, routing_mode: str, stop: CancelSignal) -> Outcome:
        """The verdict on one question.

        Raises:
            AnswerStoppedError: `stop` was set.
            CituError: a reference could not be run because the database is away.
        """
        started = time.perf_counter()
        answer, error_type = self._answer(tenant, pair.question, routing_mode, stop)
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        kind = _kind(answer)
        ours = _ran(answer.records) if answer is not None and answer.records is not None else None
        verdict, figures, _ = verdict_on(pair.sql, self._accepted(pair.sql or (), stop), kind, ours)
        if kind == "refused" and not error_type:
            error_type = "explained"
        return Outcome(
            pair.question, verdict, figures, milliseconds, ((answer and answer.sql) or "")[:SHOWN_SQL_CHARS], error_type
        )

    def _answer(self, tenant: str, text: str, routing_mode: str, stop: CancelSignal) -> tuple[Answer | None, str]:
        """The answer, or why there is none."""
        question = Question(text, tenant, USER, f"{USER}:0", routing_mode, route=ROUTE)
        try:
            return run_in_request_loop(
                lambda: self._engine().answer(question), timeout_seconds=self._timeout_seconds, cancel=stop
            ), ""
        except CallerLeftError as error:
            raise AnswerStoppedError("the run was stopped") from error
        except TimeoutError:
            return None, "timed_out"
        except CituError as error:
            return None, str(error.data.get("validation_error_type") or error.error_type)

    def _accepted(self, statements: Sequence[str], stop: CancelSignal) -> list[Accepted]:
        run = partial(self._rows, stop)
        found: list[Accepted] = []
        for sql in statements:
            try:
                found.append((sql, run_reference(run, sql)))
            except StatementFailedError:
                continue
        return found

    def _rows(self, stop: CancelSignal, sql: str) -> Ran:
        try:
            return _ran(self._run_sql(sql, stop))
        except (SqlRefusedError, SqlExecutionError) as error:
            raise StatementFailedError(str(error)) from error


def _kind(answer: Answer | None) -> ReplyKind:
    if answer is None:
        return "refused"
    if answer.question_type == "CHAT":
        return "chat"
    return "refused" if answer.records is None else "data"


def _ran(result: ResultSet) -> Ran:
    """The rows with a timestamp of midnight as its day, as a date column has it."""
    rows = [tuple(_value(row.get(name)) for name in result.columns) for row in result.rows]
    return Ran(tuple(result.columns), rows)


def _value(value: Any) -> Any:
    found = _MIDNIGHT.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else value

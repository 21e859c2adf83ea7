"""The result that most candidates give wins, ties go to the first, and one candidate changes nothing."""

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any, cast

import pytest

from agent.sql_preparation import PreparedSql
from agent.sql_voting import SqlVoting
from common.answering import Question, ResultSet, SqlRequest
from common.business_schema import BusinessSchema
from common.errors import ModelUnavailableError, SqlExecutionError
from core.sql_executor import SqlExecutor

QUESTION = Question("q", "default", "alice", "alice:1")
REQUEST = SqlRequest("q", "", BusinessSchema(()), date(2026, 1, 1))


def rows(*values: Any, name: str = "n", total: int | None = None) -> ResultSet:
    return ResultSet((name,), tuple({name: value} for value in values), total or len(values))


RESULTS: dict[str, ResultSet | Exception] = {
    "one": rows(1, 2),
    "one renamed, in another order": rows(2, 1, name="amount"),
    "two": rows(5),
    "two again": rows(5),
    "twice": rows(1, 1, 2),
    "one of many": rows(1, 2, total=9),
    "broken": SqlExecutionError("x", detail="x"),
}


class Written:
    """Plays what the candidates are; keeps the requests."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.requests: list[SqlRequest] = []

    async def prepare(self, question: Question, request: SqlRequest) -> PreparedSql:
        self.requests.append(request)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return cast(PreparedSql, outcome) if isinstance(outcome, PreparedSql) else PreparedSql("ok", sql=outcome)


class Executor:
    def __init__(self) -> None:
        self.run: list[str] = []

    def execute(self, sql: str, **_options: Any) -> ResultSet:
        self.run.append(sql)
        result = RESULTS[sql]
        if isinstance(result, Exception):
            raise result
        return result


REFUSED = PreparedSql("failed", user_prompt="no", validation_error_type="missing_database_info")
EXPLAINED = PreparedSql("ok", explanation="why")


def voted(*outcomes: Any) -> tuple[PreparedSql, Executor]:
    executor = Executor()
    voting = SqlVoting(preparation=Written(*outcomes), executor=cast(SqlExecutor, executor), candidates=len(outcomes))
    return asyncio.run(voting.prepare(QUESTION, REQUEST)), executor


@pytest.mark.parametrize(
    ("outcomes", "sql", "agreeing"),
    [
        (("one", "two", "two again"), "two", 2),
        (("two", "one", "one renamed, in another order"), "one", 2),
        (("one", "two"), "one", 1),
        (("one", "two", "one", "two"), "one", 2),
        (("twice", "one", "one of many", "one"), "one", 2),
        (("broken", "broken", "two"), "two", 1),
        ((REFUSED, "two"), None, 1),
        ((REFUSED, "two", "two again"), "two", 2),
        (("two", REFUSED, EXPLAINED), None, 2),
        ((ModelUnavailableError("x"), "two", "one", "two"), "two", 2),
    ],
)
def test_the_largest_group_of_equal_results_wins(outcomes: tuple[Any, ...], sql: str | None, agreeing: int) -> None:
    chosen, _executor = voted(*outcomes)
    assert (chosen.sql, chosen.agreeing, chosen.candidates) == (sql, agreeing, len(outcomes))
    assert chosen.records == (RESULTS[sql] if sql else None)


def test_the_same_statement_is_run_once() -> None:
    chosen, executor = voted("one", "one", "two", "one")
    assert sorted(executor.run) == ["one", "two"]
    assert chosen.attempts == 4


def test_a_statement_that_all_wrote_and_the_database_breaks_off_is_tried_as_ever() -> None:
    chosen, _executor = voted("broken", "broken")
    assert (chosen.sql, chosen.records) == ("broken", None)


def test_a_lost_model_is_an_error_only_when_no_candidate_came() -> None:
    with pytest.raises(ModelUnavailableError):
        voted(ModelUnavailableError("x"), ModelUnavailableError("x"))


def test_a_fault_of_ours_is_not_outvoted() -> None:
    with pytest.raises(KeyError):
        voted("one", KeyError("bug"), "one")


def test_one_candidate_changes_nothing() -> None:
    written, executor = Written("one"), Executor()
    voting = SqlVoting(preparation=written, executor=cast(SqlExecutor, executor), candidates=1)
    assert asyncio.run(voting.prepare(QUESTION, REQUEST)) == PreparedSql("ok", sql="one")
    assert (executor.run, written.requests) == ([], [REQUEST])


def test_candidates_are_asked_for_as_such() -> None:
    written = Written("one", "one")
    voting = SqlVoting(preparation=written, executor=cast(SqlExecutor, Executor()), candidates=2)
    asyncio.run(voting.prepare(QUESTION, REQUEST))
    assert written.requests == [replace(REQUEST, is_candidate=True)] * 2

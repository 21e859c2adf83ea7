"""Several statements for one question, each checked and run: the result that most of them give is the answer.

A model that is asked again at a temperature above 0 makes other mistakes each time, but the same right statement. Used
by the graph's generation node when more than one candidate is wanted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from agent.sql_preparation import PreparedSql
from common.answering import Question, ResultSet, SqlRequest
from common.cancellation import CancelFlag
from common.errors import CituError, SqlExecutionError, SqlRefusedError
from core.async_bridge import run_blocking
from core.sql_executor import SqlExecutor


class Preparation(Protocol):
    """What writes and checks one statement."""

    async def prepare(self, question: Question, request: SqlRequest) -> PreparedSql: ...


class SqlVoting:
    """See the module; as `SqlPreparation` with a single candidate.

    Args:
        candidates: how many statements are written for a question.
    """

    def __init__(self, *, preparation: Preparation, executor: SqlExecutor, candidates: int) -> None:
        self._preparation = preparation
        self._executor = executor
        self._candidates = candidates

    async def prepare(self, question: Question, request: SqlRequest) -> PreparedSql:
        """The first statement whose result most candidates have, with its rows; the first of equally many.

        Candidates without SQL vote together for having none. Rows are equal when their values are, whatever the columns
        are called and in whatever order the rows come.

        Raises:
            ServiceUnavailableError: model or business database cannot be reached, for every candidate.
        """
        if self._candidates <= 1:
            return await self._preparation.prepare(question, request)
        prepared = await self._written(question, replace(request, is_candidate=True))
        results = await self._results(prepared)
        chosen, votes = _elected([_ballot(one, results) for one in prepared])
        if chosen is None:
            return prepared[0]
        return replace(
            prepared[chosen],
            attempts=sum(one.attempts for one in prepared),
            candidates=self._candidates,
            agreeing=votes,
            records=results.get(prepared[chosen].sql or ""),
        )

    async def _written(self, question: Question, request: SqlRequest) -> list[PreparedSql]:
        """The candidates that came, at least one; what is no error of the outside is raised in any case."""
        preparing = (self._preparation.prepare(question, request) for _ in range(self._candidates))
        outcomes = await asyncio.gather(*preparing, return_exceptions=True)
        prepared = [one for one in outcomes if isinstance(one, PreparedSql)]
        for outcome in outcomes:
            is_lost = isinstance(outcome, CituError)
            if isinstance(outcome, BaseException) and not (is_lost and prepared):
                raise outcome
        return prepared

    async def _results(self, prepared: Sequence[PreparedSql]) -> dict[str, ResultSet]:
        """The rows of each admitted statement, each run once; one that the database breaks off has none."""
        statements = {one.sql: one for one in prepared if _is_admitted(one) and one.sql}
        found = await asyncio.gather(*(self._rows(one) for one in statements.values()))
        return {sql: rows for sql, rows in zip(statements, found, strict=True) if sql and rows is not None}

    async def _rows(self, prepared: PreparedSql) -> ResultSet | None:
        caller_left = CancelFlag()
        run = partial(self._executor.execute, prepared.sql or "", cancel=caller_left, planned=prepared.planned)
        try:
            return await run_blocking(run)
        except asyncio.CancelledError:
            caller_left.set()
            raise
        except (SqlRefusedError, SqlExecutionError):
            return None


def _is_admitted(prepared: PreparedSql) -> bool:
    return bool(prepared.sql) and prepared.user_prompt is None and prepared.explanation is None


def _ballot(prepared: PreparedSql, results: dict[str, ResultSet]) -> Hashable | None:
    """What the candidate votes for; None when its statement gave nothing."""
    if not _is_admitted(prepared):
        return "no statement"
    result = results.get(prepared.sql or "")
    if result is None:
        return None
    rows = Counter(tuple(repr(row.get(name)) for name in result.columns) for row in result.rows)
    return (len(result.columns), result.total_row_count, frozenset(rows.items()))


def _elected(ballots: Sequence[Hashable | None]) -> tuple[int | None, int]:
    """The place of the first candidate of the largest group, and how many it has; None when nobody votes."""
    counts = Counter(ballot for ballot in ballots if ballot is not None)
    if not counts:
        return None, 0
    most = max(counts.values())
    chosen = next(place for place, ballot in enumerate(ballots) if ballot is not None and counts[ballot] == most)
    return chosen, most

"""The check of a statement ends when the caller leaves."""

import asyncio
import threading
from datetime import date
from typing import Any, cast

import pytest

from agent.sql_preparation import CheckRules, SqlPreparation
from common.answering import Brain, Question, SqlDraft, SqlRequest
from common.business_schema import BusinessSchema, Column, Table
from common.cancellation import CancelSignal
from core.sql_executor import SqlExecutor

SCHEMA = BusinessSchema((Table("public", "a", "", (Column("n", "integer"),)),))


class WaitingExecutor:
    """Its checks last until they are told to stop."""

    def __init__(self) -> None:
        self.begun, self.stopped = threading.Event(), threading.Event()

    def check(self, sql: str, *, cancel: CancelSignal) -> None:
        self.begun.set()
        while not cancel.is_set():
            self.stopped.wait(0.01)
        self.stopped.set()

    explain = check


class OneDraft:
    def __init__(self, draft: SqlDraft) -> None:
        self._draft = draft

    def on_behalf_of(self, question: Question) -> "OneDraft":
        return self

    async def write_sql(self, request: SqlRequest) -> SqlDraft:
        return self._draft


@pytest.mark.parametrize(
    ("draft", "asks_planner"),
    [(SqlDraft(sql="SELECT n FROM a"), True), (SqlDraft(sql="SELECT n FROM a"), False),
     (SqlDraft(sql="SELECT n FROM a", is_intermediate=True), True)],
    ids=["planner", "guard alone", "look-up"],
)  # fmt: skip
def test_a_caller_who_leaves_ends_the_check(draft: SqlDraft, asks_planner: bool) -> None:
    executor = WaitingExecutor()
    brain = cast(Brain, OneDraft(draft))
    preparation = SqlPreparation(
        brain=brain, executor=cast(SqlExecutor, executor), rules=CheckRules(asks_planner=asks_planner)
    )

    async def leave() -> None:
        question: Any = Question("n", "default", "alice", "alice:1")
        request = SqlRequest("n", "", SCHEMA, date(2024, 5, 1))
        asked = asyncio.create_task(preparation.prepare(question, request))
        while not executor.begun.is_set():
            await asyncio.sleep(0.005)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    asyncio.run(leave())
    assert executor.stopped.wait(5)

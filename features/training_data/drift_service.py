"""Finds trained pairs that the schema has left behind: their SQL no longer passes the guard or the planner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from common.errors import SqlRefusedError
from common.messages import training_data as texts
from common.result import Envelope, success_response
from core.database import Database
from features.training_data.answers import told_as
from features.training_data.repository import Record, TrainingRepository
from features.training_data.schemas import Page

MOST_A_PAGE: Final = 50


class Verdict(Protocol):
    """What the planner says of a statement."""

    @property
    def is_accepted(self) -> bool: ...

    @property
    def is_too_costly(self) -> bool: ...

    @property
    def detail(self) -> str: ...

    @property
    def sqlstate(self) -> str | None: ...


class DriftService:
    """See the module.

    Args:
        database: the platform database.
        explain: the guard and the planner: a verdict, or `SqlRefusedError`.
    """

    def __init__(self, *, database: Database, explain: Callable[[str], Verdict]) -> None:
        self._database = database
        self._explain = explain

    def page(self, tenant: str, page: Page) -> Envelope:
        """The pairs of a page of all pairs that no longer work; `pagination` counts all pairs.

        Raises:
            StoreUnavailableError: one of the two databases is away.
        """
        with told_as(texts.REVIEW_FAILED):
            with self._database.session() as session:
                pairs, total = TrainingRepository(session, tenant).pairs(limit=page.page_size, offset=page.offset)
            drifted = [found for pair in pairs if (found := self._drift(pair)) is not None]
        data = {"drifted": drifted, "examined": len(pairs), "pagination": page.as_wire(total)}
        return success_response(texts.DRIFT_DONE.format(examined=len(pairs), drifted=len(drifted)), data)

    def all_drifted(self, tenant: str, *, most: int) -> Iterator[dict[str, Any]]:
        """Every pair that no longer works, of the first `most` pairs, as they are found.

        Raises:
            StoreUnavailableError: one of the two databases is away.
        """
        for offset in range(0, most, MOST_A_PAGE):
            with self._database.session() as session:
                pairs, total = TrainingRepository(session, tenant).pairs(
                    limit=min(MOST_A_PAGE, most - offset), offset=offset
                )
            yield from (found for pair in pairs if (found := self._drift(pair)) is not None)
            if offset + MOST_A_PAGE >= total:
                return

    def _drift(self, pair: Record) -> dict[str, Any] | None:
        about = {"id": pair["id"], "question": pair["question"], "sql": pair["content"]}
        try:
            verdict = self._explain(pair["content"])
        except SqlRefusedError as refusal:
            return {**about, "found_by": "guard", "rule": refusal.rule, "error": refusal.message}
        if verdict.is_accepted or verdict.is_too_costly:  # cost comes with the data, not with the schema
            return None
        return {**about, "found_by": "planner", "rule": verdict.sqlstate, "error": verdict.detail}

"""Trained pairs whose SQL a changed schema has broken: found here, taken out of use by whoever keeps the quarantine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import select

from common.errors import SqlRefusedError
from common.tenant import Tenant
from core.database import Database
from core.sql_executor import SqlExecutor
from core.vector_store.records import parse_document
from core.vector_store.tables import COLLECTION, EMBEDDING

_ROWS: Final = 500


@dataclass(frozen=True)
class TrainedPair:
    """A stored pair."""

    record_id: str
    question: str
    sql: str


@dataclass(frozen=True)
class BrokenRecord:
    """A stored pair whose SQL no longer passes, and the guard's or the planner's reason."""

    record_id: str
    question: str
    sql: str
    error: str


Quarantine = Callable[[str, Sequence[BrokenRecord]], int]
"""Takes records of a tenant out of use and returns how many; one that is there already is no error.

Built where the quarantine lives and handed to the training step by `bootstrap`.
"""


class TrainedPairs(Protocol):
    """Reads a tenant's trained pairs."""

    def pairs(self, tenant: str) -> Iterator[TrainedPair]: ...


class StoredPairs:
    """`TrainedPairs` of the platform database, read in pages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pairs(self, tenant: str) -> Iterator[TrainedPair]:
        """Every readable pair, by id.

        Raises:
            StoreUnavailableError: the platform database cannot be reached.
        """
        last = ""
        while True:
            statement = (
                select(EMBEDDING.c.id, EMBEDDING.c.document)
                .join(COLLECTION, COLLECTION.c.uuid == EMBEDDING.c.collection_id)
                .where(EMBEDDING.c.tenant_id == Tenant(tenant), COLLECTION.c.name == "sql", EMBEDDING.c.id > last)
                .order_by(EMBEDDING.c.id)
                .limit(_ROWS)
            )
            with self._database.session() as session:
                rows = session.execute(statement).all()
            for row in rows:
                item = parse_document("sql", row.document or "")
                if item is not None:
                    yield TrainedPair(row.id, item.question, item.content)
            if len(rows) < _ROWS:
                return
            last = rows[-1].id


def broken_records(
    pairs: Iterator[TrainedPair], difference: Mapping[str, Any], executor: SqlExecutor, *, check: Callable[[], None]
) -> list[BrokenRecord]:
    """The pairs that speak of a changed or removed table and no longer pass.

    Args:
        difference: of `schema_diff.compare`.
        check: called between statements; what it raises ends the search.

    Raises:
        StoreUnavailableError: the business database cannot be reached; nothing is decided then.
    """
    names = [name.partition(".")[2] for name in (*difference["removed_tables"], *difference["changed_tables"])]
    if not names:
        return []
    mentions = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names), re.IGNORECASE)
    broken: list[BrokenRecord] = []
    for pair in pairs:
        if mentions.search(pair.sql):
            check()
            if error := _error(executor, pair.sql):
                broken.append(BrokenRecord(pair.record_id, pair.question, pair.sql, error))
    return broken


def _error(executor: SqlExecutor, sql: str) -> str:
    try:
        verdict = executor.explain(sql)
    except SqlRefusedError as error:
        return error.message
    # a statement that has become dear or ran into a lock is not broken
    is_broken = not verdict.is_accepted and not verdict.is_too_costly and (verdict.sqlstate or "").startswith("42")
    return verdict.detail if is_broken else ""

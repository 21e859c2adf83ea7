"""Embeds anew what the current model cannot search: records of another model or dimension, or of writers without one.

Called by `scripts.reembed`; a background job may call it likewise. Work is done in batches of one transaction each: it
may be broken off at any moment and goes on where it was, and running it twice changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Row, text

from core.database import Database
from core.llm.metering import CallAccount
from core.logging import get_app_logger
from core.vector_store.ann_index import VectorSpace, build
from core.vector_store.embedding import Embedder
from core.vector_store.lexical import bigrams
from core.vector_store.records import KINDS, parse_document
from core.vector_store.search import checked_vectors

_LOGGER = get_app_logger("reembedding")
_NOBODY: Final = "nobody"
_ROUTE: Final = "reembed"
_STALE: Final = """
    FROM langchain_pg_embedding e JOIN langchain_pg_collection c ON c.uuid = e.collection_id
    WHERE c.name = ANY (:kinds) AND e.document IS NOT NULL
      AND (e.embedding_model IS DISTINCT FROM :model OR e.embedding_dimension IS DISTINCT FROM :dimension
           OR e.embedding IS NULL OR e.lexical_terms IS NULL)
"""
_COUNT: Final = text(f"SELECT count(*) {_STALE}")
_BATCH: Final = text(
    f"SELECT e.id, e.tenant_id, c.name AS kind, e.document {_STALE} AND e.id > :after ORDER BY e.id LIMIT :most"
)
# a record that was changed or deleted meanwhile is left to whoever changed it
_UPDATE: Final = text(
    """
    UPDATE langchain_pg_embedding e
    SET embedding = CAST(:vector AS vector), embedding_model = :model, embedding_dimension = :dimension,
        lexical_terms = array_to_tsvector(CAST(:terms AS text[]))
    WHERE e.id = :id AND e.document = :document
    """
)


@dataclass(frozen=True)
class Reembedded:
    """What a run did. `unreadable` records have no text to embed; they stay as they are."""

    embedded: int = 0
    unreadable: int = 0
    has_index: bool = False


class Reembedding:
    """Brings the records of all tenants into the vector space of `embedder`.

    Args:
        batch_size: records a transaction.
    """

    def __init__(self, *, database: Database, embedder: Embedder, batch_size: int = 200) -> None:
        self._database = database
        self._embedder = embedder
        self._space = VectorSpace.of(embedder)
        self._batch_size = batch_size

    def pending(self) -> int:
        """Records that need a new vector now; raises `StoreUnavailableError`."""
        with self._database.session() as session:
            return session.scalar(_COUNT, self._parameters()) or 0

    def run(self, progress: Callable[[int, int], None] = lambda _done, _total: None) -> Reembedded:
        """Embed every pending record, then see to the approximate index.

        Args:
            progress: told after each batch how many are done, of how many.

        Raises:
            ModelUnavailableError: the embedder does not answer; the batches done stay done.
            StoreUnavailableError: the database is away, or another process is at the index.
        """
        total, outcome, after = self.pending(), Reembedded(), ""
        while batch := self._next(after):
            readable = [record for record in map(_readable, batch) if record is not None]
            self._embed(readable)
            after = batch[-1].id
            outcome = Reembedded(outcome.embedded + len(readable), outcome.unreadable + len(batch) - len(readable))
            progress(outcome.embedded + outcome.unreadable, max(total, outcome.embedded + outcome.unreadable))
        _LOGGER.info("embedded anew: %d records, %d unreadable", outcome.embedded, outcome.unreadable)
        return replace(outcome, has_index=build(self._database, self._space))

    def _next(self, after: str) -> Sequence[Row[Any]]:
        with self._database.session() as session:
            return session.execute(_BATCH, self._parameters() | {"after": after, "most": self._batch_size}).all()

    def _embed(self, records: Sequence[tuple[Row[Any], str]]) -> None:
        by_tenant: defaultdict[str, list[tuple[Row[Any], str]]] = defaultdict(list)
        for record in records:
            by_tenant[record[0].tenant_id].append(record)
        for tenant, theirs in by_tenant.items():
            account = CallAccount(tenant, _NOBODY, _ROUTE)
            vectors = checked_vectors(self._embedder, [searched for _, searched in theirs], account)
            rows = [
                {
                    "id": row.id,
                    "document": row.document,
                    "vector": str(vector),
                    "terms": bigrams(searched),
                    "model": self._space.model,
                    "dimension": self._space.dimension,
                }
                for (row, searched), vector in zip(theirs, vectors, strict=True)
            ]
            with self._database.session() as session:
                session.execute(_UPDATE, rows)

    def _parameters(self) -> dict[str, Any]:
        return {"kinds": list(KINDS), "model": self._space.model, "dimension": self._space.dimension}


def _readable(row: Row[Any]) -> tuple[Row[Any], str] | None:
    item = parse_document(row.kind, row.document)
    searched = item.searched_text(row.kind) if item is not None else ""
    return (row, searched) if searched and "\0" not in searched else None

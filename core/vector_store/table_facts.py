"""What the search must know of the table to choose its way: how many records, which index, which words are common.

Looked up in the database and kept for a minute; a search may plan by facts that are a minute old.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from core.vector_store.ann_index import VectorSpace
from core.vector_store.lexical import all_of, any_of

KEPT_SECONDS: Final = 60.0
EXACT_ROWS: Final = 4_000
MATCHED_ROWS: Final = 2_000
_RAREST: Final = 3
_KEPT_FACTS: Final = 2_000
_ITERATIVE_SCANS_SINCE: Final = (0, 8)

_LARGE_KINDS: Final = text(
    """
    SELECT c.name FROM langchain_pg_collection c WHERE :most < (
        SELECT count(*) FROM (SELECT 1 FROM langchain_pg_embedding e
                              WHERE e.tenant_id = :tenant AND e.collection_id = c.uuid LIMIT :most + 1) counted)
    """
)
_INDEX: Final = text(
    "SELECT e.extversion FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid, pg_extension e "
    "WHERE c.relname = :name AND pg_table_is_visible(c.oid) AND i.indisvalid AND e.extname = 'vector'"
)
_COMMON_TERMS: Final = text(
    """
    SELECT s.most_common_elems::text::text[], s.most_common_elem_freqs, c.reltuples
    FROM pg_stats s JOIN pg_class c ON c.relname = s.tablename AND pg_table_is_visible(c.oid)
    WHERE s.tablename = 'langchain_pg_embedding' AND s.attname = 'lexical_terms'
      AND c.relnamespace = to_regnamespace(quote_ident(s.schemaname))
    """
)


class TableFacts:
    """Facts of one table; threads share it."""

    def __init__(self, space: VectorSpace, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._space = space
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Any]] = {}

    def large_kinds(self, session: Session | Connection, tenant: str) -> frozenset[str]:
        """The kinds of which the tenant has more records than exact search takes in passing."""
        parameters = {"tenant": tenant, "most": EXACT_ROWS}
        found: frozenset[str] = self._cached(
            f"large {tenant}", lambda: frozenset(session.scalars(_LARGE_KINDS, parameters))
        )
        return found

    def has_index(self, session: Session | Connection) -> bool:
        """Whether the approximate index of this vector space can be used, filters included (pgvector 0.8)."""

        def look() -> bool:
            version = session.scalar(_INDEX, {"name": self._space.index_name})
            numbers = tuple(int(part) for part in str(version or "0.0").split(".")[:2])
            return numbers >= _ITERATIVE_SCANS_SINCE

        return bool(self._cached("index", look))

    def selective_query(self, session: Session, terms: Sequence[str]) -> str:
        """A `tsquery` of the rarest of `terms`, so that only about `MATCHED_ROWS` records match."""
        return selective_query(terms, self._cached("terms", lambda: _expected_rows(session)))

    def forget(self) -> None:
        """Look everything up anew, for instance after an index was built."""
        with self._lock:
            self._known.clear()

    def _cached(self, name: str, look: Callable[[], Any]) -> Any:
        now = self._clock()
        known = self._known.get(name)
        if known is not None and now - known[0] < KEPT_SECONDS:
            return known[1]
        found = look()
        with self._lock:
            if len(self._known) >= _KEPT_FACTS:
                self._known.clear()
            self._known[name] = (now, found)
        return found


def selective_query(terms: Sequence[str], expected_rows: Mapping[str, float]) -> str:
    """Any of the rarest terms, as many as together match few rows; when each is common, all of the rarest three.

    A term that is not among the known common ones is taken to be rare.
    """
    ordered = sorted(terms, key=lambda term: expected_rows.get(term, 0.0))
    chosen: list[str] = []
    matched = 0.0
    for term in ordered:
        matched += expected_rows.get(term, 0.0)
        if matched > MATCHED_ROWS:
            break
        chosen.append(term)
    return any_of(chosen) if chosen else all_of(ordered[:_RAREST])


def _expected_rows(session: Session) -> dict[str, float]:
    row = session.execute(_COMMON_TERMS).first()
    if row is None or row[0] is None:
        return {}
    return {term: share * max(row[2], 0.0) for term, share in zip(row[0], row[1], strict=False)}

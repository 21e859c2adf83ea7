"""Finds training records: by vector and by words, fused by rank; exactly in small collections, by index in large ones.

Used by the vector store. When no embedding can be had, words alone find what they can.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Row, text
from sqlalchemy.orm import Session

from common.errors import ModelUnavailableError
from common.tenant import Tenant
from core.database import Database
from core.llm.metering import CallAccount
from core.logging import get_app_logger
from core.vector_store.ann_index import VectorSpace
from core.vector_store.embedding import Embedder
from core.vector_store.fusion import fuse_by_rank, keep_similar
from core.vector_store.lexical import any_of, bigrams, shared_share
from core.vector_store.records import Kind, Match, parse_document
from core.vector_store.table_facts import MATCHED_ROWS, TableFacts

_LOGGER = get_app_logger("training_search")
_CANDIDATES_PER_RESULT: Final = 4
_MIN_CANDIDATES: Final = 20
_MAX_RESULTS: Final = 200
_SCAN_CANDIDATES: Final = 100
_NO_TERMS: Final = ""

_EXACT: Final = text(
    """
    WITH asked AS MATERIALIZED (SELECT CAST(:vector AS vector) AS vector, CAST(:terms AS tsquery) AS terms)
    SELECT wanted.kind, found.* FROM unnest(CAST(:kinds AS text[]), CAST(:candidates AS int[])) AS wanted (kind, most)
    JOIN langchain_pg_collection c ON c.name = wanted.kind
    CROSS JOIN asked
    CROSS JOIN LATERAL (
        WITH mine AS NOT MATERIALIZED (
            SELECT e.id, e.document, e.embedding, e.lexical_terms FROM langchain_pg_embedding e
            WHERE e.collection_id = c.uuid AND e.tenant_id = :tenant
              AND e.embedding_model = :model AND e.embedding_dimension = :dimension AND e.waits_for IS NULL
        ), near AS (
            SELECT id, row_number() OVER (ORDER BY distance, id) AS place
            FROM (SELECT id, embedding <=> asked.vector AS distance FROM mine
                  ORDER BY distance, id LIMIT wanted.most) nearest
        ), worded AS (
            SELECT id, row_number() OVER (ORDER BY weight DESC, id) AS place
            FROM (SELECT id, ts_rank(lexical_terms, asked.terms, 1) AS weight FROM mine
                  WHERE lexical_terms @@ asked.terms ORDER BY weight DESC, id LIMIT wanted.most) best
        )
        SELECT one.id, one.document, 1 - (one.embedding <=> asked.vector) AS similarity,
               near.place AS near_place, worded.place AS worded_place, one.reviewed_at IS NOT NULL AS is_reviewed,
               one.reviewed_at IS NULL AND coalesce(one.cmetadata ->> 'use' = 'new_words', false) AS adds_only
        FROM near FULL JOIN worded USING (id) JOIN langchain_pg_embedding one USING (id)
    ) found
    """
)
# `enable_sort` off makes the planner take the order from the index whatever it believes of the filters.
_SCAN_SETTINGS: Final = (
    "SET LOCAL hnsw.iterative_scan = strict_order; SET LOCAL hnsw.ef_search = {ef_search}; SET LOCAL enable_sort = off;"
)
_NEAREST: Final = """
    SELECT e.id FROM langchain_pg_embedding e
    WHERE e.collection_id = (SELECT uuid FROM langchain_pg_collection WHERE name = :kind) AND e.tenant_id = :tenant
      AND e.embedding_model = :model AND e.embedding_dimension = :dimension AND e.waits_for IS NULL
    ORDER BY {expression} <=> CAST(:vector AS halfvec({dimension})) LIMIT :candidates
"""
_WORDED: Final = text(
    """
    SELECT id, document, is_reviewed, adds_only FROM (
        SELECT e.id, e.document, e.lexical_terms, e.reviewed_at IS NOT NULL AS is_reviewed,
               e.reviewed_at IS NULL AND coalesce(e.cmetadata ->> 'use' = 'new_words', false) AS adds_only
        FROM langchain_pg_embedding e
        WHERE e.lexical_terms @@ CAST(:terms AS tsquery) AND e.tenant_id = :tenant AND e.waits_for IS NULL
          AND e.collection_id = (SELECT uuid FROM langchain_pg_collection WHERE name = :kind)
          AND (CAST(:model AS text) IS NULL OR (e.embedding_model = :model AND e.embedding_dimension = :dimension))
        LIMIT :matched) matching
    ORDER BY ts_rank(lexical_terms, CAST(:terms AS tsquery), 1) DESC, id LIMIT :candidates
    """
)
_BY_ID: Final = text(
    """
    SELECT wanted.id, e.document, 1 - (e.embedding <=> CAST(:vector AS vector)) AS similarity,
           wanted.near_place, wanted.worded_place, e.reviewed_at IS NOT NULL AS is_reviewed,
           e.reviewed_at IS NULL AND coalesce(e.cmetadata ->> 'use' = 'new_words', false) AS adds_only
    FROM unnest(CAST(:ids AS text[]), CAST(:near AS int[]), CAST(:worded AS int[]))
         AS wanted (id, near_place, worded_place)
    JOIN langchain_pg_embedding e ON e.id = wanted.id
    """
)


@dataclass(frozen=True)
class Wanted:
    """How many records of a kind, and the least similarity (0..1) they should have; None leaves them by rank."""

    limit: int = 6
    threshold: float | None = None

    @property
    def candidates(self) -> int:
        return max(self.limit * _CANDIDATES_PER_RESULT, _MIN_CANDIDATES)


@dataclass(frozen=True)
class Found:
    """What was found of each kind that was wanted. `is_lexical_only`: there was no embedding to search with.

    Then a match's `score` is the share of its words, as bigrams, that it has in common with the query.
    """

    matches: Mapping[Kind, Sequence[Match]] = field(default_factory=dict)
    is_lexical_only: bool = False


class TrainingSearch:
    """Searches the records of one vector space; threads share it."""

    def __init__(self, database: Database, embedder: Embedder) -> None:
        self._database = database
        self._embedder = embedder
        self._space = VectorSpace.of(embedder)
        self.facts = TableFacts(self._space)

    def find(self, tenant: str, query: str, wanted: Mapping[Kind, Wanted], account: CallAccount) -> Found:
        """The records that fit `query` best, kind by kind, with one embedding for all.

        With a threshold, most similar first: wrong SQL must reach it, of the others at least half stay anyway.

        Raises:
            StoreUnavailableError: the database is away.
        """
        try:
            vector = _checked(self._embedder, self._embedder.embed_question(query, account=account))
        except ModelUnavailableError as error:
            _LOGGER.warning("searching by words alone: %s", error.error_type)
            return self.find_by_words(Tenant(tenant), query, wanted)
        rows = self._rows(Tenant(tenant), query, vector, wanted)
        matches = {kind: _chosen(kind, _ranked(kind, rows.get(kind, ())), wish) for kind, wish in wanted.items()}
        return Found(matches)

    def nearest(self, session: Session, tenant: str, kind: Kind, vector: Sequence[float], candidates: int) -> list[str]:
        """Ids by vector alone, nearest first, by the approximate index."""
        settings = _SCAN_SETTINGS.format(ef_search=max(_SCAN_CANDIDATES, min(1_000, 2 * candidates)))
        query = _NEAREST.format(expression=f"e.{self._space.expression[1:-1]}", dimension=self._space.dimension)
        parameters = self._parameters(tenant, vector) | {"kind": kind, "candidates": candidates}
        return list(session.scalars(text(settings + query), parameters))

    def _rows(
        self, tenant: Tenant, query: str, vector: Sequence[float], wanted: Mapping[Kind, Wanted]
    ) -> dict[str, list[Row[Any]]]:
        rows: dict[str, list[Row[Any]]] = {}
        terms = bigrams(query)
        with self._database.autocommit() as connection:  # each statement stands for itself: no BEGIN and COMMIT
            large = self.facts.large_kinds(connection, tenant) & set(wanted)
            by_index = large if large and self.facts.has_index(connection) else frozenset()
            small = {kind: wish for kind, wish in wanted.items() if kind not in by_index}
            for row in self._exact(connection, tenant, terms, vector, small):
                rows.setdefault(row.kind, []).append(row)
        for kind in (kind for kind in wanted if kind in by_index):
            rows[kind] = self._by_index(tenant, kind, terms, vector, wanted[kind])
        return rows

    def _exact(
        self,
        connection: Connection,
        tenant: Tenant,
        terms: list[str],
        vector: Sequence[float],
        wanted: Mapping[Kind, Wanted],
    ) -> Sequence[Row[Any]]:
        if not wanted:
            return ()
        parameters = self._parameters(tenant, vector) | {
            "kinds": list(wanted),
            "candidates": [wish.candidates for wish in wanted.values()],
            "terms": any_of(terms),
        }
        return connection.execute(_EXACT, parameters).all()

    def _by_index(
        self, tenant: Tenant, kind: Kind, terms: list[str], vector: Sequence[float], wish: Wanted
    ) -> list[Row[Any]]:
        with self._database.session() as session:
            near = self.nearest(session, tenant, kind, vector, wish.candidates)
        with self._database.session() as session:
            space = {"model": self._space.model, "dimension": self._space.dimension}
            words = self.facts.selective_query(session, terms)
            worded = [row.id for row in _worded(session, tenant, kind, words, wish.candidates, space)]
            ids = list(dict.fromkeys([*near, *worded]))
            places = {
                "vector": _literal(vector),
                "ids": ids,
                "near": [near.index(one) + 1 if one in near else None for one in ids],
                "worded": [worded.index(one) + 1 if one in worded else None for one in ids],
            }
            return list(session.execute(_BY_ID, places))

    def find_by_words(self, tenant: Tenant, query: str, wanted: Mapping[Kind, Wanted]) -> Found:
        """The records that share the most words with the query; nothing is embedded."""
        matches: dict[Kind, Sequence[Match]] = {}
        terms = bigrams(query)
        with self._database.session() as session:
            words = self.facts.selective_query(session, terms)
            for kind, wish in wanted.items():
                rows = _worded(session, tenant, kind, words, wish.candidates, {"model": None, "dimension": None})
                matches[kind] = _chosen(kind, _by_shared_words(kind, rows, terms), wish)
        return Found(matches, is_lexical_only=True)

    def _parameters(self, tenant: str, vector: Sequence[float]) -> dict[str, Any]:
        return {
            "tenant": tenant,
            "model": self._space.model,
            "dimension": self._space.dimension,
            "vector": _literal(vector),
        }


def checked_vectors(embedder: Embedder, texts: Sequence[str], account: CallAccount) -> list[list[float]]:
    """One vector for each text.

    Raises:
        ModelUnavailableError: the embedder does not answer.
        ValueError: it gave vectors of another number or dimension.
    """
    vectors = embedder.embed(texts, account=account)
    if len(vectors) != len(texts):
        raise ValueError(f"{embedder.model_name} gave another number of vectors")
    return [_checked(embedder, vector) for vector in vectors]


def _checked(embedder: Embedder, vector: list[float]) -> list[float]:
    if len(vector) != embedder.dimension:
        raise ValueError(f"{embedder.model_name} gave a vector of another dimension")
    return vector


def _worded(
    session: Session, tenant: str, kind: Kind, words: str, candidates: int, space: Mapping[str, Any]
) -> Sequence[Row[Any]]:
    if words == _NO_TERMS:
        return ()
    parameters = {
        "tenant": tenant, "kind": kind, "terms": words, "candidates": candidates, "matched": 2 * MATCHED_ROWS, **space
    }  # fmt: skip
    return session.execute(_WORDED, parameters).all()


def _chosen(kind: Kind, matches: list[Match], wish: Wanted) -> list[Match]:
    best = matches[: min(max(wish.limit, 1), _MAX_RESULTS)]
    if wish.threshold is None:
        return best
    return keep_similar(best, wish.threshold, score=lambda match: match.score, is_strict=kind == "error_sql")


def _ranked(kind: Kind, rows: Sequence[Row[Any]]) -> list[Match]:
    by_id = {row.id: row for row in rows}
    near = sorted((row for row in rows if row.near_place), key=lambda row: row.near_place)
    worded = sorted((row for row in rows if row.worded_place), key=lambda row: row.worded_place)
    fused = fuse_by_rank([row.id for row in near], [row.id for row in worded])
    return _matches(kind, [(by_id[record_id], by_id[record_id].similarity) for record_id in fused])


def _by_shared_words(kind: Kind, rows: Sequence[Row[Any]], terms: Sequence[str]) -> list[Match]:
    found = []
    for row in rows:
        item = parse_document(kind, row.document or "")
        if item is not None:
            found.append((row, shared_share(terms, bigrams(item.searched_text(kind)))))
    return _matches(kind, sorted(found, key=lambda each: -each[1]))


def _matches(kind: Kind, found: Sequence[tuple[Row[Any], float]]) -> list[Match]:
    matches: list[Match] = []
    for row, similarity in found:
        item = parse_document(kind, row.document or "")
        if item is not None:
            place, score = len(matches) + 1, _score(similarity)
            matches.append(
                Match(row.id, kind, item.content, item.question, score, place, row.is_reviewed, row.adds_only)
            )
    return matches


def _literal(vector: Sequence[float]) -> str:
    return "[" + ",".join([repr(number) if number else "0" for number in vector]) + "]"


def _score(similarity: float) -> float:
    """Between 0 and 1, four decimals. The zero vector of an empty text has no angle to anything: 0."""
    return 0.0 if math.isnan(similarity) else round(min(max(similarity, 0.0), 1.0), 4)

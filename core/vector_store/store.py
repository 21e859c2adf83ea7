"""The training store: examples kept per tenant and found by vector similarity and by words, fused by rank.

The question services and the training services use it. It lives in the platform database; when that is away every
method raises `StoreUnavailableError` and the caller goes on without examples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Row, TextClause, and_, cast, delete, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.orm import Session

from common.tenant import Tenant
from core.database import Database
from core.vector_store.embedding import Embedder
from core.vector_store.fusion import fuse_by_rank, keep_similar
from core.vector_store.lexical import any_of, bigrams
from core.vector_store.records import (
    KINDS,
    Kind,
    Match,
    RecordCounts,
    TrainingItem,
    content_hash,
    is_record_id,
    new_record_id,
    parse_document,
)
from core.vector_store.tables import COLLECTION, EMBEDDING, REVISION

_ROWS_PER_INSERT: Final = 100
_CANDIDATES_PER_RESULT: Final = 4
_MIN_CANDIDATES: Final = 20
_MAX_RESULTS: Final = 200
_REFRESHED_COLUMNS: Final = ("embedding", "embedding_model", "embedding_dimension", "lexical_terms")

_SEARCH: Final[TextClause] = text(
    """
    WITH mine AS NOT MATERIALIZED (
        SELECT e.id, e.document, e.embedding, e.lexical_terms
        FROM langchain_pg_embedding e JOIN langchain_pg_collection c ON c.uuid = e.collection_id
        WHERE c.name = :kind AND e.tenant_id = :tenant
          AND e.embedding_model = :model AND e.embedding_dimension = :dimension
    ), near AS (
        SELECT id, row_number() OVER (ORDER BY distance, id) AS place
        FROM (SELECT id, embedding <=> CAST(:vector AS vector) AS distance FROM mine
              ORDER BY distance, id LIMIT :candidates) nearest
    ), worded AS (
        SELECT id, row_number() OVER (ORDER BY weight DESC, id) AS place
        FROM (SELECT id, ts_rank(lexical_terms, CAST(:terms AS tsquery), 1) AS weight FROM mine
              WHERE lexical_terms @@ CAST(:terms AS tsquery) ORDER BY weight DESC, id LIMIT :candidates) best
    )
    SELECT mine.id, mine.document, 1 - (mine.embedding <=> CAST(:vector AS vector)) AS similarity,
           near.place AS near_place, worded.place AS worded_place
    FROM near FULL JOIN worded USING (id) JOIN mine USING (id)
    """
)


@dataclass(frozen=True)
class _NewRecord:
    item: TrainingItem
    document: str
    hash: str


class VectorStore:
    """Training records of all tenants, searchable with vectors of `embedder`'s model only."""

    def __init__(self, database: Database, embedder: Embedder) -> None:
        self._database = database
        self._embedder = embedder

    def add(self, tenant: str, kind: Kind, items: Iterable[TrainingItem]) -> list[str]:
        """Store the items and return their ids, in order. What is there already keeps its id and is not doubled.

        Raises:
            ValueError: an item lacks its text. Nothing is stored then.
            ModelUnavailableError: the embedder does not answer. Nothing is stored then.
        """
        name = Tenant(tenant)
        records = [_new_record(kind, item) for item in items]
        with self._database.session() as session:
            ids = self._known_ids(session, name, kind, [record.hash for record in records])
        missing = list({record.hash: record for record in records if record.hash not in ids}.values())
        if missing:
            vectors = self._embed([record.item.searched_text(kind) for record in missing])
            with self._database.session() as session:
                ids |= self._insert(session, name, kind, missing, vectors)
        return [ids[record.hash] for record in records]

    def search(
        self, tenant: str, kind: Kind, query: str, *, limit: int = 6, threshold: float | None = None
    ) -> list[Match]:
        """The records that fit `query` best, by fused rank; `score` is the cosine similarity.

        With a threshold, most similar first: wrong SQL must reach it, of the others at least half stay anyway.

        Raises:
            ModelUnavailableError: the embedder does not answer.
        """
        limit = min(max(limit, 1), _MAX_RESULTS)
        matches = _ranked(kind, self._candidates(Tenant(tenant), kind, query, limit))[:limit]
        if threshold is None:
            return matches
        return keep_similar(matches, threshold, score=lambda match: match.score, is_strict=kind == "error_sql")

    def count(self, tenant: str) -> RecordCounts:
        """How many records there are of each kind, and how many the current embedder cannot search."""
        usable = func.coalesce(and_(*self._is_usable()), False)
        statement = (
            select(COLLECTION.c.name, func.count(), func.count().filter(~usable))
            .join(EMBEDDING, EMBEDDING.c.collection_id == COLLECTION.c.uuid)
            .where(EMBEDDING.c.tenant_id == Tenant(tenant), COLLECTION.c.name.in_(KINDS))
            .group_by(COLLECTION.c.name)
        )
        with self._database.session() as session:
            rows = session.execute(statement).all()
        totals: dict[str, int] = {row[0]: row[1] for row in rows}
        return RecordCounts(**totals, unusable=sum(row[2] for row in rows))

    def delete(self, tenant: str, ids: Iterable[str]) -> list[str]:
        """Delete records and return the ids that were there; those of another tenant count as missing."""
        statement = (
            delete(EMBEDDING)
            .where(EMBEDDING.c.tenant_id == Tenant(tenant), EMBEDDING.c.id.in_(list(filter(is_record_id, ids))))
            .returning(EMBEDDING.c.id)
        )
        with self._database.session() as session:
            return list(session.scalars(statement))

    def revision(self, tenant: str) -> int:
        """A number that grows with every change of the tenant's records, whoever made it. 0 when there was none."""
        statement = select(REVISION.c.revision).where(REVISION.c.tenant_id == Tenant(tenant))
        with self._database.session() as session:
            return session.scalar(statement) or 0

    def _embed(self, texts: Sequence[str]) -> list[list[float]]:
        vectors = self._embedder.embed(texts)
        if len(vectors) != len(texts) or any(len(vector) != self._embedder.dimension for vector in vectors):
            raise ValueError(f"{self._embedder.model_name} gave vectors of another number or dimension")
        return vectors

    def _is_usable(self) -> tuple[Any, Any]:
        return (
            EMBEDDING.c.embedding_model == self._embedder.model_name,
            EMBEDDING.c.embedding_dimension == self._embedder.dimension,
        )

    def _known_ids(self, session: Session, tenant: Tenant, kind: Kind, hashes: Sequence[str]) -> dict[str, str]:
        """Ids by content hash. A record that needs a new vector counts as unknown; `_insert` refreshes it."""
        statement = (
            select(EMBEDDING.c.content_hash, EMBEDDING.c.id)
            .join(COLLECTION, COLLECTION.c.uuid == EMBEDDING.c.collection_id)
            .where(COLLECTION.c.name == kind, EMBEDDING.c.tenant_id == tenant)
            .where(EMBEDDING.c.content_hash.in_(hashes), *self._is_usable())
        )
        return {row[0]: row[1] for row in session.execute(statement)}

    def _insert(
        self,
        session: Session,
        tenant: Tenant,
        kind: Kind,
        records: Sequence[_NewRecord],
        vectors: Sequence[list[float]],
    ) -> dict[str, str]:
        collection_id = _collection_id(session, kind)
        rows = [
            self._row(tenant, kind, collection_id, record, vector)
            for record, vector in zip(records, vectors, strict=True)
        ]
        rows.sort(key=lambda row: str(row["content_hash"]))
        ids: dict[str, str] = {}
        for start in range(0, len(rows), _ROWS_PER_INSERT):
            statement = insert(EMBEDDING).values(rows[start : start + _ROWS_PER_INSERT])
            refreshed = {name: statement.excluded[name] for name in _REFRESHED_COLUMNS}
            result = session.execute(
                statement.on_conflict_do_update(
                    index_elements=["tenant_id", "collection_id", "content_hash"], set_=refreshed
                ).returning(EMBEDDING.c.content_hash, EMBEDDING.c.id)
            )
            ids.update((row[0], row[1]) for row in result)
        return ids

    def _row(
        self, tenant: Tenant, kind: Kind, collection_id: UUID, record: _NewRecord, vector: list[float]
    ) -> Mapping[str, Any]:
        record_id = new_record_id(kind)
        creation = {"createdat": None} if kind in ("sql", "error_sql") else {}
        terms = cast(bigrams(record.item.searched_text(kind)), ARRAY(TEXT))
        return {
            "id": record_id,
            "collection_id": collection_id,
            "embedding": vector,
            "document": record.document,
            "cmetadata": {"id": record_id, **creation},
            "tenant_id": tenant,
            "content_hash": record.hash,
            "embedding_model": self._embedder.model_name,
            "embedding_dimension": self._embedder.dimension,
            "lexical_terms": func.array_to_tsvector(terms),
        }

    def _candidates(self, tenant: Tenant, kind: Kind, query: str, limit: int) -> Sequence[Row[Any]]:
        vector = self._embed([query])[0]
        parameters = {
            "tenant": tenant,
            "kind": kind,
            "model": self._embedder.model_name,
            "dimension": self._embedder.dimension,
            "vector": "[" + ",".join(map(repr, vector)) + "]",
            "terms": any_of(bigrams(query)),
            "candidates": max(limit * _CANDIDATES_PER_RESULT, _MIN_CANDIDATES),
        }
        with self._database.session() as session:
            return session.execute(_SEARCH, parameters).all()


def _new_record(kind: Kind, item: TrainingItem) -> _NewRecord:
    document = item.document(kind)
    return _NewRecord(item, document, content_hash(document))


def _collection_id(session: Session, kind: Kind) -> UUID:
    session.execute(insert(COLLECTION).values(uuid=uuid4(), name=kind).on_conflict_do_nothing(index_elements=["name"]))
    collection_id: UUID = session.scalars(select(COLLECTION.c.uuid).where(COLLECTION.c.name == kind)).one()
    return collection_id


def _ranked(kind: Kind, rows: Sequence[Row[Any]]) -> list[Match]:
    by_id = {row.id: row for row in rows}
    near = sorted((row for row in rows if row.near_place), key=lambda row: row.near_place)
    worded = sorted((row for row in rows if row.worded_place), key=lambda row: row.worded_place)
    matches: list[Match] = []
    for record_id in fuse_by_rank([row.id for row in near], [row.id for row in worded]):
        row = by_id[record_id]
        item = parse_document(kind, row.document or "")
        if item is not None:
            matches.append(
                Match(record_id, kind, item.content, item.question, _score(row.similarity), len(matches) + 1)
            )
    return matches


def _score(similarity: float) -> float:
    """Between 0 and 1, four decimals. The zero vector of an empty text has no angle to anything: 0."""
    return 0.0 if math.isnan(similarity) else round(min(max(similarity, 0.0), 1.0), 4)

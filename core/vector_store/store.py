"""The training store: examples kept per tenant and found by vector similarity and by words, fused by rank.

The question services read it; `core.vector_store.door` writes it. It lives in the platform database; when that is away
every method raises `StoreUnavailableError` and the caller goes on without examples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import and_, cast, delete, func, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.orm import Session

from common.tenant import Tenant
from core.database import Database
from core.llm.metering import CallAccount
from core.vector_store.embedding import Embedder
from core.vector_store.lexical import bigrams
from core.vector_store.records import (
    KINDS,
    Kind,
    Match,
    RecordCounts,
    TrainingItem,
    content_hash,
    is_record_id,
    new_record_id,
)
from core.vector_store.reviewed import reviewed_pairs_near, reviewed_terms
from core.vector_store.search import Found, TrainingSearch, Wanted, checked_vectors
from core.vector_store.tables import COLLECTION, EMBEDDING, REVISION

NOBODY: Final = "nobody"
TRAINING: Final = "training"


@dataclass(frozen=True)
class _NewRecord:
    item: TrainingItem
    document: str
    hash: str


class VectorStore:
    """Training records of all tenants, searchable with vectors of `embedder`'s model only."""

    def __init__(self, database: Database, embedder: Embedder) -> None:
        self.database = self._database = database
        self._embedder = embedder
        self._search = TrainingSearch(database, embedder)

    def prepare(
        self, tenant: str, kind: Kind, items: Sequence[TrainingItem], *, account: CallAccount | None = None
    ) -> list[dict[str, Any]]:
        """Rows of the items as they would be stored, vectors included, without a collection. Nothing is stored.

        Raises:
            ValueError: an item lacks its text.
            ModelUnavailableError: the embedder does not answer.
        """
        name = Tenant(tenant)
        records = [_new_record(kind, item) for item in items]
        texts = [record.item.searched_text(kind) for record in records]
        vectors = (
            checked_vectors(self._embedder, texts, account or CallAccount(name, NOBODY, TRAINING)) if texts else []
        )
        pairs = zip(records, vectors, strict=True)
        return [self._row(name, kind, None, record, vector) for record, vector in pairs]

    def search(
        self,
        tenant: str,
        kind: Kind,
        query: str,
        *,
        limit: int = 6,
        threshold: float | None = None,
        account: CallAccount | None = None,
    ) -> list[Match]:
        """The records that fit `query` best, by fused rank; `score` is the cosine similarity.

        With a threshold, most similar first: wrong SQL must reach it, of the others at least half stay anyway.

        Without an embedding they are found by words alone, see `find`.
        """
        wanted: dict[Kind, Wanted] = {kind: Wanted(max(limit, 1), threshold)}
        return list(self.find(tenant, query, wanted, account=account).matches[kind])

    def find(
        self, tenant: str, query: str, wanted: Mapping[Kind, Wanted], *, account: CallAccount | None = None
    ) -> Found:
        """Records of several kinds at once; see `core.vector_store.search.TrainingSearch.find`.

        Args:
            account: who pays for the query's vector; by default the tenant, as training.
        """
        return self._search.find(tenant, query, wanted, account or CallAccount(tenant, NOBODY, TRAINING))

    def find_by_words(self, tenant: str, query: str, wanted: Mapping[Kind, Wanted]) -> Found:
        """Records of several kinds by the words they share with the query, without a vector, which may cost money."""
        return self._search.find_by_words(Tenant(tenant), query, wanted)

    def reviewed_near(self, tenant: str, question: str) -> list[Match]:
        """The reviewed right pairs that share most words with the question; see `core.vector_store.reviewed`."""
        return reviewed_pairs_near(self._database, tenant, question)

    def reviewed_terms(self, tenant: str, terms: Iterable[str]) -> frozenset[str]:
        """Those of the search terms that stand in reviewed records."""
        return reviewed_terms(self._database, tenant, terms)

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

    def _is_usable(self) -> tuple[Any, Any]:
        return (
            EMBEDDING.c.embedding_model == self._embedder.model_name,
            EMBEDDING.c.embedding_dimension == self._embedder.dimension,
        )

    def known_ids(self, session: Session, tenant: Tenant, kind: Kind, hashes: Sequence[str]) -> dict[str, str]:
        """Ids by content hash. A record that needs a new vector counts as unknown; the training door refreshes it."""
        statement = (
            select(EMBEDDING.c.content_hash, EMBEDDING.c.id)
            .join(COLLECTION, COLLECTION.c.uuid == EMBEDDING.c.collection_id)
            .where(COLLECTION.c.name == kind, EMBEDDING.c.tenant_id == tenant)
            .where(EMBEDDING.c.content_hash.in_(hashes), *self._is_usable())
        )
        return {row[0]: row[1] for row in session.execute(statement)}

    def _row(
        self, tenant: Tenant, kind: Kind, collection_id: UUID | None, record: _NewRecord, vector: list[float]
    ) -> dict[str, Any]:
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


def _new_record(kind: Kind, item: TrainingItem) -> _NewRecord:
    document = item.document(kind)
    return _NewRecord(item, document, content_hash(document))


def collection_of(session: Session, kind: Kind) -> UUID:
    """The id of the collection that records of `kind` are kept in, made when there is none."""
    session.execute(insert(COLLECTION).values(uuid=uuid4(), name=kind).on_conflict_do_nothing(index_elements=["name"]))
    collection_id: UUID = session.scalars(select(COLLECTION.c.uuid).where(COLLECTION.c.name == kind)).one()
    return collection_id

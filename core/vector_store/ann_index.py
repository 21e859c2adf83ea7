"""The approximate index over the vectors of one model: its name, its definition, and how it is built or removed.

Exact search is right and fast while a tenant has a few thousand records of a kind; beyond that the search uses this
index when it is there. `scripts.reembed` builds it; a background job may call `build` likewise.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from core.database import Database
from core.vector_store.embedding import Embedder

PREFIX: Final = "ix_langchain_pg_embedding_hnsw_"
LOCK: Final = "citu_vector_index"
WORTHWHILE_ROWS: Final = 5_000
_VECTOR_DIMENSIONS: Final = 4_000
_LINKS: Final = 16
_BUILD_CANDIDATES: Final = 100
_LOCK_SECONDS: Final = 5.0
_COUNT: Final = text(
    "SELECT count(*) FROM langchain_pg_embedding WHERE embedding_model = :model AND embedding_dimension = :dimension"
)
_STATE: Final = text(
    "SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
    "WHERE c.relname = :name AND pg_table_is_visible(c.oid)"
)
_OTHERS: Final = text(
    "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
    "WHERE starts_with(c.relname, :prefix) AND pg_table_is_visible(c.oid) AND c.relname <> :name"
)


@dataclass(frozen=True)
class VectorSpace:
    """The vectors that can be compared with each other."""

    model: str
    dimension: int

    @classmethod
    def of(cls, embedder: Embedder) -> VectorSpace:
        return cls(embedder.model_name, embedder.dimension)

    @property
    def index_name(self) -> str:
        digest = hashlib.blake2b(f"{self.model}\0{self.dimension}".encode(), digest_size=6).hexdigest()
        return f"{PREFIX}{digest}"

    @property
    def is_indexable(self) -> bool:
        """HNSW takes half-precision vectors of at most 4,000 numbers."""
        return self.dimension <= _VECTOR_DIMENSIONS

    @property
    def expression(self) -> str:
        """What is indexed and what a query must order by; the table's column has no fixed dimension."""
        return f"(embedding::halfvec({int(self.dimension)}))"


def build(database: Database, space: VectorSpace, *, least_rows: int = WORTHWHILE_ROWS, memory: str = "512MB") -> bool:
    """Build the index unless it is there or would not pay, and drop those of other models; whether it is there now.

    Reading and writing go on meanwhile. An index left half-built by a crash is built anew. Statistics are refreshed,
    since the lexical search plans by them.

    Args:
        least_rows: with fewer rows exact search is as fast.
        memory: PostgreSQL's `maintenance_work_mem` for the build.

    Raises:
        StoreUnavailableError: the database is away, or somebody else builds now.
    """
    with database.advisory_lock(LOCK, timeout_seconds=_LOCK_SECONDS), database.autocommit() as connection:
        parameters = {"model": space.model, "dimension": space.dimension}
        if not space.is_indexable or (connection.scalar(_COUNT, parameters) or 0) < least_rows:
            return False
        for name in connection.scalars(_OTHERS, {"prefix": PREFIX, "name": space.index_name}).all():
            connection.execute(text(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"'))
        if not (is_valid := connection.scalar(_STATE, {"name": space.index_name})):
            if is_valid is not None:
                connection.execute(text(f'DROP INDEX CONCURRENTLY IF EXISTS "{space.index_name}"'))
            connection.execute(text("SELECT set_config('maintenance_work_mem', :memory, false)"), {"memory": memory})
            connection.execute(text(_definition(space)), parameters)
        connection.execute(text("ANALYZE langchain_pg_embedding"))
        return True


def _definition(space: VectorSpace) -> str:
    return (
        f'CREATE INDEX CONCURRENTLY "{space.index_name}" ON langchain_pg_embedding '
        f"USING hnsw ({space.expression} halfvec_cosine_ops) WITH (m = {_LINKS}, ef_construction = {_BUILD_CANDIDATES})"
        " WHERE embedding_model = :model AND embedding_dimension = :dimension"
    )

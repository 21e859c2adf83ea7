"""Retrieval over many pairs: how long one search takes as the agent makes it, and what the index misses."""

from __future__ import annotations

import statistics
import time
from typing import Final

from sqlalchemy import text

from core.database import Database
from core.llm.metering import CallAccount
from core.vector_store.ann_index import VectorSpace, build
from core.vector_store.embedding import HashedNgramEmbedder
from core.vector_store.search import TrainingSearch, Wanted
from tools.bench.retrieval_rows import DIMENSION, TENANT, QuestionMaker, fill, scratch_platform

from .figures import Figure

QUERIES: Final = 200
WARM_UP: Final = 50
NEIGHBOURS: Final = 10
TIE: Final = 1e-6
ACCOUNT: Final = CallAccount(TENANT, "bench", "bench")
_EXACT: Final = text(
    "SELECT id, embedding <=> CAST(:vector AS vector) AS distance FROM langchain_pg_embedding "
    "WHERE tenant_id = :tenant ORDER BY distance LIMIT :most"
)


def measure(*, rows: int = 100_000) -> list[Figure]:
    """Fill, index, search. Minutes, nearly all of them for filling and indexing."""
    maker = QuestionMaker(seed=99)
    questions = [maker.next() for _ in range(WARM_UP + QUERIES)]
    embedder = HashedNgramEmbedder(DIMENSION)
    with scratch_platform() as url:
        started = time.perf_counter()
        fill(url, rows)
        filled = time.perf_counter()
        database = Database(url)
        try:
            build(database, VectorSpace.of(embedder))
            built = time.perf_counter()
            search = TrainingSearch(database, embedder)
            seconds = [_timed(search, question) for question in questions][WARM_UP:]
            recall = _recall(database, search, embedder, questions[WARM_UP:])
        finally:
            database.dispose()
    return [
        Figure("retrieval.rows", rows, "pairs"),
        Figure("retrieval.fill", round(filled - started, 1), "s"),
        Figure("retrieval.index_build", round(built - filled, 1), "s"),
        Figure("retrieval.p50", round(1000 * statistics.median(seconds), 2), "ms"),
        Figure("retrieval.p95", round(1000 * statistics.quantiles(seconds, n=20)[-1], 2), "ms", 30.0, "lower"),
        Figure("retrieval.recall_at_10", round(recall, 4), "share of the exact neighbours", 0.95),
    ]


def _timed(search: TrainingSearch, question: str) -> float:
    """One question's search with its embedding, both halves, fusion and the records' texts."""
    started = time.perf_counter()
    search.find(TENANT, question, {"sql": Wanted(limit=6, threshold=0.65)}, ACCOUNT)
    return time.perf_counter() - started


def _recall(database: Database, search: TrainingSearch, embedder: HashedNgramEmbedder, questions: list[str]) -> float:
    """Mean share of the exact ten nearest that the index returns; equally near ones stand for each other."""
    shares = []
    for question in questions:
        vector = embedder.embed([question])[0]
        parameters = {"vector": str(vector), "tenant": TENANT, "most": 3 * NEIGHBOURS}
        with database.session() as session:
            exact = session.execute(_EXACT, parameters).all()
        farthest = exact[NEIGHBOURS - 1].distance + TIE
        as_near = {row.id for row in exact if row.distance <= farthest}
        with database.session() as session:
            found = search.nearest(session, TENANT, "sql", vector, NEIGHBOURS)
        shares.append(len(as_near & set(found)) / NEIGHBOURS)
    return statistics.mean(shares)

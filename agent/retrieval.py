"""Collects what a brain may use to write SQL: the schema, the database's date, similar trained records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from common.answering import Question, SqlRequest, TrainedPair
from common.errors import ServiceUnavailableError
from core.async_bridge import run_blocking
from core.logging import get_agent_logger
from core.schema_catalog import SchemaCatalog
from core.vector_store.records import Kind, Match
from core.vector_store.store import VectorStore

logger = get_agent_logger("retrieval")


@dataclass(frozen=True)
class RetrievalLimits:
    """How many neighbours a kind, and the least similarity (0..1) each must have."""

    count: int
    sql_threshold: float
    ddl_threshold: float
    documentation_threshold: float
    error_sql_threshold: float
    uses_wrong_pairs: bool


@dataclass(frozen=True)
class Retrieved:
    """A request for a brain, and remarks about what was missing while it was put together."""

    request: SqlRequest
    notes: tuple[str, ...] = ()


class Retrieval:
    """One place that turns a question into a `SqlRequest`."""

    def __init__(self, *, store: VectorStore, catalog: SchemaCatalog, limits: RetrievalLimits) -> None:
        self._store = store
        self._catalog = catalog
        self._limits = limits

    async def collect(self, question: Question) -> Retrieved:
        """Everything known for the question. A lost training store costs the examples, not the answer.

        Raises:
            StoreUnavailableError: the business database cannot be asked for its schema.
        """
        return await run_blocking(self._collect, question)

    def _collect(self, question: Question) -> Retrieved:
        schema, today = self._catalog.schema(), self._catalog.today()
        bare = SqlRequest(question=question.text, context=question.context, schema=schema, today=today)
        try:
            return Retrieved(self._with_examples(question, bare))
        except ServiceUnavailableError as error:
            logger.warning("answering without examples: %s", error.error_type)
            return Retrieved(bare, notes=("no_examples",))

    def _with_examples(self, question: Question, bare: SqlRequest) -> SqlRequest:
        limits = self._limits
        wrong = self._search(question, "error_sql", limits.error_sql_threshold) if limits.uses_wrong_pairs else ()
        return SqlRequest(
            question=bare.question,
            context=bare.context,
            schema=bare.schema,
            today=bare.today,
            pairs=_pairs(self._search(question, "sql", limits.sql_threshold)),
            wrong_pairs=_pairs(wrong),
            ddl=[match.content for match in self._search(question, "ddl", limits.ddl_threshold)],
            documentation=[
                match.content for match in self._search(question, "documentation", limits.documentation_threshold)
            ],
        )

    def _search(self, question: Question, kind: Kind, threshold: float) -> Sequence[Match]:
        return self._store.search(question.tenant, kind, question.text, limit=self._limits.count, threshold=threshold)


def _pairs(matches: Sequence[Match]) -> tuple[TrainedPair, ...]:
    return tuple(TrainedPair(match.question, match.content, match.score, match.id) for match in matches)

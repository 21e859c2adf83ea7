"""Collects what a brain may use to write SQL: the schema, the database's date, similar trained records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.reviewed_first import ReviewedFirst
from common.answering import Question, SqlRequest, TrainedPair
from common.business_schema import BusinessSchema
from common.errors import ServiceUnavailableError
from core.async_bridge import run_blocking
from core.llm.metering import CallAccount
from core.logging import get_agent_logger
from core.schema_catalog import SchemaCatalog
from core.vector_store.question_reading import QuestionReader
from core.vector_store.records import Kind, Match
from core.vector_store.search import Wanted
from core.vector_store.store import VectorStore

logger = get_agent_logger("retrieval")

TEXTS: tuple[Kind, ...] = ("ddl", "documentation")
NO_EXAMPLES = "no_examples"
NEAREST = 3
WORDS_ONLY = "examples_by_words_only"


@dataclass(frozen=True)
class RetrievalLimits:
    """How many neighbours a kind, and the least similarity (0..1) each should have; None leaves them by rank."""

    count: int
    sql_threshold: float | None
    ddl_threshold: float | None
    documentation_threshold: float | None
    error_sql_threshold: float | None
    uses_wrong_pairs: bool

    def wanted(self) -> dict[Kind, Wanted]:
        """What is looked for, by kind."""
        wanted: dict[Kind, Wanted] = {
            "sql": Wanted(self.count, self.sql_threshold),
            "ddl": Wanted(self.count, self.ddl_threshold),
            "documentation": Wanted(self.count, self.documentation_threshold),
        }
        if self.uses_wrong_pairs:
            wanted["error_sql"] = Wanted(self.count, self.error_sql_threshold)
        return wanted


@dataclass(frozen=True)
class Retrieved:
    """A request for a brain, remarks about what was missing, and the ids of the records that are part of it."""

    request: SqlRequest
    notes: tuple[str, ...] = ()
    record_ids: tuple[str, ...] = ()


class Retrieval:
    """One place that turns a question into a `SqlRequest`."""

    def __init__(
        self, *, store: VectorStore, catalog: SchemaCatalog, limits: RetrievalLimits, reader: QuestionReader
    ) -> None:
        self._store = store
        self._reviewed_first = ReviewedFirst(store, reader)
        self._catalog = catalog
        self._limits = limits

    async def schema(self) -> BusinessSchema:
        """What the business database is about; empty when it cannot be asked and never could be."""
        return await run_blocking(self._schema)

    async def nearest_pairs(self, question: Question) -> Sequence[TrainedPair]:
        """The trained pairs that share most words with it, right ones only; none when the training store is lost."""
        return await run_blocking(self._nearest_pairs, question)

    async def collect(self, question: Question) -> Retrieved:
        """Everything known for the question. A lost training store costs the examples, not the answer.

        Raises:
            StoreUnavailableError: the business database cannot be asked for its schema.
        """
        return await run_blocking(self._collect, question)

    def _schema(self) -> BusinessSchema:
        try:
            return self._catalog.schema()
        except ServiceUnavailableError as error:
            logger.warning("classifying without the schema: %s", error.error_type)
            return BusinessSchema(())

    def _collect(self, question: Question) -> Retrieved:
        schema, today = self._catalog.schema(), self._catalog.today()
        bare = SqlRequest(question=question.text, context=question.context, schema=schema, today=today)
        try:
            return self._with_examples(question, bare)
        except ServiceUnavailableError as error:
            logger.warning("answering without examples: %s", error.error_type)
            return Retrieved(bare, notes=(NO_EXAMPLES,))

    def _nearest_pairs(self, question: Question) -> Sequence[TrainedPair]:
        wanted: dict[Kind, Wanted] = {"sql": Wanted(NEAREST, None)}
        try:
            found = self._store.find_by_words(question.tenant, question.text, wanted)
        except ServiceUnavailableError as error:
            logger.warning("classifying without trained questions: %s", error.error_type)
            return ()
        return _pairs(found.matches["sql"])

    def _with_examples(self, question: Question, bare: SqlRequest) -> Retrieved:
        found = self._store.find(question.tenant, question.text, self._limits.wanted(), account=_account(question))
        matches = self._reviewed_first.sifted(question.tenant, question.text, bare.schema, found.matches)
        request = replace(
            bare,
            pairs=_pairs(matches["sql"]),
            wrong_pairs=_pairs(matches.get("error_sql", ())),
            ddl=[match.content for match in matches["ddl"]],
            documentation=[match.content for match in matches["documentation"]],
            record_ids={match.content: match.id for kind in TEXTS for match in matches[kind]},
        )
        used = [match for kind in matches for match in matches[kind]]
        request = replace(request, unreviewed_ids=frozenset(match.id for match in used if not match.is_reviewed))
        notes = (WORDS_ONLY,) if found.is_lexical_only else ()
        return Retrieved(request, notes, tuple(match.id for match in used))


def _account(question: Question) -> CallAccount:
    return CallAccount(question.tenant, question.user_id, question.route)


def _pairs(matches: Sequence[Match]) -> tuple[TrainedPair, ...]:
    return tuple(TrainedPair(match.question, match.content, match.score, match.id) for match in matches)

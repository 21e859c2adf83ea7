"""The words the doors and the engines share: a question, its answer, and the protocols between them.

Doors (HTTP, SSE, bots, command line) build a `Question` and render an `Answer`; an engine implements
`AnswerEngine`; a brain implements `Brain` and does the thinking inside an engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, Protocol, runtime_checkable

from common.askers import INSIDER, Asker
from common.business_schema import BusinessSchema

QuestionType = Literal["DATABASE", "CHAT", "UNCERTAIN"]
ROUTING_MODES: tuple[str, ...] = ("database_direct", "chat_direct", "hybrid", "llm_only")


@dataclass(frozen=True)
class Question:
    """What a caller asks. `context` is earlier turns, one `User: …` / `Assistant: …` line each, or empty.

    `route` names the door it came through; model usage is reported by it. `wants_tokens` says that the watcher wants
    the answer's text piece by piece; then a model is asked to stream it. `asker` is who asks beyond the user id;
    `continues` says that the asker named the conversation.
    """

    text: str
    tenant: str
    user_id: str
    conversation_id: str
    routing_mode: str = "hybrid"
    context: str = ""
    route: str = "other"
    wants_tokens: bool = False
    asker: Asker = INSIDER
    continues: bool = True


@dataclass(frozen=True)
class Classification:
    """Which way a question goes. `confidence` 0..1; `method` is one of the values of docs/contract/agent.md."""

    question_type: QuestionType
    confidence: float
    reason: str
    method: str

    def as_wire(self) -> dict[str, Any]:
        """The contract's `classification_info`."""
        return {"confidence": self.confidence, "reason": self.reason, "method": self.method}


@dataclass(frozen=True)
class TrainedPair:
    """A trained question with its SQL; `score` 0..1 is its similarity to the question asked."""

    question: str
    sql: str
    score: float = 0.0
    record_id: str = ""


@dataclass(frozen=True)
class LookedUp:
    """What a query that a brain needed before the real one has given; `problem` says why it gave none."""

    sql: str
    result: ResultSet | None = None
    problem: str = ""


@dataclass(frozen=True)
class SqlRequest:
    """Everything a brain may use to write SQL. `today` is the business database's date.

    `record_ids` has the training record of each text in `ddl` and `documentation`, `unreviewed_ids` those of all that
    no administrator vouched for; `looked_up` is there when the brain's first attempt
    asked for a look at the data. `is_candidate`: several statements are wanted for one question, and each may differ.
    """

    question: str
    context: str
    schema: BusinessSchema
    today: date
    pairs: Sequence[TrainedPair] = ()
    wrong_pairs: Sequence[TrainedPair] = ()
    ddl: Sequence[str] = ()
    documentation: Sequence[str] = ()
    record_ids: Mapping[str, str] = field(default_factory=dict)
    unreviewed_ids: frozenset[str] = frozenset()
    looked_up: LookedUp | None = None
    is_candidate: bool = False


@dataclass(frozen=True)
class SqlDraft:
    """A brain's attempt. Exactly one of `sql` and `explanation` is non-empty.

    `explanation` is user-facing text that says why there is no SQL; `reason` is then one of the values of
    `validation_error_type` (docs/contract/agent.md). `based_on` names the trained records used.
    `is_intermediate`: the statement only looks up values; its result is wanted before the real one can be written.
    `said` is the text a model wrote instead of SQL. `note` is user-facing text that says how a word was understood; it
    stands behind the summary.
    """

    sql: str = ""
    explanation: str = ""
    reason: str = ""
    based_on: tuple[str, ...] = ()
    is_intermediate: bool = False
    said: str = ""
    note: str = ""


@dataclass(frozen=True)
class ResultSet:
    """Rows of an admitted query, JSON-ready values (docs/contract/envelope.md).

    `rows` are keyed by column name in `columns` order; `total_row_count` is what the query has, as far as it was
    counted: at least as many when `is_total_exact` is False; `is_limited` says that rows beyond the cap were cut.
    """

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    total_row_count: int
    is_limited: bool = False
    is_total_exact: bool = True

    @property
    def row_count(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Answer:
    """What an engine found out; the doors render it. `records` is None when no query ran."""

    question_type: QuestionType
    response: str
    classification: Classification
    execution_path: tuple[str, ...]
    sql: str | None = None
    records: ResultSet | None = None
    summary: str | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


Write = Callable[[str], None]
"""Takes the next piece of a text that is being written; must neither block nor raise."""


class Brain(Protocol):
    """The thinking an engine needs. One implementation asks a language model, the other works offline.

    A method with `write` hands the text on piece by piece as it comes, when given; it returns the whole in any case.
    Every method raises `ModelUnavailableError` when the thinking cannot be done now; none invents an answer.
    """

    @property
    def provenance(self) -> Mapping[str, object]:
        """What thinks and in which version, as JSON; answers of another provenance may differ."""
        ...

    def on_behalf_of(self, question: Question) -> Brain:
        """The same brain, whose thinking goes on the account of the question's tenant, user and route."""
        ...

    async def classify(self, question: str, context: str, schema: BusinessSchema) -> Classification: ...

    async def write_sql(self, request: SqlRequest) -> SqlDraft: ...

    async def repair_sql(self, request: SqlRequest, sql: str, error: str) -> SqlDraft: ...

    async def write_question(self, sql: str) -> str:
        """A question that `sql` answers, as a person would ask it; empty when none can be found."""
        ...

    async def summarise(self, question: str, result: ResultSet, *, write: Write | None = None) -> str: ...

    async def chat(self, question: str, context: str, *, write: Write | None = None) -> str: ...


@runtime_checkable
class PreparesSchema(Protocol):
    """A brain that reads a schema once and then thinks about it faster."""

    def prepare(self, schema: BusinessSchema) -> None:
        """Read the schema now, so that the first question does not wait for it."""
        ...


@dataclass(frozen=True)
class NodeFinished:
    """A step of an engine's graph has ended. `findings` are its facts, in the engine's own documented names."""

    node: str
    findings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TextWritten:
    """A piece of the answer's text as it is written, only for questions that want tokens.

    The pieces in order are the answer's `response`, unless a model breaks off: the `Answer` or the error that comes
    in the end decides.
    """

    text: str


EngineEvent = NodeFinished | TextWritten
Watch = Callable[[EngineEvent], None]
"""Told what an engine does while it answers, from the engine's event loop: it must neither block nor raise."""


def nobody_watches(_event: EngineEvent) -> None:
    """The watcher of an engine whose steps nobody follows."""


class AnswerEngine(Protocol):
    """An agent that answers questions, bound lazily so that a broken one takes down only its own routes."""

    async def answer(self, question: Question, watch: Watch = nobody_watches) -> Answer:
        """Answer one question and report each step to `watch` as it ends.

        Raises:
            AnswerFailedError: no valid SQL could be produced; its `data` has the contract's extra fields.
            SqlExecutionError: the database refused or broke off the admitted statement.
            ServiceUnavailableError: model, store or business database cannot be reached.
        """
        ...

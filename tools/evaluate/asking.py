"""Asks a set's questions through the service the API uses and judges each answer by its result set."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

import psycopg

from common.errors import CituError
from core.sql_executor.reader_pool import libpq_url
from features.ask.schemas import AskRequest
from features.ask.service import AskService
from features.evaluation.judging import ReplyKind, Verdict, verdict_on
from features.evaluation.references import Ran, StatementFailedError
from features.evaluation.result_sets import ReferenceRows, Row
from tools.evaluate.sets import Pair
from tools.evaluate.statements import reference_rows, run

Routing = Literal["default", "database_direct"]
USER: Final = "evaluation"
ROWS_SHOWN: Final = 30


@dataclass(frozen=True)
class Reply:
    """What the service said: `kind` is `data`, `chat` or `refused`; `error_type` is empty when it answered."""

    kind: ReplyKind
    text: str
    sql: str
    error_type: str
    method: str
    milliseconds: float
    records: tuple[Row, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How one question went.

    Attributes:
        verdict: `declined` is a refusal of what the data cannot answer, as it should be; `invented` an answer to it.
        figures: whether the reference's numbers stand among ours; true for `exact` and `soft`.
        own_ms: the answer's milliseconds without those that running its SQL takes.
    """

    set: str
    routing: Routing
    question: str
    category: str
    verdict: Verdict
    figures: bool
    reference: str
    sql: str
    text: str
    error_type: str
    method: str
    milliseconds: float
    own_ms: float
    reference_rows: list[list[Any]] = field(default_factory=list)
    our_rows: list[list[Any]] = field(default_factory=list)
    our_columns: list[str] = field(default_factory=list)
    reference_columns: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """All members, values of rows as text."""
        return asdict(self)


def ask(service: AskService, question: str, routing: Routing, before: Sequence[str] = ()) -> Reply:
    """Ask in a new conversation, in which `before` was said; the reply is that to `question`."""
    mode = None if routing == "default" else routing
    conversation = None
    for said in before:
        conversation = _say(service, AskRequest(question=said, user_id=USER, conversation_id=conversation))
    wanted = AskRequest(question=question, user_id=USER, conversation_id=conversation, routing_mode=mode)
    started = time.perf_counter()
    try:
        data = service.ask(wanted)["data"]
    except CituError as error:
        milliseconds = (time.perf_counter() - started) * 1000
        method = (error.data.get("classification_info") or {}).get("method", "")
        kind = error.data.get("validation_error_type") or error.error_type
        return Reply("refused", error.message, error.data.get("sql") or "", str(kind), str(method), milliseconds)
    milliseconds = (time.perf_counter() - started) * 1000
    method = str((data.get("classification_info") or {}).get("method", ""))
    records = data.get("records")
    if data["type"] == "CHAT":
        return Reply("chat", data["response"], "", "", method, milliseconds)
    if records is None:
        return Reply("refused", data["response"], data.get("sql") or "", "explained", method, milliseconds)
    rows = tuple(tuple(row[name] for name in records["columns"]) for row in records["rows"])
    columns = tuple(records["columns"])
    return Reply("data", data["response"], data.get("sql") or "", "", method, milliseconds, rows, columns)


def _say(service: AskService, wanted: AskRequest) -> str:
    """An earlier turn, answered or refused; the id of its conversation."""
    try:
        return str(service.ask(wanted)["data"]["conversation_id"])
    except CituError as error:
        return str(error.data["conversation_id"])


class Judge:
    """Runs references and answers on a connection of its own for each thread."""

    def __init__(self, business_url: str) -> None:
        self._url = libpq_url(business_url)
        self._local = threading.local()

    def judge(self, set_name: str, pair: Pair, reply: Reply, routing: Routing) -> Outcome:
        """The verdict on a reply."""
        ours, sql_ms = self._ours(reply)
        accepted = [(sql, rows) for sql in pair.references or () if (rows := self._reference(sql)) is not None]
        verdict, figures, (sql, ran) = verdict_on(pair.references, accepted, reply.kind, ours)
        return Outcome(
            set=set_name,
            routing=routing,
            question=" → ".join([*pair.before, pair.question]),
            category=pair.category,
            verdict=verdict,
            figures=figures,
            reference=sql,
            sql=reply.sql,
            text=reply.text,
            error_type=reply.error_type,
            method=reply.method,
            milliseconds=round(reply.milliseconds, 1),
            own_ms=max(0.0, round(reply.milliseconds - sql_ms, 1)),
            **_rows_report(ran, ours),
        )

    def _reference(self, sql: str) -> tuple[Ran, ReferenceRows] | None:
        try:
            return reference_rows(self._connection(), sql)
        except StatementFailedError:
            return None

    def _ours(self, reply: Reply) -> tuple[Ran | None, float]:
        """The answer's rows as typed values, by running its SQL again, and how long that takes; else as on the wire."""
        if reply.kind != "data":
            return None, 0.0
        started = time.perf_counter()
        try:
            ran = run(self._connection(), reply.sql) if reply.sql else Ran(reply.columns, list(reply.records))
        except psycopg.Error:
            return Ran(reply.columns, list(reply.records)), 0.0
        return ran, (time.perf_counter() - started) * 1000

    def _connection(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = self._local.connection = psycopg.connect(self._url)
        return connection


def _rows_report(reference: Ran | None, ours: Ran | None) -> dict[str, Any]:
    return {
        "reference_rows": _text_rows(reference),
        "our_rows": _text_rows(ours),
        "our_columns": list(ours.columns) if ours else [],
        "reference_columns": list(reference.columns) if reference else [],
    }


def _text_rows(ran: Ran | None) -> list[list[Any]]:
    if ran is None:
        return []
    return [[None if value is None else str(value) for value in row] for row in ran.rows[:ROWS_SHOWN]]


def ask_all(
    pairs: Sequence[Pair], ask_one: Callable[[Pair], Outcome], *, jobs: int, progress: Callable[[int], None]
) -> list[Outcome]:
    """Ask every question, `jobs` at a time; outcomes in the set's order."""
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(max_workers=jobs) as threads:
        for outcome in threads.map(ask_one, pairs):
            outcomes.append(outcome)
            progress(len(outcomes))
    return outcomes

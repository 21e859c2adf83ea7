"""The engine's own answers to a set's questions, judged by their rows; a statement is run once only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from common.business_schema import BusinessSchema
from core.word_vectors import LazyWordVectors
from offline.confidence import Signals
from offline.engine import Engine
from offline.vocabulary import load_vocabulary
from tools.evaluate.asking import Judge, Reply
from tools.evaluate.scene import scene_of
from tools.evaluate.sets import EvaluationSet, Pair

_RIGHT = frozenset({"exact", "soft"})


@dataclass(frozen=True)
class Answer:
    """What the engine made of a question: no signals mean a refusal. An answer to what has none is not right."""

    question: str
    signals: Signals | None
    is_right: bool


class Asked:
    """One set with its database; answers may be asked for again after weights have changed."""

    def __init__(self, questions: EvaluationSet, schema: BusinessSchema, business_url: str) -> None:
        self.name = questions.name
        self._judge = Judge(business_url)
        self._engine = Engine(schema, load_vocabulary(), LazyWordVectors())
        self._pairs = [pair for pair in questions.pairs if not pair.before]
        self._today: date = datetime.now(UTC).astimezone().date()
        self._verdicts: dict[tuple[str, str], str] = {}

    def answers(self) -> list[Answer]:
        """One for each question whose reference runs."""
        found = [(pair, self._engine.compose(pair.question, self._today, least=0.0)) for pair in self._pairs]
        judged = [(pair, made, self._verdict(pair, made.sql)) for pair, made in found]
        return [
            Answer(pair.question, made.signals if made.sql else None, verdict in _RIGHT)
            for pair, made, verdict in judged
            if verdict != "gold_failed"
        ]

    def _verdict(self, pair: Pair, sql: str) -> str:
        key = (pair.question, sql)
        if key not in self._verdicts:
            reply = Reply("data" if sql else "refused", "", sql, "", "", 0.0)
            self._verdicts[key] = self._judge.judge(self.name, pair, reply, "database_direct").verdict
        return self._verdicts[key]


def asked_of(questions: EvaluationSet) -> Asked:
    """The set with its database up and its schema read; the servers must be held by the caller."""
    with scene_of(questions, {"LLM_PROVIDER": "offline"}) as scene:
        return Asked(questions, scene.container.shared.catalog.schema(), scene.business_url)

"""One schema's engine without templates: scan, interpret, plan, render. `OfflineBrain` keeps one per schema."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from agent.offline.interpret import interpret
from agent.offline.joins import JoinGraph
from agent.offline.period_parser import PeriodParser
from agent.offline.plan import CombinedPlan, Plan, Refusal
from agent.offline.planner import Planner
from agent.offline.reading import Reading
from agent.offline.render import Renderer
from agent.offline.scanner import Scanner, Token
from agent.offline.schema_index import SchemaIndex
from agent.offline.vocabulary import Vocabulary
from common.business_schema import BusinessSchema


@dataclass(frozen=True)
class Composed:
    """SQL with the engine's confidence 0..1, or a refusal and no SQL."""

    sql: str
    confidence: float
    refusal: Refusal | None = None
    plan: Plan | CombinedPlan | None = None


class Composer:
    """Composes SQL from a question and one schema. Thread-safe after construction."""

    def __init__(self, *, schema: BusinessSchema, vocabulary: Vocabulary) -> None:
        self.index = SchemaIndex(schema, vocabulary)
        joins = JoinGraph(self.index)
        self.scanner = Scanner(index=self.index, periods=PeriodParser(holidays=vocabulary.holidays))
        self.renderer = Renderer(index=self.index, joins=joins)
        self._planner = Planner(index=self.index, joins=joins)

    def tokens(self, question: str, today: date) -> list[Token]:
        return self.scanner.scan(question, today)

    def compose(self, question: str, today: date) -> Composed:
        """SQL for the question."""
        return self.compose_tokens(self.tokens(question, today), today)

    def compose_tokens(self, tokens: list[Token], today: date) -> Composed:
        """SQL for a question that was scanned already."""
        reading: Reading = interpret(tokens, today)
        plan = self._planner.plan(reading)
        if isinstance(plan, Refusal):
            return Composed("", 0.0, plan)
        return Composed(self.renderer.sql(plan), plan.confidence, None, plan)

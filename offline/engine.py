"""One schema, ready for questions: tokens, reading, plan, SQL. Built once per schema and shared by threads."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from sqlglot import exp

from common.business_schema import BusinessSchema
from offline import sql_text as build
from offline.confidence import Signals
from offline.joins import JoinGraph
from offline.links import LinkIndex
from offline.misspelled import Misspelled
from offline.near_words import NearWords, WordVectors, with_near_names
from offline.pinyin import PinyinNames
from offline.plan import AnyPlan, Refusal
from offline.planning import Planned, Planner
from offline.reader import Reader
from offline.reading import Reading
from offline.relations import Field, Relation
from offline.render import Renderer
from offline.time_grammar import Clock, TimeGrammar
from offline.titles import Titles
from offline.tokens import Token, Tokeniser
from offline.vocabulary import Vocabulary
from offline.weights import CONFIDENCE


@dataclass
class Composed:
    """What became of a question: SQL with its plan and confidence, or the refusal."""

    sql: str = ""
    plan: AnyPlan | None = None
    refusal: Refusal | None = None
    confidence: float = 0.0
    signals: Signals | None = None
    reading: Reading | None = None
    notes: list[str] = field(default_factory=list)


class Engine:
    """Answers questions about one schema with SQL."""

    def __init__(self, schema: BusinessSchema, vocabulary: Vocabulary, vectors: WordVectors | None = None) -> None:
        self.schema = schema
        self.vocabulary = vocabulary
        self.index = LinkIndex(PinyinNames(vocabulary).commented(schema), vocabulary)
        self.joins = JoinGraph(self.index, schema.joins)
        self.times = TimeGrammar(vocabulary.holidays)
        self.tokeniser = Tokeniser(self.index, self.times)
        self._spelling = Misspelled(self.index)
        self.near = NearWords(self.index, vectors)
        self._planner = Planner(self.index, self.joins)

    def tokens(self, question: str, clock: Clock) -> list[Token]:
        """The tokens of a question, unknown words taken for what they are certainly near to."""
        return with_near_names(self._spelling.corrected(self.tokeniser.tokens(question, clock)), self.near)

    def read(self, question: str, today: date, assumed_year: int | None = None) -> Reading:
        """The reading of a question."""
        return Reader(question, self.tokens(question, Clock(today, assumed_year))).read()

    def compose(self, question: str, today: date, *, least: float = CONFIDENCE.least) -> Composed:
        """SQL for a question, or why there is none; `least` is the confidence an answer must have."""
        return self.compose_reading(self.read(question, today), today, least=least)

    def newest_sql(self, relation: Relation, moment: Field) -> str:
        """The newest day of a table, with the table's title."""
        member = relation.members[0]
        newest = build.titled(exp.Max(this=build.column(moment.name)), moment.title)
        query = exp.Select().select(build.titled(build.text(relation.title), "data"), newest)
        return query.from_(build.table(member.name, member.schema if member.is_qualified else "", "t1")).sql(
            dialect="postgres"
        )

    def compose_reading(self, reading: Reading, today: date, *, least: float = CONFIDENCE.least) -> Composed:
        """The same for a reading."""
        planned: Planned = self._planner.plan(reading, Clock(today))
        if planned.plan is None:
            return Composed(refusal=planned.refusal, reading=reading)
        if planned.confidence < least:
            return Composed(refusal=Refusal("ambiguous_question"), reading=reading)
        titles = Titles(is_english=reading.is_english)
        renderer = Renderer(self.joins, today, titles, holds_chinese=self.schema.holds_chinese)
        return Composed(
            renderer.sql(planned.plan), planned.plan, None, planned.confidence, planned.signals, reading, planned.notes
        )

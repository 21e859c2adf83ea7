"""What one question says, in the schema's words: the result of `interpret`, read by the planner and its helpers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from agent.offline.periods import Period
from agent.offline.plan import Aggregate, Bucket, Operator
from agent.offline.scanner import Token
from agent.offline.schema_index import IndexedColumn, IndexedTable, ValueMatch


@dataclass(frozen=True)
class MeasureMention:
    """A measure asked for. `names` are the columns it may be; a derived one has two words to resolve instead,
    and `per_unit` names what the measure is divided by."""

    position: int
    text: str
    columns: tuple[IndexedColumn, ...]
    aggregate: Aggregate | None = None
    derived: str = ""
    per_unit: str = ""


@dataclass(frozen=True)
class ConceptMention:
    """A noun of the schema in the question."""

    position: int
    text: str
    columns: tuple[IndexedColumn, ...]


@dataclass(frozen=True)
class ValueMention:
    """Values of one column (several candidates of the column until the base is known)."""

    position: int
    text: str
    matches: tuple[ValueMatch, ...]
    is_excluded: bool = False


@dataclass(frozen=True)
class Comparison:
    """`subject` is the position of the measure compared, -1 when none stands before it."""

    position: int
    subject: int
    operator: Operator
    number: Decimal
    is_percent: bool


@dataclass
class Reading:
    """Everything one question says, in the schema's words.

    `aside` is unknown text in brackets; `scoped` are nouns that only say what a value before them belongs to.
    """

    tokens: list[Token]
    today: date
    measures: list[MeasureMention] = field(default_factory=list)
    dimensions: list[ConceptMention] = field(default_factory=list)
    counted: list[ConceptMention] = field(default_factory=list)
    loose: list[ConceptMention] = field(default_factory=list)
    values: list[ValueMention] = field(default_factory=list)
    numbers_in: list[tuple[ConceptMention, tuple[int, ...]]] = field(default_factory=list)
    nulls: list[tuple[ConceptMention, bool]] = field(default_factory=list)
    tables: list[tuple[int, tuple[IndexedTable, ...]]] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    periods: list[Period] = field(default_factory=list)
    bucket: Bucket | None = None
    limit: int | None = None
    is_descending: bool | None = None
    is_superlative: bool = False
    rank_position: int = -1
    multiple: int = -1
    absent: int = -1
    unknown: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    scoped: set[int] = field(default_factory=set)
    unused: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)

    @property
    def is_empty(self) -> bool:
        """True when no word of the schema was found."""
        has_family = any(token.kind == "family" for token in self.tokens)
        has_family = has_family or bool(self.nulls)
        found = self.measures or self.dimensions or self.counted or self.loose or self.values or self.tables
        return not (found or has_family)

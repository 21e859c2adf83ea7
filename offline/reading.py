"""What a question says, in its own order and before any table is chosen: mentions, values, conditions, periods, forms.

Made by `Reader`, completed by nobody: the planner resolves it and must use all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from offline.links import Link
from offline.periods import Period
from offline.tokens import Token

Direction = Literal["", "high", "low"]
Aggregate = Literal["", "sum", "avg", "max", "min"]
Grain = Literal["", "day", "week", "month", "quarter", "year", "weekday", "hour", "weekend"]
Operator = Literal[">", ">=", "<", "<=", "=", "<>", "between"]


@dataclass(eq=False)
class Mention:
    """A noun of the schema in the question, with what the words around it make of it."""

    token: Token
    position: int
    aggregate: Aggregate = ""
    is_grouped: bool = False
    is_counted: bool = False
    is_distinct: bool = False
    is_which: bool = False
    is_listed: bool = False
    is_whole: bool = False
    is_negated: bool = False
    rank: Direction = ""
    order: Literal["", "high", "low", "plain"] = ""
    is_newest: Direction = ""
    names_value: bool = False
    counts_rows: bool = False
    ranks_number: bool = False
    ranks_size: bool = False

    @property
    def text(self) -> str:
        return self.token.text

    @property
    def names(self) -> tuple[Link, ...]:
        return self.token.names

    @property
    def is_plain(self) -> bool:
        """Nothing but its name was said."""
        return not (self.aggregate or self.is_grouped or self.is_counted or self.rank or self.order or self.names_value)


@dataclass(eq=False)
class ValueMention:
    """A stored value, or a text in quotation marks or a number for the column that is named beside it."""

    token: Token
    position: int
    links: tuple[Link, ...]
    named: Mention | None = None
    is_negated: bool = False
    is_prefix: bool = False

    @property
    def is_part(self) -> bool:
        """Whether a name must contain, start or end with it."""
        return self.token.name_part is not None

    @property
    def text(self) -> str:
        return self.token.literal or self.token.text


@dataclass(eq=False)
class ConditionMention:
    """A comparison with a number, with the average of the same figure over all groups, or with an `other` figure."""

    position: int
    operator: Operator
    number: Decimal = Decimal(0)
    upper: Decimal | None = None
    is_percent: bool = False
    subject: Mention | None = None
    is_counting: bool = False
    against_average: bool = False
    other: Mention | None = None


@dataclass(eq=False)
class PeriodMention:
    """A period with where it stands."""

    period: Period
    position: int
    text: str


@dataclass
class Reading:
    """Everything said. `forms` maps a form word's tag to the positions where it stands; `unread` are words that mean
    something the engine could not attach to anything."""

    tokens: Sequence[Token]
    is_english: bool
    mentions: list[Mention] = field(default_factory=list)
    values: list[ValueMention] = field(default_factory=list)
    conditions: list[ConditionMention] = field(default_factory=list)
    periods: list[PeriodMention] = field(default_factory=list)
    forms: dict[str, list[int]] = field(default_factory=dict)
    grain: Grain = ""
    grain_position: int = -1
    per: Grain = ""
    limit: int | None = None
    offset: int = 0
    limit_position: int = -1
    direction: Direction = ""
    unknown: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def has(self, *tags: str) -> bool:
        """Whether any of the forms was said."""
        return any(tag in self.forms for tag in tags)

    def mark(self, tag: str, position: int) -> None:
        self.forms.setdefault(tag, []).append(position)

    def mentions_between(self, first: int, last: int) -> Iterator[Mention]:
        return (mention for mention in self.mentions if first <= mention.position <= last)

    @property
    def counted(self) -> list[Mention]:
        return [mention for mention in self.mentions if mention.is_counted]

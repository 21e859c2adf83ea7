"""The typed plan of a query: what is measured, by what, of which rows, when, in what order. Rendering decides nothing.

Fields carry their relation's number, so a plan says which tables it needs without naming a join.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

from offline.periods import Period
from offline.reading import Grain
from offline.relations import Field, Member, Relation

Function = Literal["sum", "avg", "max", "min", "count", "count_distinct"]
Test = Literal[
    "in", "contains", "is_null", "not_null", "flag", ">", ">=", "<", "<=", "=", "<>", "between", "any", "starts", "ends"
]
Change = Literal["", "previous", "year_before"]


@dataclass(frozen=True)
class Refusal:
    """Why a question is not answered: the kind the interface knows, the words it is about, and what is near them."""

    reason: str
    about: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Moment:
    """The time of a relation's rows: a date, a text or number that writes one (`written`), or a year with its month."""

    field: Field
    written: str = ""
    month: Field | None = None

    @property
    def is_timestamp(self) -> bool:
        return self.field.kind == "timestamp"


@dataclass(frozen=True)
class Filter:
    """A condition on a field of one row."""

    field: Field
    test: Test
    values: tuple[str, ...] = ()
    number: Decimal = Decimal(0)
    upper: Decimal | None = None
    is_negated: bool = False
    is_true: bool = True
    against_average: bool = False


@dataclass(frozen=True)
class Measure:
    """An aggregate. `per` averages the sums of days, months or years; `only` restricts what is aggregated.

    `plus` are added to it; `over` divides by another measure, times `scale`; `share_of` is what a share is taken of:
    all groups together (`groups`), the groups of the first dimension (`outer`), or nothing.
    """

    function: Function
    relation: int
    title: str
    field: Field | None = None
    only: tuple[Filter, ...] = ()
    during: Period | None = None
    per: Grain = ""
    over: Measure | None = None
    minus: Measure | None = None
    plus: tuple[Measure, ...] = ()
    scale: int = 1
    share_of: Literal["", "groups", "outer"] = ""
    is_absolute: bool = False
    siblings: tuple[str, tuple[tuple[str, Field], ...]] = ("", ())

    @property
    def is_addable(self) -> bool:
        return self.function in ("sum", "count", "count_distinct") and self.over is None and not self.per


@dataclass(frozen=True)
class Dimension:
    """What rows are grouped by: fields shown, a key that keeps equal names apart, or a bucket of time."""

    title: str
    fields: tuple[Field, ...] = ()
    key: Field | None = None
    grain: Grain = ""
    is_member: bool = False

    @property
    def titles(self) -> tuple[str, ...]:
        """The titles of the columns it is shown in."""
        return (self.title, *(item.title for item in self.fields[1:])) if self.fields else (self.title,)


@dataclass(frozen=True)
class Condition:
    """A comparison of a measure of each group with a number, the average over all groups, or an `other` measure."""

    measure: Measure
    test: Test
    number: Decimal = Decimal(0)
    upper: Decimal | None = None
    against_average: bool = False
    other: Measure | None = None


@dataclass(frozen=True)
class Ordering:
    """By the column of this title; `is_descending` puts the greatest first."""

    title: str
    is_descending: bool


@dataclass(frozen=True)
class Absence:
    """Rows of `target`, further restricted, that must not exist (or must, when `is_present`) for a row of the root."""

    target: Relation
    filters: tuple[Filter, ...] = ()
    period: Period | None = None
    moment: Moment | None = None
    is_present: bool = False


@dataclass(frozen=True)
class Plan:
    """A query over `root` and what it joins.

    With measures it groups by the dimensions; without, it lists the `attributes` of rows. `members` chooses tables of
    a family. `only_deleted` takes the root's rows that are marked as deleted, `keeps_all` shows groups
    without a row of the root, too. `count_groups` counts the groups that
    remain; `mean_over` takes the mean over the groups of the dimension of that title. `best_of_each` keeps the first
    rows of each first dimension.
    """

    root: Relation
    measures: tuple[Measure, ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    attributes: tuple[Field, ...] = ()
    filters: tuple[Filter, ...] = ()
    absences: tuple[Absence, ...] = ()
    conditions: tuple[Condition, ...] = ()
    periods: tuple[Period, ...] = ()
    moment: Moment | None = None
    weekdays: tuple[int, ...] = ()
    ordering: tuple[Ordering, ...] = ()
    limit: int | None = None
    offset: int = 0
    is_distinct: bool = False
    only_deleted: bool = False
    keeps_all: bool = False
    either: tuple[tuple[Filter, ...], ...] = ()
    members: Mapping[int, tuple[Member, ...]] = field(default_factory=dict)
    count_groups: str = ""
    best_of_each: int = 0
    mean_over: str = ""
    both_ends: bool = False
    part_title: str = ""
    change: Change = ""
    compared: tuple[Period, Period] | None = None
    running: bool = False
    titles: Mapping[str, str] = field(default_factory=dict)

    def with_(self, **changes: Any) -> Plan:
        return replace(self, **changes)


@dataclass(frozen=True)
class CombinedPlan:
    """Plans of different facts with the same dimensions, side by side; `ratio` divides the first by the second."""

    parts: tuple[Plan, ...]
    ratio: str = ""
    scale: int = 1
    ordering: tuple[Ordering, ...] = ()
    limit: int | None = None


AnyPlan = Plan | CombinedPlan

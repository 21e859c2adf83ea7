"""What a question asks for, in terms of the schema: the result of parsing and the input of rendering."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from agent.offline.periods import Period
from agent.offline.schema_index import IndexedColumn

Aggregate = Literal["sum", "avg", "max", "min", "count", "count_distinct", "listing"]
Operator = Literal[">", ">=", "<", "<=", "="]
Bucket = Literal["day", "week", "month", "quarter", "year", "weekday"]


@dataclass(frozen=True)
class Filter:
    """`column` is one of `values` (text or whole numbers), or null when there are none; the contrary when excluded."""

    column: IndexedColumn
    values: tuple[str | int, ...]
    is_excluded: bool = False


@dataclass(frozen=True)
class Measure:
    """One aggregated output. `column` None counts rows; `denominator` makes a quotient, `scale` 100 a percentage.

    `is_share` divides by the total over all groups; `only` restricts the rows that count.
    """

    aggregate: Aggregate
    column: IndexedColumn | None
    title: str
    denominator: Measure | None = None
    scale: int = 1
    is_share: bool = False
    only: Filter | None = None

    @property
    def table(self) -> str | None:
        return self.column.table if self.column else None


@dataclass(frozen=True)
class Dimension:
    """A column to group by or to list, with its output title."""

    column: IndexedColumn
    title: str


@dataclass(frozen=True)
class Condition:
    """A measure compared with a number; on single rows when `on_rows`, else on groups."""

    measure: Measure
    operator: Operator
    number: Decimal
    on_rows: bool = False


@dataclass(frozen=True)
class Absence:
    """Rows of the base table for which `table` has no row (in `period`, by its `date_column`)."""

    table: str


@dataclass(frozen=True)
class Ordering:
    """Order by the output named `title`."""

    title: str
    is_descending: bool


@dataclass(frozen=True)
class Plan:
    """One SELECT over `base` and what it joins.

    `measures` are shown as rows, one each, when `family_title` is set. `compared` is a second period to set beside the
    first; `has_growth` sets each bucket beside the one before. `weekdays` keeps only these ISO days of the week.
    `above_mean` keeps groups above or below the mean of all. `is_best_of_each` keeps the first row of each first
    dimension. `counted_title` counts the groups instead of listing them, `is_of_days` aggregates the totals of days.
    `updated_only` keeps rows that were changed after they were made.
    """

    base: str
    dimensions: tuple[Dimension, ...] = ()
    bucket: Bucket | None = None
    measures: tuple[Measure, ...] = ()
    filters: tuple[Filter, ...] = ()
    period: Period | None = None
    date_column: IndexedColumn | None = None
    conditions: tuple[Condition, ...] = ()
    ordering: tuple[Ordering, ...] = ()
    limit: int | None = None
    absence: Absence | None = None
    compared: Period | None = None
    weekdays: tuple[int, ...] = ()
    family_title: str = ""
    above_mean: Operator | None = None
    updated_only: bool = False
    has_growth: bool = False
    is_best_of_each: bool = False
    counted_title: str = ""
    is_of_days: bool = False
    confidence: float = 1.0

    def with_(self, **changes: object) -> Plan:
        """A copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class CombinedPlan:
    """Measures of several fact tables side by side: each part grouped by the same dimensions, then joined on them.

    `quotient` divides the first part's measure by the second's, under this title.
    """

    parts: tuple[Plan, ...]
    quotient: str = ""
    quotient_scale: Decimal = Decimal(1)
    ordering: tuple[Ordering, ...] = ()
    limit: int | None = None
    confidence: float = 1.0


@dataclass(frozen=True)
class Refusal:
    """Why there is no plan: a contract reason (docs/contract/agent.md) and the words it is about."""

    reason: str
    about: str = ""

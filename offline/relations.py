"""The business schema as the engine thinks of it: relations with fields, and what each field is for.

Tables of equal shape whose names differ in one part (sales_2023, sales_2024) are one relation with members; a question
chooses members by that part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from common.business_schema import Column

Kind = Literal["number", "integer", "text", "date", "timestamp", "time", "flag", "array", "other"]
Role = Literal[
    "audit", "deleted", "key", "reference", "code", "label", "category", "flag", "date", "measure", "rate", "ordinal",
    "text", "coordinate",
]  # fmt: skip

_NAMING_ROLES: Final[tuple[Role, ...]] = ("key", "reference", "code")


@dataclass(frozen=True, eq=False)
class Field:
    """A column with its kind and role. `title` is what it is called in output, `stem` its words without prefixes.

    `legend` has the words of its codes, by code. `factors` are the columns whose product it is when no column holds it.
    """

    relation: int
    column: Column
    kind: Kind
    role: Role
    title: str
    stem: tuple[str, ...]
    values: tuple[str, ...] = ()
    date_format: str = ""
    legend: Mapping[str, str] = field(default_factory=dict)
    factors: tuple[Field, ...] = ()

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def is_numeric(self) -> bool:
        return self.kind in ("number", "integer")

    @property
    def is_measure(self) -> bool:
        return self.role in ("measure", "rate")

    @property
    def is_moment(self) -> bool:
        return self.role == "date" or self.kind in ("date", "timestamp")

    @property
    def is_unique(self) -> bool:
        return self.column.is_unique


@dataclass(frozen=True)
class Member:
    """One table of a relation: its schema and name, and the part of the name that tells it from its siblings."""

    schema: str
    name: str
    part: str = ""
    is_qualified: bool = False


@dataclass(eq=False)
class Relation:
    """A table, a view, or a family of tables of one shape."""

    number: int
    members: tuple[Member, ...]
    title: str
    stem: tuple[str, ...]
    comment: str = ""
    fields: tuple[Field, ...] = ()
    years: Mapping[int, Member] = field(default_factory=dict)
    member_values: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.members[0].name

    @property
    def is_family(self) -> bool:
        return len(self.members) > 1

    def field(self, name: str) -> Field | None:
        return next((item for item in self.fields if item.name == name), None)

    def with_role(self, *roles: Role) -> Iterator[Field]:
        return (item for item in self.fields if item.role in roles)

    @property
    def key(self) -> Field | None:
        """The single column that identifies a row, when there is one."""
        keys = [item for item in self.fields if item.column.is_primary_key]
        if len(keys) == 1:
            return keys[0]
        unique = [item for role in _NAMING_ROLES for item in self.with_role(role) if item.is_unique]
        return next(iter(unique), None) if not keys else None

    @property
    def has_composite_key(self) -> bool:
        return sum(item.column.is_primary_key for item in self.fields) > 1

    @property
    def deleted(self) -> Field | None:
        return next(self.with_role("deleted"), None)

    @property
    def is_event(self) -> bool:
        """True when rows are things that happened: they have a moment and a number of their own."""
        return any(item.is_moment and item.role != "audit" for item in self.fields) and any(
            item.is_measure for item in self.fields
        )

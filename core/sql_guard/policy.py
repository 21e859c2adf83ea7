"""What the SQL guard admits, as data: relations, columns, functions, operators, types and sizes; made by bootstrap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from common.business_schema import BusinessSchema
from core.sql_guard.admitted_names import CAST_TYPES, FUNCTIONS, OPERATORS
from core.sql_guard.namespaces import MAX_COLUMNS, ColumnList

DIALECTS: Final = ("postgres", "sqlite", "mysql")


@dataclass(frozen=True)
class RelationRule:
    """One relation that may be read. `columns` are all it has, in order; `denied` those no query may touch."""

    schema: str
    name: str
    columns: tuple[str, ...]
    denied: frozenset[str] = frozenset()

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @cached_property
    def column_list(self) -> ColumnList:
        return ColumnList(self.columns)

    @cached_property
    def origins(self) -> Mapping[str, str]:
        """Column name -> `schema.relation.column`."""
        return {column: f"{self.full_name}.{column}" for column in self.columns}


@dataclass(frozen=True)
class GuardPolicy:
    """Everything a statement is held against. Names are as the catalogue spells them (usually lower case).

    Attributes:
        relations: the allow-list; a relation that is not here does not exist for a query.
        search_path: schemas an unqualified relation or function name is looked up in, in order.
        functions: built-in function names admitted in any position.
        user_functions: further functions as `schema.name`.
        operators: admitted operators, unqualified.
        cast_types: sqlglot type names (`DataType.Type`) admitted as cast targets.
        user_types: further cast targets (enums of the business schema), `name` or `schema.name`.
        over_granted: `schema.name` of relations of which the login could read a denied column, so that the server would
            not stop what the guard misreads; statements that touch one are held to `simple_names`.
        max_bytes: statement length in bytes of UTF-8.
        max_nesting: bracket depth. max_tokens: lexemes. max_nodes and max_depth: of the parsed tree.
        max_columns: of one result, inner ones included; PostgreSQL's own limit.
        max_text: characters a single `repeat`, `lpad`, ... may make.
        max_value: bytes one value may grow to by concatenating, quoting, collecting, ... as far as the text tells.
        max_exponent: of a power or a number. max_grouping_sets: CUBE, ROLLUP and GROUPING SETS together.
        max_series: rows a `generate_series` over constants may make.
    """

    relations: tuple[RelationRule, ...]
    search_path: tuple[str, ...] = ("public",)
    functions: frozenset[str] = FUNCTIONS
    user_functions: frozenset[str] = frozenset()
    operators: frozenset[str] = OPERATORS
    cast_types: frozenset[str] = CAST_TYPES
    user_types: frozenset[str] = frozenset()
    over_granted: frozenset[str] = frozenset()
    dialect: str = "postgres"
    max_bytes: int = 20_000
    max_nesting: int = 16
    max_tokens: int = 2_000
    max_nodes: int = 6_000
    max_columns: int = MAX_COLUMNS
    max_depth: int = 300
    max_text: int = 10_000
    max_value: int = 2_000_000
    max_series: int = 100_000
    max_exponent: int = 300
    max_grouping_sets: int = 256

    @cached_property
    def by_name(self) -> Mapping[tuple[str, str], RelationRule]:
        """Relations by (schema, name)."""
        return {(rule.schema, rule.name): rule for rule in self.relations}

    def find_relation(self, schema: str, name: str) -> RelationRule | None:
        """The admitted relation, looked up along the search path when `schema` is empty."""
        if schema:
            return self.by_name.get((schema, name))
        if name.startswith("pg_"):  # pg_catalog is searched first, so an unqualified pg_ name is never a business table
            return None
        return next((rule for path in self.search_path if (rule := self.by_name.get((path, name)))), None)

    def admits_function(self, schema: str, name: str) -> bool:
        """Whether a call of `name`, qualified by `schema` or not, is admitted."""
        if schema == "pg_catalog":
            return name in self.functions
        if schema:
            return f"{schema}.{name}" in self.user_functions
        return name in self.functions or any(f"{path}.{name}" in self.user_functions for path in self.search_path)


def policy_for(
    schema: BusinessSchema,
    *,
    denied_columns: Iterable[str] = (),
    search_path: tuple[str, ...] = ("public",),
    user_functions: Iterable[str] = (),
    user_types: Iterable[str] = (),
    over_granted: Iterable[str] = (),
    dialect: str = "postgres",
) -> GuardPolicy:
    """The policy of a catalogue.

    Args:
        denied_columns: `schema.table.column`; they may be absent from `schema` (a role that cannot read them).
        over_granted: as of `GuardPolicy`.
    """
    denied: dict[tuple[str, str], list[str]] = {}
    for entry in denied_columns:
        owner, relation, hidden_column = entry.split(".")
        denied.setdefault((owner, relation), []).append(hidden_column)
    rules = []
    for table in schema.tables:
        hidden = denied.get((table.schema, table.name), [])
        known = [column.name for column in table.columns]
        columns = tuple(known + [column for column in hidden if column not in known])
        rules.append(RelationRule(table.schema, table.name, columns, frozenset(hidden)))
    return GuardPolicy(
        relations=tuple(rules),
        search_path=search_path,
        user_functions=frozenset(user_functions),
        user_types=frozenset(user_types),
        over_granted=frozenset(over_granted),
        dialect=dialect,
    )

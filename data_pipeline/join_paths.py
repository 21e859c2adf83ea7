"""How tables hang together: declared foreign keys, `<x>_id` to the table named after it, codes with equal names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data_pipeline.column_roles import column_role, column_title, table_noun
from data_pipeline.schema_reader import BusinessTable, TableColumn


@dataclass(frozen=True)
class Join:
    """`child.child_column = parent.parent_column`; many children, one parent."""

    child: BusinessTable
    child_column: str
    parent: BusinessTable
    parent_column: str


def find_joins(tables: Sequence[BusinessTable]) -> list[Join]:
    """Every join between the tables, in the order of the children and their columns, each once."""
    joins: dict[tuple[str, str, str, str], Join] = {}
    for finder in (_declared, _named_after, _equal_codes):
        for join in finder(tables):
            if join.child.full_name == join.parent.full_name:
                continue
            known = (join.child.full_name, join.child_column, join.parent.full_name)
            if not any(key[:3] == known for key in joins):
                joins[*known, join.parent_column] = join
    return sorted(joins.values(), key=lambda join: (join.child.full_name, join.child_column, join.parent.full_name))


def is_link(table: BusinessTable, joins: Sequence[Join]) -> bool:
    """Whether the table only connects two others."""
    keys = {join.child_column for join in joins if join.child.full_name == table.full_name}
    others = [column for column in table.columns if column_role(column) not in ("audit", "key")]
    return len(keys) >= 2 and not others


def _declared(tables: Sequence[BusinessTable]) -> Iterator[Join]:
    by_name = {table.full_name: table for table in tables}
    for table in tables:
        for key in table.foreign_keys:
            parent = by_name.get(f"{key.schema}.{key.table}")
            if parent is not None and len(key.columns) == 1 and parent.column(key.target_columns[0]):
                yield Join(table, key.columns[0], parent, key.target_columns[0])


def _named_after(tables: Sequence[BusinessTable]) -> Iterator[Join]:
    for table in tables:
        for column in table.columns:
            stem = column.name.lower().removesuffix("_id")
            if stem and stem != column.name.lower() and not column.is_foreign_key:
                parent = _referenced_table(tables, table, stem)
                if parent is not None and _same_type(column, parent.column(parent.primary_key[0])):
                    yield Join(table, column.name, parent, parent.primary_key[0])


def _referenced_table(tables: Sequence[BusinessTable], child: BusinessTable, stem: str) -> BusinessTable | None:
    """The one table with a simple key whose name is the stem, or ends with it."""
    fitting = [
        table
        for table in tables
        if len(table.primary_key) == 1 and table.full_name != child.full_name and _is_called(table.name.lower(), stem)
    ]
    fitting.sort(key=lambda table: (table.schema != child.schema, len(table.name), table.name))
    return fitting[0] if fitting else None


def _is_called(name: str, stem: str) -> bool:
    singular = name.removesuffix("s")
    return any(form == stem or form.endswith(f"_{stem}") for form in (name, singular))


def _equal_codes(tables: Sequence[BusinessTable]) -> Iterator[Join]:
    """Codes that bear one name in two tables; the parent is the table the code is named after."""
    codes: defaultdict[str, list[tuple[BusinessTable, TableColumn]]] = defaultdict(list)
    for table in tables:
        for column in table.columns:
            if column_role(column) == "code":
                codes[column_title(column)].append((table, column))
    for title, found in codes.items():
        for parent, code in found:
            if len(found) > 1 and title.startswith(table_noun(parent)):
                for child, column in found:
                    if _same_type(column, code) and bool(column.comment) == bool(code.comment):
                        yield Join(child, column.name, parent, code.name)


def _same_type(left: TableColumn, right: TableColumn | None) -> bool:
    return right is not None and left.data_type.partition("(")[0] == right.data_type.partition("(")[0]

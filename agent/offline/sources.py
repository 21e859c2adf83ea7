"""FROM and JOIN of one SELECT: the base table, the ways to the others, short aliases, and who is not deleted."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from agent.offline.joins import Edge, JoinGraph
from agent.offline.schema_index import IndexedColumn, SchemaIndex


class Source:
    """The tables of one SELECT. With one table and unless `is_qualified`, columns stand without a qualifier."""

    def __init__(
        self,
        base: str,
        tables: Iterable[str],
        *,
        index: SchemaIndex,
        joins: JoinGraph,
        taken: set[str] | None = None,
        avoid: str | None = None,
        is_qualified: bool = False,
    ) -> None:
        self.base = base
        self._index = index
        self._taken = taken or set()
        self._edges: list[Edge] = []
        self._is_qualified = is_qualified or bool(taken)
        self.aliases: dict[str, str] = {base: self._alias(base)}
        for table in tables:
            for edge in joins.path(base, table) or ():
                if edge.right not in self.aliases and edge.right != avoid:
                    self.aliases[edge.right] = self._alias(edge.right)
                    self._edges.append(edge)

    def _alias(self, table: str) -> str:
        letters = "".join(part[0] for part in self._index.table(table).stem.lower().split("_") if part) or "t"
        used = {*getattr(self, "aliases", {}).values(), *self._taken}
        return letters if letters not in used else f"{letters}{len(used) + 1}"

    @property
    def is_single(self) -> bool:
        return len(self.aliases) == 1 and not self._is_qualified

    def column(self, column: IndexedColumn) -> exp.Column:
        """A reference to a column of one of the tables."""
        return exp.column(column.name, table=None if self.is_single else self.aliases[column.table])

    def attach(self, query: exp.Select) -> exp.Select:
        """Add FROM and the joins."""
        query = query.from_(self._table(self.base), copy=False)
        for edge in self._edges:
            on = exp.EQ(
                this=exp.column(edge.left_column, table=self.aliases[edge.left]),
                expression=exp.column(edge.right_column, table=self.aliases[edge.right]),
            )
            query = query.join(self._table(edge.right), on=on, copy=False)
        return query

    def _table(self, name: str) -> exp.Expr:
        table = exp.to_table(name)
        return table if self.is_single else exp.alias_(table, self.aliases[name], table=True)

    def not_deleted(self) -> list[exp.Expr]:
        """`delete_ts IS NULL` for every table that has such a column."""
        columns = (self._index.deleted_column(table) for table in self.aliases)
        return [exp.Is(this=self.column(column), expression=exp.Null()) for column in columns if column]

"""Writes random queries whose names are hard to resolve: what `guard_differential` holds guard and server against.

Everything is an integer, so that most queries are valid; names of tables, aliases and columns come from one small pool,
so that they shadow each other at every level. Some names are chosen blindly, valid or not.
"""

# ruff: noqa: S608 - writing SQL is what this module does; nothing in it comes from outside

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

T = TypeVar("T")

SCHEMA: Final = "names"
# `filler` is in every table and no query names it.
TABLES: Final[dict[str, tuple[str, ...]]] = {
    "t1": ("a", "b", "s", "k", "filler"),
    "t2": ("a", "c", "d", "k", "filler"),
    "t3": ("b", "c", "e", "k", "filler"),
    "t4": ("d", "e", "x", "s", "filler"),
}
DENIED: Final[dict[str, frozenset[str]]] = {
    "t1": frozenset({"s"}), "t2": frozenset(), "t3": frozenset(), "t4": frozenset({"x", "s"}),
}  # fmt: skip
DDL: Final = "\n".join(
    [
        f"CREATE SCHEMA {SCHEMA};",
        *(
            f"CREATE TABLE {SCHEMA}.{name} ({', '.join(f'{column} int' for column in columns)});"
            f" INSERT INTO {SCHEMA}.{name} VALUES ({', '.join('1' * len(columns))});"
            f" CREATE FUNCTION {SCHEMA}.hook({SCHEMA}.{name}) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';"
            for name, columns in TABLES.items()
        ),
        f"CREATE FUNCTION {SCHEMA}.twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';",
    ]
)
_ALIASES: Final = ("t1", "t2", "q", "r", "a", "s", "x", "e", "u", "hook")
_COLUMNS: Final = ("a", "b", "c", "d", "e", "k", "s", "x", "n")
_WRONG_SCOPE: Final = 0.08
_BLIND_NAME: Final = 0.04


@dataclass
class Source:
    """A FROM item as far as the writer knows it: its alias and columns."""

    alias: str
    columns: tuple[str, ...]


@dataclass
class Names:
    """What may be named at a place: levels from the inside out, each a list of FROM items."""

    levels: list[list[Source]] = field(default_factory=list)
    ctes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def inside(self, sources: list[Source]) -> Names:
        return Names([sources, *self.levels], self.ctes)

    def knowing(self, name: str, columns: tuple[str, ...]) -> Names:
        return Names(self.levels, {**self.ctes, name: columns})


class QueryWriter:
    """Writes queries from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not a secret

    def statement(self) -> str:
        """One query."""
        return self._query(Names(), self._random.choice((1, 2, 2, 3)))[0]

    # queries

    def _query(self, names: Names, depth: int, width: int | None = None) -> tuple[str, tuple[str, ...]]:
        roll = self._random.random()
        if depth > 0 and roll < 0.12:
            return self._set_operation(names, depth - 1, width or self._random.randint(1, 2))
        if depth > 0 and roll < 0.20:
            text, columns = self._query(names, depth - 1, width)
            is_sorted = "ORDER BY" in text or "LIMIT" in text  # perhaps deeper inside, which does no harm
            return (f"({text})" if is_sorted else f"({text}) {self._trailing(columns, names)}"), columns
        if roll < 0.23:
            size = width or self._random.randint(1, 2)
            row = ", ".join(self._value(names, 0) for _ in range(size))
            columns = tuple(f"column{number + 1}" for number in range(size))
            return f"VALUES ({row}){self._maybe(0.2, lambda: ' ORDER BY column1')}", columns
        if roll < 0.25 and width is None:
            name = self._pick(("t2", "t3", "t1"))
            return f"TABLE {SCHEMA}.{name}", TABLES[name]
        return self._select(names, depth, width)

    def _set_operation(self, names: Names, depth: int, width: int) -> tuple[str, tuple[str, ...]]:
        left, columns = self._query(names, depth, width)
        right, _ = self._query(names, depth, width)
        word = self._pick(("UNION", "UNION ALL", "EXCEPT", "INTERSECT"))
        text = f"({left}) {word} ({right})"
        if self._random.random() < 0.4:
            text += f" ORDER BY {self._pick((self._pick(columns), '1', self._pick(_COLUMNS)))}"
        return text, columns

    def _trailing(self, columns: tuple[str, ...], names: Names) -> str:
        key = self._pick((self._pick(columns), self._pick(_COLUMNS), self._name(names), "1"))
        if self._random.random() < 0.4:
            key = f"coalesce({key}, 1)"
        return f"ORDER BY {key}" + self._maybe(0.3, lambda: " LIMIT 3")

    def _select(self, names: Names, depth: int, width: int | None) -> tuple[str, tuple[str, ...]]:
        prefix = ""
        if depth > 0 and self._random.random() < 0.18:
            prefix, names = self._with(names, depth - 1)
        from_, sources = self._from(names, depth)
        inside = names.inside(sources)
        targets, columns = self._targets(inside, depth, width, sources)
        text = f"{prefix}SELECT {self._distinct(inside, columns)}{', '.join(targets)} FROM {from_}"
        if self._random.random() < 0.5:
            text += f" WHERE {self._condition(inside, depth)}"
        text += self._grouping(inside, columns, targets)
        return text, columns

    def _with(self, names: Names, depth: int) -> tuple[str, Names]:
        name = self._pick(("t1", "t2", "q", "w", "s"))
        if self._random.random() < 0.4:
            columns = self._columns(self._random.randint(1, 2))
            first, _ = self._query(names, depth, len(columns))
            known = names.knowing(name, columns)
            sources = [Source(name, columns)]
            second = name
            if self._random.random() < 0.4:
                sources.append(Source("t3", TABLES["t3"]))
                second = f"{name} JOIN {SCHEMA}.t3 ON {self._name(known.inside(sources))} = 1"
            targets = ", ".join(self._name(known.inside(sources)) for _ in columns)
            body = f"({first}) UNION SELECT {targets} FROM {second}"
            return f"WITH RECURSIVE {name}({', '.join(columns)}) AS ({body}) ", known
        body, columns = self._query(names, depth)
        if self._random.random() < 0.3:
            columns = self._columns(len(columns))
            return f"WITH {name}({', '.join(columns)}) AS ({body}) ", names.knowing(name, columns)
        return f"WITH {self._maybe(0.2, lambda: 'RECURSIVE ')}{name} AS ({body}) ", names.knowing(name, columns)

    # target list and the clauses that see it

    def _targets(
        self, names: Names, depth: int, width: int | None, sources: list[Source]
    ) -> tuple[list[str], tuple[str, ...]]:
        if width is None and self._random.random() < 0.15 and sources:
            if self._random.random() < 0.5:
                return ["*"], tuple(column for source in sources for column in source.columns) or ("a",)
            source = self._pick(sources)
            return [f"{source.alias}.*"], source.columns or ("a",)
        targets, columns = [], []
        for _ in range(width or self._random.randint(1, 3)):
            if self._random.random() < 0.45:
                name = self._name(names)
                targets.append(name)
                columns.append(name.rpartition(".")[2])
            else:
                column = self._pick(_COLUMNS)
                targets.append(f"{self._value(names, depth)} AS {column}")
                columns.append(column)
        return targets, tuple(columns)

    def _distinct(self, names: Names, columns: tuple[str, ...]) -> str:
        if self._random.random() > 0.06:
            return ""
        return self._pick(("DISTINCT ", f"DISTINCT ON ({self._pick((self._name(names), self._pick(columns)))}) "))

    def _grouping(self, names: Names, columns: tuple[str, ...], targets: list[str]) -> str:
        roll = self._random.random()
        key = self._pick((self._pick(columns), self._pick(_COLUMNS), self._name(names)))
        if roll < 0.12:
            wrapped = self._pick((key, f"({key})", f"ROLLUP ({key})", f"({key}, {self._name(names)})"))
            plain = [target.partition(" AS ")[0] for target in targets if "*" not in target]
            return f" GROUP BY {', '.join([wrapped, *plain])}"
        if roll < 0.4:
            return f" ORDER BY {self._pick((key, f'({key})', f'coalesce({key}, 1)', '1'))}"
        if roll < 0.45:
            return f" WINDOW w AS (PARTITION BY {key} ORDER BY {self._name(names)})"
        return f" LIMIT (SELECT count(*) FROM {SCHEMA}.t2 WHERE {self._name(names)} = 1)" if roll < 0.47 else ""

    # FROM

    def _from(self, names: Names, depth: int) -> tuple[str, list[Source]]:
        texts: list[str] = []
        sources: list[Source] = []
        for _ in range(self._pick((1, 1, 2, 2, 3))):
            text, added = self._item(names, depth, sources)
            texts.append(text)
            sources = [*sources, *added]
        return ", ".join(texts), sources

    def _item(self, names: Names, depth: int, left: list[Source]) -> tuple[str, list[Source]]:
        roll = self._random.random()
        if depth > 0 and roll < 0.30:
            return self._join(names, depth - 1, left)
        if depth > 0 and roll < 0.42:
            text, added = (
                self._shared_names(left) if self._random.random() < 0.3 else self._join(names, depth - 1, left)
            )
            if self._random.random() < 0.4:
                alias = self._alias(left)
                every = tuple(column for source in added for column in source.columns)
                return f"({text}) AS {alias}", [Source(alias, every)]
            return f"({text})", added
        if depth > 0 and roll < 0.62:
            return self._derived(names, depth - 1, left)
        if roll < 0.72:
            return self._function(names, left)
        return self._relation(names, left)

    def _shared_names(self, left: list[Source]) -> tuple[str, list[Source]]:
        """A join of a table with a query that has columns of the same names, denied ones among them."""
        table = self._pick(tuple(TABLES))
        first = self._alias(left)
        second = self._alias([*left, Source(first, ())])
        columns = tuple(column for column in TABLES[table] if column in DENIED[table] or self._random.random() < 0.3)
        values = ", ".join(f"{number} AS {column}" for number, column in enumerate(columns or ("a",)))
        sides = [(f"{SCHEMA}.{table} {first}", Source(first, TABLES[table]))]
        sides.insert(self._pick((0, 1)), (f"(SELECT {values}) {second}", Source(second, columns or ("a",))))
        kind = self._pick(("CROSS JOIN {}", "JOIN {} ON true", "LEFT JOIN {} ON true", "RIGHT JOIN {} ON true"))
        return f"{sides[0][0]} {kind.format(sides[1][0])}", [source for _, source in sides]

    def _relation(self, names: Names, left: list[Source]) -> tuple[str, list[Source]]:
        if names.ctes and self._random.random() < 0.5:
            name = self._pick(tuple(names.ctes))
            text, columns = name, names.ctes[name]
        else:
            name = self._pick(tuple(TABLES))
            text, columns = f"{SCHEMA}.{name}", TABLES[name]
            if name not in names.ctes and self._random.random() < 0.5:
                text = name
        if self._random.random() < 0.6 or any(source.alias == name for source in left):
            alias = self._alias(left)
            if self._random.random() < 0.12:
                columns = (*self._columns(2), *columns[2:]) if len(columns) > 1 else columns
                return f"{text} AS {alias}({', '.join(columns[:2])})", [Source(alias, columns)]
            return f"{text} {alias}", [Source(alias, columns)]
        return text, [Source(name, columns)]

    def _derived(self, names: Names, depth: int, left: list[Source]) -> tuple[str, list[Source]]:
        is_lateral = self._random.random() < 0.5
        sees_left = is_lateral != (self._random.random() < _WRONG_SCOPE)
        inner, columns = self._query(names.inside(left) if sees_left else names, depth)
        alias = self._alias(left)
        renamed = ""
        if self._random.random() < 0.2 and columns:
            columns = (self._pick(_COLUMNS), *columns[1:])
            renamed = f"({columns[0]})"
        return f"{'LATERAL ' if is_lateral else ''}({inner}) AS {alias}{renamed}", [Source(alias, columns)]

    def _function(self, names: Names, left: list[Source]) -> tuple[str, list[Source]]:
        value = self._value(names.inside(left), 0)
        alias = self._alias(left)
        rows = self._pick(("t2", "t3"))
        choices: tuple[tuple[str, tuple[str, ...]], ...] = (
            (f"generate_series(1, {value}) AS {alias}", (alias,)),
            (f"generate_series(1, {value}) WITH ORDINALITY AS {alias}(n, k)", ("n", "k")),
            (f"unnest(ARRAY[{value}, 1]) AS {alias}", (alias,)),
            (f"twice({value}) AS {alias}", (alias,)),
            (f"unnest((SELECT array_agg(r) FROM {SCHEMA}.{rows} r)) AS {alias}", TABLES[rows]),
            (f"unnest(to_tsvector('simple', {value}::text)) AS {alias}", ("lexeme", "positions", "weights")),
            (f"jsonb_array_elements(to_jsonb(ARRAY[{value}])) AS {alias}", ()),
            (f"ROWS FROM (generate_series(1, {value}), twice(2)) AS {alias}(a, n)", ("a", "n")),
        )
        text, columns = self._pick(choices)
        return text, [Source(alias, columns)]

    def _join(self, names: Names, depth: int, left: list[Source]) -> tuple[str, list[Source]]:
        first, before = self._item(names, depth, left)
        kind = self._pick(("", "INNER ", "LEFT ", "RIGHT ", "FULL "))
        is_hidden = kind in ("RIGHT ", "FULL ") and self._random.random() > _WRONG_SCOPE
        second, after = self._item(names, depth, left if is_hidden else [*left, *before])
        sides = [*before, *after]
        roll = self._random.random()
        if roll < 0.15:
            return f"{first} CROSS JOIN {second}", sides
        if roll < 0.22:
            return f"{first} NATURAL {self._maybe(0.3, lambda: 'LEFT ')}JOIN {second}", sides
        shared = {column for source in before for column in source.columns} & {
            column for source in after for column in source.columns
        }
        if roll < 0.40 and shared:
            return f"{first} {kind}JOIN {second} USING ({self._pick(tuple(sorted(shared)))})", sides
        seen = [*left, *sides] if self._random.random() < _WRONG_SCOPE else sides
        condition = f"{self._name(names.inside(seen))} = {self._value(names.inside(seen), depth)}"
        return f"{first} {kind}JOIN {second} ON {condition}", sides

    # expressions

    def _condition(self, names: Names, depth: int) -> str:
        if depth > 0 and self._random.random() < 0.3:
            inner, _ = self._query(names, depth - 1, 1)
            return self._pick((f"EXISTS ({inner})", f"{self._name(names)} IN ({inner})"))
        return f"{self._value(names, depth)} {self._pick(('=', '>', '<>'))} {self._value(names, 0)}"

    def _value(self, names: Names, depth: int) -> str:
        roll = self._random.random()
        if roll < 0.5:
            return self._name(names)
        if roll < 0.6:
            return f"(to_jsonb({self._row(names)}) IS NULL)::int"
        if roll < 0.7 and depth > 0:
            return f"(SELECT max({self._pick(('1', 'one.n'))}) FROM ({self._query(names, depth - 1, 1)[0]}) one(n))"
        if roll < 0.8:
            return f"coalesce({self._name(names)}, {self._name(names)})"
        if roll < 0.83:
            return f"{SCHEMA}.twice({self._name(names)})"
        if roll < 0.86:
            return f"CASE WHEN {self._name(names)} = 1 THEN {self._name(names)} END"
        return str(self._random.randint(0, 3))

    def _row(self, names: Names) -> str:
        if names.levels and names.levels[0] and self._random.random() < 0.7:
            source = self._pick(names.levels[0])
            return self._pick((source.alias, f"{source.alias}.*"))
        return self._pick(_ALIASES)

    def _name(self, names: Names) -> str:
        if not any(names.levels) and self._random.random() > _BLIND_NAME:
            return "1"
        if self._random.random() < _BLIND_NAME or not any(names.levels):
            column = self._pick((*_COLUMNS, "hook", "ctid"))
            return self._pick((column, f"{self._pick(_ALIASES)}.{column}"))
        level = next(
            (found for found in names.levels if found and self._random.random() < 0.75),
            next(found for found in names.levels if found),
        )
        source = self._pick(level)
        if not source.columns:
            return "2"
        column = self._pick(source.columns)
        if column == "filler" or (column in ("s", "x") and self._random.random() < 0.5):
            column = self._pick(source.columns[:2])
        roll = self._random.random()
        is_single = [column in other.columns for other in level].count(True) == 1
        if roll < 0.35 and (is_single or roll < 0.02):
            return column
        if roll < 0.31 and source.alias in TABLES:
            return f"{SCHEMA}.{source.alias}.{column}"
        return f"{source.alias}.{column}"

    def _alias(self, left: list[Source]) -> str:
        taken = {source.alias for source in left}
        free = [alias for alias in (*_ALIASES, "v", "w", "y", "z", "g", "h") if alias not in taken]
        return self._pick(free or ["extra"])

    def _columns(self, count: int) -> tuple[str, ...]:
        return tuple(self._random.sample(_COLUMNS, min(count, len(_COLUMNS))))

    def _maybe(self, chance: float, write: Callable[[], str]) -> str:
        return write() if self._random.random() < chance else ""

    def _pick(self, choices: Sequence[T]) -> T:
        return self._random.choice(choices)

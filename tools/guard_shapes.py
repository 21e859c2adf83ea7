"""Statements that grow: nests, lists, chains and runs of every construct, to find work that is more than linear.

The guard's tests and `python -m tools.bench guard_shapes` share it. A shape is made from rules of a small grammar:
each wraps an expression, a query or a FROM item into another of them, so that any chain of rules is a statement, and a
chain can be made of one rule, of two in turn, or of any. Not every shape is PostgreSQL; every one has to be cheap.
"""

# ruff: noqa: S311, S608 - seeded choices; these statements are never sent anywhere

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

LARGEST: Final = 65_536
_HOLE: Final = "§"


@dataclass(frozen=True)
class Shape:
    """A statement of about `size` characters, and the recipe it was made by."""

    recipe: str
    sql: str


@dataclass(frozen=True)
class _Wrap:
    """Text before and after what is inside; sorts are `e` expression, `q` query, `f` FROM item, `t` type."""

    made: str
    inner: str
    before: str
    after: str


def _wraps(made: str, inner: str, *pairs: str) -> list[_Wrap]:
    return [_Wrap(made, inner, *pair.split(_HOLE)) for pair in pairs]


_WRAPS: Final = [
    *_wraps(
        "e", "e",
        "(§)", "§ / 2", "(§) / 2", "2 / §", "§ % 3", "§ * 2", "(§) * a", "mod(§, 3)", "greatest(1, §)", "least(§, 2)",
        "repeat('x', §)", "sum(§) / max(a)", "§ / max(a) OVER ()", "format('%s%s', a, §)",
        "array_to_string(ARRAY[§], ',')", "string_agg(§, ',')", "jsonb_pretty(§)", "encode(§, 'hex')", "a ~ §",
        "regexp_replace(§, 'a', 'b')", "ARRAY[§]", "ARRAY[1, §]", "lower(§)", "coalesce(a, §)", "repeat(§, 1)",
        "concat_ws(',', a, §)", "numeric(§)", "varchar(§)", "date(§)", "timestamp(§)", "interval(§)", "bit(§)",
        "json(§)", "point(§)", "map(§)", "list(§)", "struct(§)", "row(§)", "ROW(a, §)", "(a, §)", "NOT (§)", "NOT §",
        "- §", "+ §", "@ §", "§ + 1", "1 + §", "§ || 'x'", "'x' || §", "§ AND true", "true OR §", "§ = 1", "1 < §",
        "1 = ANY (ARRAY[§])", "1 = ALL (ARRAY[§])", "1 IN (§)", "1 IN (1, 2, §)", "§ IN (1)", "§ BETWEEN 1 AND 2",
        "1 BETWEEN (§) AND 2", "1 BETWEEN 0 AND (§)", "§ IS NULL", "§ IS DISTINCT FROM 1", "§ LIKE 'a' ESCAPE 'b'",
        "'a' ILIKE ANY (ARRAY[§])", "§ SIMILAR TO 'a'", "CASE WHEN § THEN 1 END", "CASE § WHEN 1 THEN 2 END",
        "CASE WHEN true THEN § ELSE 1 END", "CASE WHEN true THEN 1 ELSE § END", "CAST(§ AS int)",
        "CAST(§ AS numeric(10, 2))", "(§)::int", "§::text", "§::numeric(10, 2)", "§::int[]", "(§)[1]", "a[§]",
        "a[1:§]", "(§).x", "EXTRACT(year FROM §)", "TRIM(BOTH 'x' FROM §)", "SUBSTRING(§ FROM 1 FOR 2)",
        "SUBSTRING('a' FROM §)", "OVERLAY(§ PLACING 'x' FROM 1)", "POSITION('a' IN §)", "INTERVAL §", "INTERVAL (§)",
        "INTERVAL '1 day' * §", "DATE (§)", "§ AT TIME ZONE 'UTC'", "now() AT TIME ZONE (§)", "sum(§)",
        "sum(DISTINCT §)", "count(*) FILTER (WHERE §)", "string_agg(§, ',' ORDER BY a)", "array_agg(a ORDER BY §)",
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY §)", "sum(§) OVER (PARTITION BY a)",
        "sum(a) OVER (PARTITION BY §)", "sum(a) OVER (ORDER BY §)",
        "sum(a) OVER (ORDER BY a ROWS BETWEEN § PRECEDING AND CURRENT ROW)", "make_date(day => §)", "f(VARIADIC §)",
        "jsonb_build_object('a', §)", "§ -> 'a'", "§ #>> '{a}'", "§ COLLATE \"C\"", "pg_catalog.abs(§)",
        "GROUPING(§)", "(§, 1) OVERLAPS (a, b)", "§ ^ 2", "2 ^ §", "§ << 1", "§ ~ 'a'", "1::numeric(§)",
        "1::varchar(§)", "1::timestamp(§)", "1::int[§]", "CAST(1 AS int[§])", "1::ARRAY[§]", "format('%s', §)",
        "lpad(§, 10, ' ')", "replace(§, 'a', 'b')", "JSON_OBJECT('a': §)", "JSON_ARRAY(§)", "JSON_VALUE(§, '$')",
        "§ IS JSON",
    ),
    *_wraps(
        "e", "q",
        "(§)", "EXISTS (§)", "ARRAY(§)", "1 IN (§)", "1 = ANY (§)", "1 > ALL (§)", "(1, 2) IN (§)", "NOT EXISTS (§)",
        "coalesce((§), 0)", "(§)::int", "ARRAY[(§)]", "CASE WHEN EXISTS (§) THEN 1 END",
    ),
    *_wraps(
        "q", "e",
        "SELECT §", "SELECT a, § AS b FROM t", "SELECT DISTINCT §", "SELECT DISTINCT ON (§) a FROM t",
        "SELECT a FROM t WHERE §", "SELECT a FROM t GROUP BY §", "SELECT a FROM t GROUP BY ROLLUP (§)",
        "SELECT a FROM t GROUP BY CUBE (a, §)", "SELECT a FROM t GROUP BY GROUPING SETS ((§), ())",
        "SELECT a FROM t HAVING §", "SELECT a FROM t ORDER BY §", "SELECT a FROM t LIMIT §",
        "SELECT a FROM t OFFSET §", "VALUES (§)", "VALUES (1, §), (2, 3)",
        "SELECT sum(a) OVER w FROM t WINDOW w AS (PARTITION BY §)", "SELECT a FROM t FETCH FIRST (§) ROWS ONLY",
    ),
    *_wraps(
        "q", "q",
        "(§)", "§ UNION ALL SELECT 1", "SELECT 1 UNION §", "SELECT 1 EXCEPT (§)", "(§) INTERSECT SELECT 1",
        "(§) ORDER BY 1", "(§) LIMIT 1", "WITH c AS (§) SELECT * FROM c",
        "WITH c AS MATERIALIZED (§) SELECT a.*, b.* FROM c a, c b",
        "WITH RECURSIVE c AS (§ UNION ALL SELECT * FROM c) SELECT * FROM c",
        "WITH RECURSIVE c(n) AS ((§) UNION SELECT n + 1 FROM c WHERE n < 3) SELECT n FROM c",
        "WITH RECURSIVE c AS (SELECT 1 AS a UNION ALL (§)) SELECT a FROM c",
        "WITH a AS (SELECT 1), c AS (§) SELECT 1", "SELECT *, x.* FROM (§) x", "SELECT x.*, x.* FROM (§) x",
        "SELECT (SELECT count(*) FROM (§) x)",
    ),
    *_wraps(
        "q", "f",
        "SELECT * FROM §", "SELECT a FROM t, §", "SELECT a FROM t JOIN § ON true", "SELECT a FROM § CROSS JOIN t",
        "SELECT a FROM t LEFT JOIN § USING (a)", "SELECT a FROM t NATURAL JOIN §", "TABLE t UNION SELECT a FROM §",
    ),
    *_wraps(
        "f", "f",
        "(§)", "(§ JOIN t ON true)", "(t JOIN § ON true)", "(t CROSS JOIN §)", "(§ CROSS JOIN t) AS j",
        "t JOIN § ON true", "§ JOIN t USING (a)", "§ NATURAL JOIN t", "§, t", "t LEFT JOIN § ON a = 1",
        "t JOIN t JOIN § ON true ON true", "t JOIN t JOIN § ON true", "t JOIN §",
    ),
    *_wraps(
        "f", "q",
        "(§) x", "LATERAL (§) x", "t CROSS JOIN LATERAL (§) x", "(§) AS x(a, b)", "(t JOIN LATERAL (§) x ON true)",
    ),
    *_wraps(
        "f", "e",
        "generate_series(1, §) g", "unnest(§) u(a)", "LATERAL unnest(ARRAY[§]) u", "ROWS FROM (f(§)) r",
        "jsonb_to_recordset(§) AS r(a int)", "t TABLESAMPLE SYSTEM (§)", "JSON_TABLE(§, '$[*]' COLUMNS (k int)) j",
    ),
]  # fmt: skip

_ATOMS: Final = {
    "e": ("1", "'x'", "a", "t.a", "true", "NULL", "x.a", "current_date", "INTERVAL '1 day'", "a.b.c.d"),
    "q": ("SELECT 1", "SELECT * FROM t", "SELECT a, b FROM t", "VALUES (1, 2)", "TABLE t"),
    "f": ("t", "t x", "generate_series(1, 3) g", "(VALUES (1, 2)) v(a, b)", "(SELECT 1 AS a) s"),
}  # fmt: skip
# One item more of a list, or one link more of a chain: text before, the item repeated, text after.
_WIDTHS: Final = (
    ("SELECT 1", ", a", ""), ("SELECT 1", ", t.*", " FROM t"), ("SELECT 1", " + 1", ""), ("SELECT 1", " AND a", ""),
    ("SELECT 'a'", " || 'b'", ""), ("SELECT a", "::text", ""), ("SELECT a", "[1]", ""), ("SELECT a", ".b", ""),
    ("SELECT ", "- ", "1"), ("SELECT ", "NOT ", "true"), ("SELECT a", " -> 'b'", ""), ("SELECT a", " IS NULL", ""),
    ("SELECT a", " = 1", ""), ("SELECT a", " BETWEEN 1 AND 2", ""), ("SELECT a", " AT TIME ZONE 'UTC'", ""),
    ("SELECT a", " COLLATE \"C\"", ""), ("SELECT a", " NOTNULL", ""), ("SELECT a", " IN (1)", ""),
    ("SELECT 'a'", " 'b'", ""), ("SELECT 'a'", "\n'b'", ""), ("SELECT ", "INTERVAL ", "'1 day'"),
    ("SELECT INTERVAL '1' day", " + '1' day", ""), ("SELECT INTERVAL '1'", " '1'", ""), ("SELECT ", "date ", "'x'"),
    ("SELECT CASE", " WHEN a = 1 THEN 2", " END"), ("SELECT ", "CASE WHEN ", "1"), ("SELECT a IN (1", ", 2", ")"),
    ("SELECT 1 = ANY (ARRAY[1", ", 2", "])"), ("SELECT coalesce(a", ", b", ")"), ("SELECT f(a", " => 1, a", ")"),
    ("SELECT 1 FROM t", ", t", ""), ("SELECT 1 FROM t", " JOIN t", ""), ("SELECT 1 FROM t", " JOIN t ON true", ""),
    ("SELECT 1 FROM t", " LEFT JOIN t USING (a)", ""), ("SELECT 1 FROM t", " NATURAL JOIN t", ""),
    ("SELECT 1 FROM t", " CROSS JOIN t", ""), ("SELECT 1 FROM t", ", LATERAL (SELECT 1) x", ""),
    ("SELECT 1 FROM t", " CROSS JOIN LATERAL f(1) x", ""), ("SELECT 1 FROM t", ", (VALUES (1)) v(a)", ""),
    ("SELECT 1", " UNION ALL SELECT 1", ""), ("SELECT 1", " UNION SELECT 1 EXCEPT SELECT 2", ""),
    ("VALUES (1)", ", (1)", ""), ("SELECT * FROM (VALUES (1)", ", (1)", ") v(a)"),
    ("WITH a AS (SELECT 1)", ", b AS (SELECT 1)", " SELECT 1"),
    ("WITH RECURSIVE a AS (SELECT 1)", ", b AS (SELECT 1 UNION ALL SELECT 1 FROM b)", " SELECT 1"),
    ("SELECT 1 FROM t GROUP BY a", ", b", ""), ("SELECT 1 FROM t GROUP BY ROLLUP (a", ", b", ")"),
    ("SELECT 1 FROM t GROUP BY a", ", CUBE (b)", ""), ("SELECT 1 FROM t GROUP BY GROUPING SETS ((a)", ", (b)", ")"),
    ("SELECT 1 FROM t ORDER BY a", ", b DESC NULLS LAST", ""),
    ("SELECT sum(a) OVER w FROM t WINDOW w AS ()", ", v AS (w)", ""), ("SELECT sum(a)", " FILTER (WHERE true)", ""),
    ("SELECT sum(a)", " OVER ()", ""), ("SELECT 1::int", "[]", ""), ("SELECT 1::int", "[1]", ""),
    ("SELECT x::timestamp", "(1)", ""), ("SELECT DISTINCT ON (a", ", b", ") a FROM t"),
    ("SELECT 1 LIMIT 1", " OFFSET 1", ""), ("SELECT 1 LIMIT 1", " LIMIT 1", ""), ("SELECT 1", ";", ""), ("", "(", ""),
    ("SELECT ", "ARRAY[", ""), ("SELECT ", "int(", ""), ("SELECT ", "f(", ""), ("SELECT ", "[", ""),
    ("SELECT ", "(SELECT ", ""), ("SELECT * FROM ", "(", ""), ("SELECT * FROM ", "(SELECT * FROM ", "t"),
    ("SELECT 1", " UNION (SELECT 1", ""), ("WITH a AS (", "WITH a AS (", ""), ("SELECT ", "EXISTS (", ""),
    ("SELECT ", "CAST(", ""), ("SELECT 1 FROM t", " JOIN (t", ""), ("SELECT ", "a.", "b"), ("SELECT ", "a b ", ""),
    ("SELECT ", "/* x */ ", "1"), ("SELECT 1 ", "-- x\n", ""), ("SELECT 1 /*", "/*", ""),
    ("SELECT 1 /*", "/* */", "*/"), ("SELECT '", "a", "'"), ("SELECT '", "''", "'"), ("SELECT E'", "\\'", "'"),
    ("SELECT $$", "$", "$$"), ("SELECT $a$", "$b$", "$a$"), ("SELECT ", "$$a$$", ""), ("SELECT \"", "a", "\""),
    ("SELECT \"", "\"\"", "\""), ("SELECT ", "a", ""), ("SELECT ", "9", ""), ("SELECT 1", ".", "1"),
    ("SELECT 1 ", "+", " 1"), ("SELECT 1 ", "-+", " 1"), ("SELECT 1 ", "*", " 1"), ("SELECT 1 ", "<", " 1"),
    ("SELECT 1 ", "@", " 1"), ("SELECT 1 ", "~+", " 1"), ("SELECT 1 ", "/", " 1"), ("SELECT 1 ", "|", " 1"),
    ("SELECT ", "é", " FROM t"), ("SELECT 1", " ", ""), ("SELECT 1", "\n", ""), ("SELECT e", "e'a'", ""),
    ("SELECT ", "B'1'", ""), ("SELECT ", "U&'\\0041'", ""), ("SELECT a ? ", "'", ""),
    ("SELECT jsonb_path_query(a, '$ ? (", "$", "*')"), ("SELECT a @? '$ ? ", "($", ")*'"),
    ("SELECT a @? '", "?$*", "'"), ("SELECT a @? '", "*?", "'"), ("SELECT format('", "%1$", "', a)"),
    ("SELECT format('%", "1", "s', a)"), ("SELECT repeat('x', ", "1", ")"), ("SELECT '1e", "9", "'"),
    ("SELECT 1e", "9", ""), ("SELECT a ~ '", "(a?){9}", "'"), ("SELECT a ~ '", "(", "'"),
    ("SELECT a ~ '((((((((a", "){9}", "'"), ("SELECT a ~ '", "[", "'"), ("SELECT a ~ '", "[a-", "]'"),
    ("SELECT a ~ '", "a{1,", "'"), ("SELECT regexp_match(a, '", "\\\\", "')"), ("SELECT a ~ '", "{9", "'"),
    ("SELECT repeat('x', a", " / 2", ")"), ("SELECT repeat('x', a", " + a", ")"),
    ("SELECT repeat('x', 1", " * a / a", ")"), ("SELECT format('", "%s", "', a)"),
    ("SELECT format('", "%1$s%", "', a)"), ("SELECT 2 ^ ", "9", ""), ("SELECT INTERVAL '", "1 day ", "'"),
    ("SELECT generate_series(1, ", "9", ")"), ("SELECT '", "1.", "e5'"), ("SELECT date '", "2024-", "'"),
    ("SELECT x::\"", "int ", "\""), ("SELECT x::a", ".b", ""),
)  # fmt: skip
# Each step doubles what the one before has.
_LADDERS: Final[tuple[Callable[[int], str], ...]] = (
    lambda steps: _ladder(steps, "SELECT 1 AS x, 2 AS y", "SELECT a.*, b.* FROM c{0} a, c{0} b"),
    lambda steps: _ladder(steps, "SELECT 1 AS x, 2 AS y", "SELECT * FROM c{0} a CROSS JOIN c{0} b"),
    lambda steps: _ladder(steps, "SELECT 1 AS x, 2 AS y", "SELECT *, * FROM c{0}"),
    lambda steps: _ladder(steps, "SELECT 1 AS x", "SELECT x FROM c{0} UNION ALL SELECT x FROM c{0}"),
    lambda steps: _ladder(steps, "SELECT 'a' AS x", "SELECT x || x AS x FROM c{0}"),
    lambda steps: _ladder(steps, "SELECT 1 AS x", "SELECT (SELECT max(x) FROM c{0}) + (SELECT min(x) FROM c{0}) AS x"),
    lambda steps: _ladder(steps, "SELECT 1 AS x, 2 AS y", "SELECT j.*, j.* FROM (c{0} a CROSS JOIN c{0} b) AS j"),
    lambda steps: _wide_names(steps),
)  # fmt: skip


def _ladder(steps: int, first: str, step: str) -> str:
    parts = [f"c0 AS ({first})", *(f"c{number} AS ({step.format(number - 1)})" for number in range(1, steps + 1))]
    return f"WITH {', '.join(parts)} SELECT * FROM c{steps}"


def _wide_names(steps: int) -> str:
    """Many names looked up in many wide FROM items."""
    names = ", ".join(f"n{number}" for number in range(min(steps * 4, 400)))
    items = ", ".join(f"w w{number}" for number in range(min(steps * 2, 200)))
    wide = f"v AS (SELECT {', '.join(['1'] * 200)}), w AS (SELECT v.*, v.*, v.*, v.*, v.* FROM v)"
    return f"WITH {wide} SELECT {names} FROM {items}"


def shapes(count: int, *, seed: int = 1, largest: int = LARGEST) -> Iterator[Shape]:
    """`count` shapes, the same for the same arguments; every rule alone first, then pairs and mixtures of rules."""
    choose = random.Random(seed)
    makers = [_one_width, _one_nest, _pair_nest, _mixed_nest, _one_ladder, _wide_nest]
    for number in range(count):
        maker = makers[number % len(makers)]
        yield maker(choose, number // len(makers), largest)


def _size(choose: random.Random, largest: int) -> int:
    """A size near one of the guard's own limits as often as near the largest."""
    return choose.choice((200, 600, 2_000, 6_000, 19_000, largest))


def _one_width(choose: random.Random, number: int, largest: int) -> Shape:
    before, item, after = _WIDTHS[number % len(_WIDTHS)]
    size = _size(choose, largest)
    times = max(1, (size - len(before) - len(after)) // len(item))
    return Shape(f"width {item!r} x {times}", before + item * times + after)


def _one_nest(choose: random.Random, number: int, largest: int) -> Shape:
    wrap = _WRAPS[number % len(_WRAPS)]
    back = _way(choose, wrap.inner, wrap.made)
    return _nest(choose, [wrap, *back], _depth(choose), largest)


def _pair_nest(choose: random.Random, _number: int, largest: int) -> Shape:
    first = choose.choice(_WRAPS)
    second = choose.choice([wrap for wrap in _WRAPS if wrap.made == first.inner])
    return _nest(choose, [first, second, *_way(choose, second.inner, first.made)], _depth(choose), largest)


def _mixed_nest(choose: random.Random, _number: int, largest: int) -> Shape:
    chain = [choose.choice([wrap for wrap in _WRAPS if wrap.made == "q"])]
    for _ in range(_depth(choose)):
        chain.append(choose.choice([wrap for wrap in _WRAPS if wrap.made == chain[-1].inner]))
    return _nest(choose, chain, 1, largest)


def _wide_nest(choose: random.Random, number: int, largest: int) -> Shape:
    """A nest, repeated side by side in a list of columns until it is large."""
    one = _mixed_nest(choose, number, min(largest, 2_000)).sql
    size = _size(choose, largest)
    times = max(1, size // (len(one) + 4))
    return Shape(f"list x {times}", "SELECT " + ", ".join([f"({one})"] * times))


def _one_ladder(choose: random.Random, number: int, largest: int) -> Shape:
    ladder = _LADDERS[number % len(_LADDERS)]
    steps = choose.choice((4, 8, 12, 20, 40, 100))
    return Shape(f"ladder {number % len(_LADDERS)} x {steps}", ladder(steps)[:largest])


def _depth(choose: random.Random) -> int:
    return choose.choice((4, 8, 12, 15, 20, 60, 400))


def _way(choose: random.Random, start: str, goal: str) -> list[_Wrap]:
    """Wraps that make `start` out of `goal`, so that a chain can begin again; none when they are the same."""
    if start == goal:
        return []
    direct = [wrap for wrap in _WRAPS if wrap.made == start and wrap.inner == goal]
    if direct:
        return [choose.choice(direct)]
    through = choose.choice([wrap for wrap in _WRAPS if wrap.made == start and wrap.inner != start])
    return [through, *_way(choose, through.inner, goal)]


def _nest(choose: random.Random, chain: list[_Wrap], times: int, largest: int) -> Shape:
    before, after = "", ""
    length = 0
    made = chain[0].made
    for number in range(times * len(chain)):
        wrap = chain[number % len(chain)]
        length += len(wrap.before) + len(wrap.after)
        if length > largest - 40:
            break
        before, after = before + wrap.before, wrap.after + after
        made = wrap.inner
    text = before + choose.choice(_ATOMS[made]) + after
    start = chain[0].made
    if start == "e":
        text = f"SELECT {text}"
    elif start == "f":
        text = f"SELECT * FROM {text}"
    names = " / ".join(f"{wrap.before}{_HOLE}{wrap.after}" for wrap in chain[:4])
    return Shape(f"nest {names} x {times}", text)


def nests() -> Iterator[tuple[str, Callable[[int], str]]]:
    """Every rule that can wrap its own kind, alone: its name, and the statement for so many levels."""
    for wrap in _WRAPS:
        if wrap.made == wrap.inner:
            yield f"{wrap.before}{_HOLE}{wrap.after}", partial(_levels, wrap)


def widths() -> Iterator[tuple[str, Callable[[int], str]]]:
    """Every list, chain or run: its name, and the statement with so many items."""
    for before, item, after in _WIDTHS:
        yield f"{before}{item}", partial(_items, before, item, after)


def _levels(wrap: _Wrap, times: int) -> str:
    text = wrap.before * times + _ATOMS[wrap.made][0] + wrap.after * times
    return {"e": f"SELECT {text}", "q": text, "f": f"SELECT * FROM {text}"}[wrap.made]


def _items(before: str, item: str, after: str, times: int) -> str:
    return before + item * times + after

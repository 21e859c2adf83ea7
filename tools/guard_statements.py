# ruff: noqa: E501, S311, S608 - statements are read as they are sent, and drawn from a seed
"""Generated statements that ask one server process for much memory; `guard_memory` measures what becomes of them.

Every statement is a way to make many rows, a way to make each of them large, and something that holds them all: an
aggregate, a hash table, a sort, a window, a tuple store, or one value that grows. The combinations are drawn from a
seed, so that a finding can be repeated. They name two tables, which the caller chooses.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Generated:
    """One statement and the kind it stands for."""

    id: str
    kind: str
    sql: str


# What the statements read, by the first schema of a policy: rows with `order_id`, `status` and `note`, and with `name`.
TABLES: Final = {
    "biz": {"orders": "biz.orders", "regions": "biz.region"},
    "shop": {
        "orders": "(SELECT id AS order_id, coalesce(note, 'n') AS status, coalesce(note, 'n') AS note FROM shop.invoice)",
        "regions": "(SELECT title AS name FROM shop.city)",
    },
}
# FROM items that give rows with a column `n`; the planner is told little about how many.
_ROWS: Final = (
    "(SELECT g AS n FROM generate_series(1, (SELECT {many})) g) r",
    "(SELECT g AS n FROM generate_series(1, {many}) g WHERE g::text = (g + 0)::text AND (g * 2)::text = (g + g)::text) r",
    "(SELECT a * 1000 + b AS n FROM generate_series(1, {few}) a, generate_series(1, {few}) b) r",
    "(SELECT o.order_id * 100 + g AS n FROM {orders} o, generate_series(1, {tens}) g) r",
    "(SELECT o.order_id AS n FROM {orders} o, {orders} p WHERE o.status || '' = p.status || '' AND p.order_id < {tens}) r",
    "(SELECT g AS n FROM generate_series(1, (SELECT count(*) * {tens} FROM {orders})) g) r",
    "(SELECT g AS n FROM generate_series(1, length(repeat('x', 9000)) * {tens}) g) r",
    "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {many}) SELECT n FROM c) r",
    "(SELECT row_number() OVER () AS n FROM string_to_table(repeat('a,', 4000), ',') a, generate_series(1, {tens}) b) r",
    "(SELECT u AS n FROM unnest(ARRAY(SELECT g FROM generate_series(1, (SELECT {many})) g)) u) r",
    "LATERAL (SELECT (e.v #>> '{{}}')::int AS n FROM jsonb_array_elements((SELECT jsonb_agg(g) FROM generate_series(1, {many}) g)) e(v)) r",
    "(SELECT g AS n FROM generate_series(timestamp '2020-01-01', timestamp '2020-01-01' + (SELECT {many}) * interval '1 min', '1 min') t, LATERAL (SELECT extract(epoch FROM t)::bigint AS g) x) r",
)
_VALUES: Final = (
    "repeat('x', 9000) || n",
    "lpad(n::text, 9000, 'ab')",
    "repeat(md5(n::text), 250)",
    "n::text || repeat('y', 5000) || n::text",
    "concat_ws(repeat('-', 3000), n, n, n)",
    "(SELECT max(note || repeat('z', 8000)) FROM {orders}) || n",
    "to_jsonb(repeat('q', 9000) || n)::text",
    "format('%s%s', repeat('f', 8000), n)",
)
_HOLDERS: Final[dict[str, tuple[str, ...]]] = {
    "array subquery": ("SELECT cardinality(ARRAY(SELECT {value} FROM {rows}))",),
    "string_agg": ("SELECT length(string_agg({value}, ',')) FROM {rows}",),
    "ordered aggregate": ("SELECT length(string_agg({value}, ',' ORDER BY n DESC)) FROM {rows}",),
    "distinct aggregate": (
        "SELECT count(DISTINCT ({value})) FROM {rows}",
        "SELECT cardinality(array_agg(DISTINCT ({value}))) FROM {rows}",
    ),
    "array_agg": ("SELECT cardinality(array_agg({value})) FROM {rows}",),
    "json": (
        "SELECT length(json_agg({value})::text) FROM {rows}",
        "SELECT length(jsonb_agg({value})::text) FROM {rows}",
        "SELECT length(jsonb_object_agg(n, {value})::text) FROM {rows}",
        "SELECT length(json_object_agg(n, {value})::text) FROM {rows}",
        "SELECT jsonb_array_length(jsonb_agg(jsonb_build_object('a', {value}, 'b', n))) FROM {rows}",
    ),
    "filtered aggregate": ("SELECT length(string_agg({value}, '') FILTER (WHERE n > 0)) FROM {rows}",),
    "grouped aggregate": ("SELECT n % 7 AS k, length(string_agg({value}, '')) FROM {rows} GROUP BY 1",),
    "many groups": ("SELECT count(*) FROM (SELECT {value} AS v, count(*) FROM {rows} GROUP BY 1) q",),
    "groups that collect": ("SELECT count(*) FROM (SELECT n, array_agg({value}) AS v FROM {rows} GROUP BY n) q",),
    "ordered set": (
        "SELECT length(mode() WITHIN GROUP (ORDER BY {value})) FROM {rows}",
        "SELECT length(percentile_disc(0.5) WITHIN GROUP (ORDER BY {value})) FROM {rows}",
    ),
    "window": (
        "SELECT max(cardinality(v)) FROM (SELECT array_agg({value}) OVER (ORDER BY n) AS v FROM {rows}) q",
        "SELECT max(length(v)) FROM (SELECT string_agg({value}, '') OVER () AS v FROM {rows}) q",
        "SELECT max(length(v)) FROM (SELECT lag({value}, 1000) OVER (ORDER BY n) AS v FROM {rows}) q",
    ),
    "not in": (
        "SELECT count(*) FROM {regions} b WHERE b.name NOT IN (SELECT {value} FROM {rows})",
        "SELECT count(*) FROM {regions} b WHERE (b.name IN (SELECT {value} FROM {rows})) IS NOT TRUE",
    ),
    "set operation": (
        "SELECT count(*) FROM (SELECT {value} AS v FROM {rows} EXCEPT SELECT 'a') q",
        "SELECT count(*) FROM (SELECT {value} AS v FROM {rows} INTERSECT SELECT {value} FROM {rows}) q",
        "SELECT count(*) FROM (SELECT {value} AS v FROM {rows} UNION SELECT 'a') q",
        "SELECT count(*) FROM (SELECT DISTINCT {value} AS v FROM {rows}) q",
    ),
    "sort": ("SELECT v FROM (SELECT {value} AS v FROM {rows}) q ORDER BY v DESC OFFSET 100000",),
    "materialised": (
        "WITH m AS MATERIALIZED (SELECT {value} AS v FROM {rows}) SELECT count(*) FROM m a WHERE v > (SELECT min(v) FROM m)",
    ),
    "recursion": (
        "WITH RECURSIVE c(v, i) AS (SELECT 'a', 1 UNION SELECT {value}, i + 1 FROM c, {rows} WHERE i < 3) SELECT count(*) FROM c",
    ),
    "hash join": (
        "SELECT count(*) FROM (SELECT {value} AS v FROM {rows}) a JOIN (SELECT {value} AS v FROM {rows}) b USING (v)",
    ),
    "path over collected": (
        "SELECT jsonb_array_length(jsonb_path_query_array(jsonb_agg(n), '$.**')) FROM {rows}",
        "SELECT count(*) FROM (SELECT jsonb_agg(n) AS j FROM {rows}) q, LATERAL jsonb_path_query(j, '$[*] ? (@ > 0)')",
    ),
}
_PIECES: Final = ("repeat('x', 9000)", "repeat('ab', 4000)", "lpad('a', 9000, '[]')")
# How a value is made larger once more: by a seeded draw, from the text of an expression.
GROWING_CALLS: Final[dict[str, Callable[[random.Random, str], str]]] = {
    "concat_ws": lambda draw, inner: f"concat_ws({inner}, " + ", ".join(["''"] * draw.randint(15, 40)) + ")",
    "format": lambda draw, inner: "format('" + "%1$s" * draw.randint(15, 40) + f"', {inner})",
    "concatenation": lambda draw, inner: " || ".join([f"v.{_V}" for _ in range(draw.randint(8, 25))]),
    "replace": lambda draw, inner: f"replace({inner}, '{draw.choice('xab')}', repeat('{draw.choice('xab')}', {draw.randint(20, 400)}))",
    "regexp_replace": lambda draw, inner: f"regexp_replace({inner}, '(.)', '" + "\\1" * draw.randint(8, 30) + "', 'g')",
    "array_to_string": lambda draw, inner: f"array_to_string(array_fill(''::text, ARRAY[{draw.randint(50, 400)}]), {inner})",
    "translated array": lambda draw, inner: f"array_to_string(string_to_array({inner}, NULL), repeat('s', {draw.randint(20, 300)}))",
    "quoting": lambda draw, inner: f"quote_literal(to_json(quote_literal({inner}))::text)",
    "pretty": lambda draw, inner: "jsonb_pretty((repeat('[', {0}) || repeat(']', {0}))::jsonb)::text".format(draw.randint(1000, 4900)),
    "headline": lambda draw, inner: f"ts_headline('simple', repeat('a ', 4000), to_tsquery('simple', 'a'), 'HighlightAll=true,StartSel=' || {inner})",
    "split": lambda draw, inner: f"(SELECT string_agg(w, {inner}) FROM string_to_table({inner}, NULL) w)",
    "overlay": lambda draw, inner: f"overlay({inner} placing {inner} || {inner} from 5 for 1)",
    "vector": lambda draw, inner: f"to_tsvector('simple', {inner} || ' ' || {inner})::text",
    "encoding": lambda draw, inner: f"encode(convert_to(encode(convert_to({inner}, 'UTF8'), 'hex'), 'UTF8'), 'hex')",
    "json object": lambda draw, inner: "jsonb_build_object(" + ", ".join(f"'k{i}', {inner}" for i in range(draw.randint(3, 12))) + ")::text",
    "row text": lambda draw, inner: f"(ROW({inner}, {inner}, ROW({inner}, {inner})::text))::text",
}  # fmt: skip
_V: Final = "t"


def generated(count: int, seed: int, *, schema: str = "biz") -> Iterator[Generated]:
    """`count` different statements, every kind about equally often."""
    draw = random.Random(seed)
    kinds = [*_HOLDERS, *(f"grows by {name}" for name in GROWING_CALLS)]
    seen: set[str] = set()
    number = 0
    while number < count:
        kind = kinds[number % len(kinds)]
        sql = (
            _holding(draw, kind, TABLES[schema]) if kind in _HOLDERS else _growing(draw, kind.removeprefix("grows by "))
        )
        if sql not in seen:
            seen.add(sql)
            yield Generated(f"G{seed}-{number:04d}", kind, sql)
            number += 1


def _holding(draw: random.Random, kind: str, tables: Mapping[str, str]) -> str:
    value, rows = draw.choice(_VALUES).format(**tables), _rows(draw, tables)
    return draw.choice(_HOLDERS[kind]).format(value=value, rows=rows, **tables)


def _rows(draw: random.Random, tables: Mapping[str, str]) -> str:
    return draw.choice(_ROWS).format(
        many=draw.choice((30_000, 60_000, 90_000, 300_000, 3_000_000)),
        few=draw.choice((200, 300, 1000)),
        tens=draw.choice((3, 10, 50)),
        **tables,
    )


def _growing(draw: random.Random, name: str) -> str:
    """One value made larger two to five times over; a derived table gives `t` where the step repeats its argument."""
    grow = GROWING_CALLS[name]
    value = draw.choice(_PIECES)
    for _ in range(draw.randint(2, 5)):
        if name == "concatenation":
            value = f"(SELECT {grow(draw, value)} FROM (SELECT {value} AS {_V}) v)"
        else:
            value = grow(draw, value)
        if len(value) > 8_000:
            break
    return f"SELECT length({value})"

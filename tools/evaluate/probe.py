"""The foreign-key probe: how many CHILD each PARENT has, asked for every declared key and counted from the catalogue.

The questions need nothing but a count, one join and a group, so whoever answers one with another number is wrong about
the basics. An answer is right when it has a count for each parent, with or without those that have none, beside
something of the parent: a column, or two of its texts put together.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import yaml
from psycopg import sql

from features.evaluation.result_sets import Row, match, unordered
from tools.evaluate.asking import Reply
from tools.evaluate.statements import run

_KEYS: Final = """
SELECT k.conname, cn.nspname, c.relname, coalesce(obj_description(c.oid, 'pg_class'), ''),
       pn.nspname, p.relname, coalesce(obj_description(p.oid, 'pg_class'), ''),
       (SELECT json_agg(a.attname ORDER BY o.n) FROM unnest(k.conkey) WITH ORDINALITY o(attnum, n)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = o.attnum),
       (SELECT json_agg(a.attname ORDER BY o.n) FROM unnest(k.confkey) WITH ORDINALITY o(attnum, n)
        JOIN pg_attribute a ON a.attrelid = p.oid AND a.attnum = o.attnum)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND has_table_privilege(c.oid, 'SELECT')
  AND has_table_privilege(p.oid, 'SELECT')
ORDER BY 2, 3, 1
"""
_TEMPLATES: Final = Path(__file__).parent / "phrases" / "probe.yaml"
_SEPARATORS: Final = (" ", "")


@dataclass(frozen=True)
class ForeignKey:
    """A declared key. `child` and `parent` are (schema, table); comments are empty where there are none."""

    name: str
    child: tuple[str, str]
    child_comment: str
    parent: tuple[str, str]
    parent_comment: str
    columns: tuple[str, ...]
    target_columns: tuple[str, ...]

    @property
    def is_to_itself(self) -> bool:
        """Its question would name one table twice, which says nothing about the relation."""
        return self.child == self.parent


@dataclass(frozen=True)
class ProbeQuestion:
    """A question and the keys it may be about: those between the same two tables."""

    language: str
    text: str
    keys: tuple[ForeignKey, ...]


def foreign_keys(connection: psycopg.Connection[Any]) -> list[ForeignKey]:
    """Every declared key between tables that may be read, parts of partitioned tables left out."""
    rows = connection.execute(_KEYS).fetchall()
    connection.rollback()
    return [
        ForeignKey(row[0], (row[1], row[2]), row[3], (row[4], row[5]), row[6], tuple(row[7]), tuple(row[8]))
        for row in rows
    ]


def questions(keys: Sequence[ForeignKey]) -> list[ProbeQuestion]:
    """One question a language for every two names of tables that a key connects.

    Tables of one name in several schemas make one question: a count of either is right.
    """
    templates: dict[str, str] = yaml.safe_load(_TEMPLATES.read_text(encoding="utf-8"))
    connected: dict[tuple[tuple[str, str], tuple[str, str]], list[ForeignKey]] = {}
    for key in keys:
        if not key.is_to_itself:
            connected.setdefault((key.child, key.parent), []).append(key)
    asked: dict[tuple[str, str], ProbeQuestion] = {}
    for question in _questions_of(connected, templates):
        place = (question.language, question.text)
        earlier = asked[place].keys if place in asked else ()
        asked[place] = ProbeQuestion(question.language, question.text, (*earlier, *question.keys))
    return list(asked.values())


def _questions_of(
    connected: Mapping[tuple[tuple[str, str], tuple[str, str]], list[ForeignKey]], templates: Mapping[str, str]
) -> Iterator[ProbeQuestion]:
    yield from (
        ProbeQuestion(
            language,
            template.format(
                child=_noun(members[0].child[1], members[0].child_comment, language),
                parent=_noun(members[0].parent[1], members[0].parent_comment, language),
            ),
            tuple(members),
        )
        for members in connected.values()
        for language, template in templates.items()
    )


def _noun(table: str, comment: str, language: str) -> str:
    """What one calls the table: in Chinese the beginning of its comment, else its name in words."""
    if language == "zh" and (label := re.split(r"[\uff08(\uff1a:\uff0c,\u3001]", comment, maxsplit=1)[0].strip()):
        return label
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", table).lower()


def verdict(connection: psycopg.Connection[Any], question: ProbeQuestion, reply: Reply) -> str:
    """`right`, `wrong` or `refused`."""
    if reply.kind != "data":
        return "refused"
    try:
        ours = run(connection, reply.sql).rows if reply.sql else list(reply.records)
    except psycopg.Error:
        ours = list(reply.records)
    return "right" if any(_is_right(connection, key, ours) for key in question.keys) else "wrong"


def _is_right(connection: psycopg.Connection[Any], key: ForeignKey, ours: Sequence[Row]) -> bool:
    for join in ("JOIN", "LEFT JOIN"):
        counted = run(connection, _counting(key, join).as_string(connection)).rows
        for label in _labels(counted):
            rows = [(text, row[-1]) for text, row in zip(label, counted, strict=True)]
            if match(unordered(rows), ours):
                return True
    return False


def _counting(key: ForeignKey, join: str) -> sql.Composed:
    """All columns of the parent and behind them how many children it has."""
    pairs = zip(key.columns, key.target_columns, strict=True)
    on = sql.SQL(" AND ").join(
        sql.SQL("c.{} = p.{}").format(sql.Identifier(column), sql.Identifier(target)) for column, target in pairs
    )
    return sql.SQL(
        "WITH counted AS (SELECT {targets}, count(c.{first}) AS n FROM {parent} p {join} {child} c ON {on}"
        " GROUP BY {targets})"
        " SELECT p.*, counted.n FROM {parent} p JOIN counted USING ({names})"
    ).format(
        targets=sql.SQL(", ").join(sql.Identifier("p", target) for target in key.target_columns),
        names=sql.SQL(", ").join(map(sql.Identifier, key.target_columns)),
        first=sql.Identifier(key.columns[0]),
        parent=sql.Identifier(*key.parent),
        child=sql.Identifier(*key.child),
        join=sql.SQL(join),
        on=on,
    )


def _labels(rows: Sequence[Row]) -> Iterator[list[Any]]:
    """What may name the parents: each of their columns, and two texts put together."""
    columns = [list(column) for column in zip(*rows, strict=True)][:-1]
    yield from columns
    texts = [column for column in columns if all(value is None or isinstance(value, str) for value in column)]
    for (one, other), separator in itertools.product(itertools.permutations(texts, 2), _SEPARATORS):
        yield [f"{first or ''}{separator}{second or ''}".strip() for first, second in zip(one, other, strict=True)]

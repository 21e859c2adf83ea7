"""Small SQL expressions as sqlglot nodes: names are identifiers, values are literals, nothing is pasted text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*|[\u3400-\u9fff][\u3400-\u9fff0-9_]*")
_LAST_LATIN = 0x24F
OPERATORS: dict[str, type[exp.Binary]] = {
    ">": exp.GT,
    ">=": exp.GTE,
    "<": exp.LT,
    "<=": exp.LTE,
    "=": exp.EQ,
    "<>": exp.NEQ,
}


def name(text: str) -> exp.Identifier:
    """An identifier, quoted unless it is plain and no word of the language."""
    return exp.to_identifier(text, quoted=not _PLAIN.fullmatch(text) or text in RESERVED)


def column(text: str, table: str = "") -> exp.Column:
    return exp.Column(this=name(text), table=name(table) if table else None)


def table(text: str, schema: str, alias: str) -> exp.Table:
    return exp.Table(
        this=name(text), db=name(schema) if schema else None, alias=exp.TableAlias(this=exp.to_identifier(alias))
    )


def titled(expression: exp.Expr, title: str) -> exp.Alias:
    return exp.Alias(this=expression, alias=name(title))


def number(value: Decimal | int) -> exp.Expr:
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    literal = exp.Literal.number(text.lstrip("-"))
    return exp.Neg(this=literal) if text.startswith("-") else literal


def text(value: str) -> exp.Literal:
    return exp.Literal.string(value)


def both(conditions: Iterable[exp.Expr]) -> exp.Expr | None:
    """All of the conditions, None for none."""
    found = list(conditions)
    return exp.and_(*found, copy=False) if found else None


def cast(expression: exp.Expr, kind: str) -> exp.Cast:
    return exp.Cast(this=expression, to=exp.DataType.build(kind, dialect="postgres"))


def call(function: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=function, expressions=list(arguments))


def divided(upper: exp.Expr, lower: exp.Expr, scale: int = 1) -> exp.Expr:
    """`upper * scale / lower` as a decimal, null where `lower` is zero."""
    factor = exp.Literal.number(f"{scale}.0")
    product = exp.Mul(this=exp.paren(upper, copy=False) if isinstance(upper, exp.Binary) else upper, expression=factor)
    return exp.Div(
        this=product, expression=exp.Nullif(this=lower, expression=exp.Literal.number(0)), typed=False, safe=False
    )


def rounded(expression: exp.Expr) -> exp.Expr:
    return exp.Round(this=cast(exp.paren(expression, copy=False), "numeric"), decimals=exp.Literal.number(2))


def one_of(expression: exp.Expr, values: Sequence[exp.Expr]) -> exp.Expr:
    if len(values) == 1:
        return exp.EQ(this=expression, expression=values[0])
    return exp.In(this=expression, expressions=list(values))


def without_wide_titles(query: exp.Query) -> exp.Query:
    """The query with numbered names for titles that a server without Chinese characters cannot take."""
    given: dict[str, str] = {}
    for identifier in query.find_all(exp.Identifier):
        if any(ord(character) > _LAST_LATIN for character in identifier.name):
            title = given.setdefault(identifier.name, f"column_{len(given) + 1}")
            identifier.set("this", title)
            identifier.set("quoted", False)
    return query


_RESERVED_TEXT = """
all analyse analyze and any array as asc asymmetric both case cast check collate column constraint
create current_catalog current_date current_role current_time current_timestamp current_user default
deferrable desc distinct do else end except false fetch for foreign from grant group having in
initially intersect into lateral leading limit localtime localtimestamp not null offset on only or
order placing primary references returning select session_user some symmetric table then to trailing
true union unique user using variadic when where window with authorization binary collation
concurrently cross current_schema freeze full ilike inner is isnull join left like natural notnull
outer overlaps right similar tablesample verbose between bigint bit boolean char character coalesce
dec decimal exists extract float greatest grouping inout int integer interval least national nchar
none normalize nullif numeric out overlay position precision real row setof smallint substring time
timestamp treat trim values varchar xmlattributes date day month year hour minute second count rank
text name type key value
"""
RESERVED = frozenset(_RESERVED_TEXT.split()) | {word.lower() for word in Postgres.Tokenizer.KEYWORDS if word.isalpha()}
"""Words that a name is quoted for: PostgreSQL's own, and those that the guard's parser knows."""

"""Answers a question with the SQL of a trained one: same words, other dates, names, numbers or figures.

Both questions are cut into tokens; when everything but the slots agrees, the trained SQL's tree gets the asked slots.
Whatever cannot be placed for certain makes the trained question unusable. Called by `OfflineBrain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache

import sqlglot
from sqlglot import exp

from common.answering import TrainedPair
from offline.engine import Engine
from offline.links import Link
from offline.moment_sql import within
from offline.periods import Period
from offline.plan import Moment
from offline.relations import Field
from offline.text import key
from offline.time_grammar import Clock
from offline.tokens import Token

_SAME, _PER_CHANGE, _MOST_CHANGES = 1.0, 0.02, 6
_KNOWN_STATEMENTS = 256
_HARMLESS = frozenset({"filler", "list", "which", "how_much", "back", "order", "and", "equal"})


@dataclass(frozen=True)
class Adapted:
    """SQL made from `pair`, with the confidence 0..1 that it answers the question asked."""

    sql: str
    confidence: float
    pair: TrainedPair


def adapt(engine: Engine, question: str, today: date, pairs: Sequence[TrainedPair]) -> Adapted | None:
    """The best adaptation, or None when no trained question is close enough."""
    asked = _content(engine.tokens(question, Clock(today)))
    best: Adapted | None = None
    for pair in pairs:
        found = _adapted(engine, question, asked, today, pair)
        if found is not None and (best is None or found.confidence > best.confidence):
            best = found
    return best


def _adapted(engine: Engine, question: str, asked: list[Token], today: date, pair: TrainedPair) -> Adapted | None:
    tree = _query(pair.sql)
    if tree is None:
        return None
    if key(question).rstrip(".?!;") == key(pair.question).rstrip(".?!;"):
        return Adapted(tree.sql(dialect="postgres"), _SAME, pair)
    trained = _content(engine.tokeniser.tokens(pair.question, Clock(today)))
    changes = _align(asked, trained)
    if changes is None or len(changes) > _MOST_CHANGES:
        return None
    if changes:
        tree = tree.copy()
    for new, old in changes:
        if not _change(engine, tree, new, old, today):
            return None
    return Adapted(tree.sql(dialect="postgres"), _SAME - 0.03 - _PER_CHANGE * len(changes), pair)


@lru_cache(_KNOWN_STATEMENTS)
def _query(sql: str) -> exp.Query | None:
    """The tree of a trained statement, None when it is no single query; all callers share it, so copy to change it."""
    try:
        statements = sqlglot.parse(sql, dialect="postgres")
    except (sqlglot.errors.SqlglotError, RecursionError):
        return None
    return statements[0] if len(statements) == 1 and isinstance(statements[0], exp.Query) else None


def _content(tokens: Sequence[Token]) -> list[Token]:
    return [
        t
        for t in tokens
        if not (t.tags and t.tags <= _HARMLESS and not t.is_link and t.number is None and t.period is None)
    ]


def _kind(token: Token) -> str:
    if token.period is not None:
        return "period"
    if token.number is not None:
        return "number"
    if token.values and not token.names:
        return "value"
    if token.names and not token.tags:
        return "name"
    return "fixed"


def _align(asked: list[Token], trained: list[Token]) -> list[tuple[Token, Token]] | None:
    """The slots that differ, as (asked, trained) pairs; None when the sentences differ in anything else."""

    def fixed(tokens: list[Token]) -> list[str]:
        return sorted(_fixed_key(token) for token in tokens if _kind(token) == "fixed")

    if fixed(asked) != fixed(trained):
        return None
    changes: list[tuple[Token, Token]] = []
    for kind in ("period", "value", "number", "name"):
        left = [token for token in asked if _kind(token) == kind]
        right = [token for token in trained if _kind(token) == kind]
        if len(left) != len(right):
            return None
        changes += [(new, old) for new, old in zip(left, right, strict=True) if not _same(new, old)]
    return changes


def _fixed_key(token: Token) -> str:
    return "+".join(sorted(token.tags)) if token.tags else key(token.text)


def _same(new: Token, old: Token) -> bool:
    if new.period is not None or old.period is not None:
        return new.period == old.period
    if new.number is not None or old.number is not None:
        return (new.number, new.is_percent) == (old.number, old.is_percent)
    if new.values and old.values:
        return {link.value for link in new.values} == {link.value for link in old.values}
    if new.derived != old.derived:
        return False
    return bool(_columns(new) & _columns(old))


def _columns(token: Token) -> set[object]:
    """What the strongest names of a token are."""
    best = token.names[0].score if token.names else 0.0
    return {link.field or link.relation for link in token.names if link.score >= best - 0.05}


def _change(engine: Engine, tree: exp.Query, new: Token, old: Token, today: date) -> bool:
    if new.period is not None:
        return _change_period(engine, tree, new.period, today)
    if new.number is not None:
        return _change_number(tree, new, old)
    if new.values and not new.names:
        return _change_value(tree, new.values, old.values)
    return _change_column(tree, new, old)


def _change_period(engine: Engine, tree: exp.Query, period: Period, today: date) -> bool:
    """Exchange the conditions on a date column; impossible when dates stand anywhere but in a WHERE."""
    dates = {
        f.name: f
        for r in engine.index.relations
        for f in r.fields
        if f.role == "date" and f.kind in ("date", "timestamp")
    }
    wheres = [
        (w, [c for c in _conjuncts(w.this) if _only_column(c) in dates])
        for w in tree.find_all(exp.Where)
        if not isinstance(w.parent, exp.Filter)
    ]
    wheres = [(where, dated) for where, dated in wheres if dated]
    simple = {id(node) for _, dated in wheres for condition in dated for node in condition.walk()}
    if not wheres or period.is_latest or any(id(node) not in simple for node in _date_comparisons(tree, dates)):
        return False
    for where, dated in wheres:
        reference = next(dated[0].find_all(exp.Column))
        others = [c.copy() for c in _conjuncts(where.this) if _only_column(c) not in dates]
        fresh = within(Moment(dates[reference.name]), reference.copy(), None, period, today)
        where.set("this", exp.and_(*fresh, *others))
    return True


def _change_value(tree: exp.Query, new: Sequence[Link], old: Sequence[Link]) -> bool:
    """Exchange a trained name that occurs in the SQL by one of the same column."""
    replaced = False
    for literal in list(tree.find_all(exp.Literal)):
        match = next((link for link in old if literal.is_string and link.value == literal.this), None)
        if match is None:
            continue
        fitting = {link.value for link in new if link.field is match.field}
        if len(fitting) != 1:
            return False
        literal.replace(exp.Literal.string(fitting.pop()))
        replaced = True
    return replaced


def _change_number(tree: exp.Query, new: Token, old: Token) -> bool:
    """Exchange the trained number; it must occur exactly once, as itself or as a hundredth of a percentage."""
    if new.number is None or old.number is None or new.is_percent != old.is_percent:
        return False
    places: list[tuple[exp.Literal, Decimal]] = []
    for literal in tree.find_all(exp.Literal):
        try:
            value = None if literal.is_string else Decimal(literal.this)
        except InvalidOperation:
            continue
        if value == old.number:
            places.append((literal, Decimal(1)))
        elif old.is_percent and value == old.number / 100:
            places.append((literal, Decimal(100)))
    if len(places) != 1:
        return False
    literal, divisor = places[0]
    literal.replace(exp.Literal.number(format((new.number / divisor).normalize(), "f")))
    return True


def _change_column(tree: exp.Query, new: Token, old: Token) -> bool:
    """Exchange a figure by another of the same table; titles keep up with the words. No other figure is a ratio's."""
    if new.derived is not None or old.derived is not None:
        return False
    used = {column.name for column in tree.find_all(exp.Column)}
    sources = [
        link.field for link in old.names if link.field is not None and link.field.name in used and link.field.is_measure
    ]
    if not sources:
        return False
    source: Field = sources[0]
    target = next(
        (
            link.field
            for link in new.names
            if link.field is not None
            and link.field.relation == source.relation
            and link.field.role == source.role
            and link.field.kind == source.kind
        ),
        None,
    )
    if target is None or {f.name for f in sources} != {source.name}:
        return False
    for column in tree.find_all(exp.Column):
        if column.name == source.name:
            column.set("this", exp.to_identifier(target.name))
    for identifier in tree.find_all(exp.Identifier):
        for word in (old.text, source.title):
            if len(word) > 1 and word in identifier.name and identifier.name != target.name:
                identifier.set("this", identifier.name.replace(word, new.taken_for or new.text))
                identifier.set("quoted", True)
                break
    return True


def _conjuncts(condition: exp.Expr) -> list[exp.Expr]:
    return list(condition.flatten()) if isinstance(condition, exp.And) else [condition]


def _only_column(condition: exp.Expr) -> str:
    """The name of the single column a comparison is about, or an empty text."""
    plain = condition.unnest()
    if not isinstance(plain, (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)) or plain.find(exp.Subquery):
        return ""
    names = {column.name for column in plain.find_all(exp.Column)}
    return next(iter(names)) if len(names) == 1 else ""


def _date_comparisons(tree: exp.Expr, dates: dict[str, Field]) -> list[exp.Expr]:
    """All comparisons of a date column with something that is no column: joins on the day do not count."""
    kinds = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In)
    found = [n for n in tree.find_all(*kinds) if any(column.name in dates for column in n.find_all(exp.Column))]
    return [
        n for n in found if not (isinstance(n.this, exp.Column) and isinstance(n.args.get("expression"), exp.Column))
    ]

"""Answers a question with the SQL of a trained one: same words, other dates, names, numbers, measures or nouns.

Both questions are cut into tokens; when everything but the slots agrees, the trained SQL's tree gets the asked slots.
Called by `OfflineBrain`. Whatever cannot be placed for certain makes the template unusable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from sqlglot import exp
from sqlglot.errors import SqlglotError

from agent.offline.composer import Composer
from agent.offline.periods import Period
from agent.offline.scanner import Token
from agent.offline.schema_index import IndexedColumn, ValueMatch
from agent.offline.similarity import similarity
from common.answering import TrainedPair
from core.sql_parsing import parse_statements

_SLOTS = ("period", "value", "number", "measure", "concept")
_EXACT, _SAME_WORDS, _PER_CHANGE = 1.0, 0.97, 0.02
_HARMLESS = ("list", "which_many", "detail", "rank", "date", "how", "all")


@dataclass(frozen=True)
class Adapted:
    """SQL made from `pair`, with the confidence 0..1 that it answers the question asked."""

    sql: str
    confidence: float
    pair: TrainedPair


class TemplateAdapter:
    """Adapts trained pairs to questions against one composer's schema."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer

    def adapt(self, question: str, today: date, pairs: Sequence[TrainedPair]) -> Adapted | None:
        """The best adaptation, or None when no trained question is close enough."""
        asked = _content(self._composer.tokens(question, today))
        best: Adapted | None = None
        for pair in pairs:
            found = self._one(question, asked, today, pair)
            if found is not None and (best is None or found.confidence > best.confidence):
                best = found
        return best

    def _one(self, question: str, asked: list[Token], today: date, pair: TrainedPair) -> Adapted | None:
        try:
            statements = parse_statements(pair.sql)
        except SqlglotError:
            return None
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            return None
        tree = statements[0]
        if similarity(question, pair.question) == _EXACT and question.strip() == pair.question.strip():
            return Adapted(tree.sql(dialect="postgres"), _EXACT, pair)
        trained = _content(self._composer.tokens(pair.question, today))
        changes = _align(asked, trained)
        if changes is None:
            return None
        for new, old in changes:
            if not self._change(tree, new, old):
                return None
        return Adapted(tree.sql(dialect="postgres"), _SAME_WORDS - _PER_CHANGE * len(changes), pair)

    def _change(self, tree: exp.Expr, new: Token, old: Token) -> bool:
        if new.period is not None and old.period is not None:
            return self._change_period(tree, new.period)
        if new.kind == "value":
            return _change_value(tree, new.values, old.values)
        if new.kind == "number":
            return _change_number(tree, new, old)
        return _change_column(tree, new, old)

    def _change_period(self, tree: exp.Expr, period: Period) -> bool:
        """Replace the conditions on the date column by the asked period's.

        Unusable when a date is compared anywhere but among the conditions of a WHERE: in FILTER, CASE, ON, OR.
        """
        index = self._composer.index
        names = {column.name: column for table in index.tables if (column := index.date_column(table.name))}
        wheres = [(where, _dated(where, names)) for where in tree.find_all(exp.Where) if not _is_partial(where)]
        wheres = [(where, dated) for where, dated in wheres if dated]
        simple = {id(node) for _, dated in wheres for condition in dated for node in condition.walk()}
        if not wheres or any(id(node) not in simple for node in _date_comparisons(tree, names)):
            return False
        for where, dated in wheres:
            reference = next(dated[0].find_all(exp.Column))
            others = [c.copy() for c in _conjuncts(where.this) if _only_column(c) not in names]
            fresh = self._composer.renderer.period_conditions(period, names[reference.name], reference.copy())
            where.set("this", exp.and_(*fresh, *others))
        return True


def _content(tokens: Sequence[Token]) -> list[Token]:
    return [token for token in tokens if not token.is_word("noise", *_HARMLESS)]


def _align(asked: list[Token], trained: list[Token]) -> list[tuple[Token, Token]] | None:
    """The slots that differ, as (asked, trained) pairs; None when the sentences differ in anything else.

    Slots of a kind correspond in order; the other words must be the same, in any order.
    """

    def fixed(tokens: list[Token]) -> list[str]:
        return sorted(_fixed_key(token) for token in tokens if token.kind not in _SLOTS)

    if fixed(asked) != fixed(trained):
        return None
    changes: list[tuple[Token, Token]] = []
    for kind in _SLOTS:
        left = [token for token in asked if token.kind == kind]
        right = [token for token in trained if token.kind == kind]
        if len(left) != len(right):
            return None
        changes += [(new, old) for new, old in zip(left, right, strict=True) if not _same(new, old)]
    return changes


def _fixed_key(token: Token) -> str:
    return token.tag if token.kind == "word" else token.text


def _same(new: Token, old: Token) -> bool:
    if new.kind == "period":
        return new.period == old.period
    if new.kind == "number":
        return (new.number, new.is_percent) == (old.number, old.is_percent)
    if new.kind == "value":
        return {m.value for m in new.values} == {m.value for m in old.values}
    keys = [{column.key for column in (token.measures or token.concepts)} for token in (new, old)]
    return keys[0] == keys[1]


def _change_value(tree: exp.Expr, new: Sequence[ValueMatch], old: Sequence[ValueMatch]) -> bool:
    """Replace the trained name by the asked one: both are values of the same column and the name occurs in the SQL."""
    replaced = False
    for literal in list(tree.find_all(exp.Literal)):
        if not literal.is_string:
            continue
        for match in old:
            if match.value != literal.this:
                continue
            same_column = [m for m in new if m.column.key == match.column.key]
            if len({m.value for m in same_column}) != 1:
                return False
            literal.replace(exp.Literal.string(same_column[0].value))
            replaced = True
            break
    return replaced


def _change_number(tree: exp.Expr, new: Token, old: Token) -> bool:
    """Replace the trained number; it must occur exactly once, as itself or as a hundredth of a percentage."""
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


def _change_column(tree: exp.Expr, new: Token, old: Token) -> bool:
    """Replace a measure or noun by another of the same table and role; aliases keep up with the words."""
    old_columns = {column.key: column for column in (old.measures or old.concepts)}
    used = {column.name for column in tree.find_all(exp.Column)}
    tables = {table.name for table in tree.find_all(exp.Table)}
    sources = [c for c in old_columns.values() if c.name in used and c.table in tables]
    if len({source.name for source in sources}) != 1:
        return False
    source = sources[0]
    target = next((c for c in (new.measures or new.concepts) if _interchangeable(c, source)), None)
    if target is None:
        return False
    for column in tree.find_all(exp.Column):
        if column.name == source.name:
            column.set("this", exp.to_identifier(target.name))
    for identifier in tree.find_all(exp.Identifier):
        for word in (old.text, source.concept):
            if len(word) > 1 and word in identifier.name and identifier.name != target.name:
                identifier.set("this", identifier.name.replace(word, target.concept))
                identifier.set("quoted", True)
                break
    return True


def _interchangeable(new: IndexedColumn, old: IndexedColumn) -> bool:
    return new.table == old.table and new.role == old.role and new.kind == old.kind


def _conjuncts(condition: exp.Expr) -> list[exp.Expr]:
    return list(condition.flatten()) if isinstance(condition, exp.And) else [condition]


def _only_column(condition: exp.Expr) -> str:
    """The name of the single column a comparison is about, or an empty text."""
    plain = condition.unnest()
    if not isinstance(plain, (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)) or plain.find(exp.Subquery):
        return ""
    names = {column.name for column in plain.find_all(exp.Column)}
    return next(iter(names)) if len(names) == 1 else ""


def _is_partial(where: exp.Where) -> bool:
    """True for the WHERE of a FILTER clause."""
    return isinstance(where.parent, exp.Filter)


def _dated(where: exp.Where, names: Mapping[str, IndexedColumn]) -> list[exp.Expr]:
    return [condition for condition in _conjuncts(where.this) if _only_column(condition) in names]


def _date_comparisons(tree: exp.Expr, names: Mapping[str, IndexedColumn]) -> list[exp.Expr]:
    """All comparisons of a date column with something that is no column: joins on the day do not count."""
    kinds = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In)
    found = [
        node for node in tree.find_all(*kinds) if any(column.name in names for column in node.find_all(exp.Column))
    ]
    return [
        node for node in found if not (isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Column))
    ]

"""Holds statements on over-granted relations to names that need no scopes: the text alone shows what they mean.

Where the login could read a denied column, the server does not stop what the name resolution misreads. A statement on
such a relation is admitted only when all of this holds:

- no word of it is spelled like a denied column of the relation;
- no star but that of `count(*)`, and no NATURAL JOIN;
- every FROM item and common table expression has a name of its own, and none has the relation's unless it is it;
- a name before a dot is one of these; behind it stands, for a relation, one of its readable columns;
- a name without a dot is none of these, so that no row is taken whole;
- column alias lists stand behind functions, VALUES and queries only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlglot import exp

from core.sql_guard.lexer import Token, canonical_name
from core.sql_guard.node_rules import function_name, identifier_name, offset_of
from core.sql_guard.policy import GuardPolicy, RelationRule
from core.sql_guard.refusal import Refusal
from core.sql_guard.statements import alias_of

_RULE: Final = "column.not_simple"
_FROM_ITEMS: Final = (exp.Table, exp.Subquery, exp.Values, exp.Lateral, exp.Unnest)


def check_simple_names(
    tokens: Sequence[Token], nodes: Sequence[exp.Expr], policy: GuardPolicy, touched: frozenset[str]
) -> None:
    """Refuse a statement that is not simple.

    Args:
        tokens: of the text, without comments. nodes: all of its tree.
        touched: over-granted relations it reads, `schema.name`.

    Raises:
        Refusal: `column.not_simple`, or `column.denied` for a word spelled like a denied column.
    """
    rules = [rule for rule in policy.relations if rule.full_name in touched]
    _check_words(tokens, frozenset(name for rule in rules for name in rule.denied))
    names = _item_names(nodes, policy, frozenset(rule.name for rule in rules))
    for node in nodes:
        if isinstance(node, exp.Star):
            _check_star(node, rules)
        elif isinstance(node, exp.Join) and node.args.get("method"):
            raise Refusal(_RULE, offset_of(node.this), rules[0].name)
        elif isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier):
            _check_column(node, names)


def _check_words(tokens: Sequence[Token], denied: frozenset[str]) -> None:
    for token in tokens:
        if token.kind == "word":
            name = canonical_name(token.text)
        elif token.kind == "quoted":
            name = canonical_name(token.text[1:-1].replace('""', '"'), is_quoted=True)
        else:
            continue
        if name in denied:
            raise Refusal("column.denied", token.start, name)


def _item_names(
    nodes: Sequence[exp.Expr], policy: GuardPolicy, relations: frozenset[str]
) -> dict[str, RelationRule | None]:
    """Every name of a FROM item or common table expression, with the relation it stands for."""
    names: dict[str, RelationRule | None] = {}
    ctes = {alias_of(node)[0] for node in nodes if isinstance(node, exp.CTE)}
    if not ctes.isdisjoint(relations):
        raise Refusal(_RULE, None, next(iter(ctes & relations)))
    for node in nodes:
        if isinstance(node, _FROM_ITEMS):
            _add_name(node, _rule_of(node, policy, ctes), names)
    return names


def _add_name(node: exp.Expr, rule: RelationRule | None, names: dict[str, RelationRule | None]) -> None:
    given, aliases = alias_of(node)
    name = given or _own_name(node)
    is_renamed = bool(aliases) and (rule is not None or _is_join(node))
    if is_renamed or name in names:
        raise Refusal(_RULE, offset_of(node), name)
    if name:
        names[name] = rule


def _is_join(node: exp.Expr) -> bool:
    return isinstance(node, exp.Subquery) and not isinstance(node.unnest(), exp.Query | exp.Values)


def _rule_of(node: exp.Expr, policy: GuardPolicy, ctes: set[str]) -> RelationRule | None:
    if not (isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier)):
        return None
    name, schema = identifier_name(node.this), node.args.get("db")
    if schema is None and name in ctes:
        return None
    return policy.find_relation(identifier_name(schema) if schema is not None else "", name)


def _own_name(node: exp.Expr) -> str:
    """What a FROM item without alias is called; empty when nothing can refer to it."""
    inner = node.this
    if isinstance(node, exp.Table | exp.Lateral) and isinstance(inner, exp.Anonymous):
        return function_name(inner)
    return identifier_name(inner) if isinstance(node, exp.Table) and isinstance(inner, exp.Identifier) else ""


def _check_star(node: exp.Expr, rules: Sequence[RelationRule]) -> None:
    call = node.parent
    if not (isinstance(call, exp.Anonymous) and function_name(call) == "count"):
        raise Refusal("column.star", offset_of(call), rules[0].name)


def _check_column(node: exp.Expr, names: dict[str, RelationRule | None]) -> None:
    name = identifier_name(node.this)
    table = node.args.get("table")
    if table is None:
        if name in names:
            raise Refusal(_RULE, offset_of(node), name)
        return
    alias = identifier_name(table)
    if alias not in names:
        raise Refusal(_RULE, offset_of(node), alias)
    rule = names[alias]
    if rule is not None and (name not in rule.columns or name in rule.denied):
        raise Refusal(_RULE, offset_of(node), f"{alias}.{name}")

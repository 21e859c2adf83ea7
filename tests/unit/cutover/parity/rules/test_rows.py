"""The language of parity rows: what a condition may say, what it means, and that every name in every row exists."""

from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from core.sql_guard.refusal import Refusal
from core.sql_guard.single_query import read_query
from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules import AREAS, RULES
from cutover.parity.rules.expressions import METHODS, ExpressionError, compiled, compiled_definition, member, value_of
from cutover.parity.rules.readings import is_query
from cutover.parity.rules.scope import scope_of

EXCHANGE = Exchange("x-1", "unified_api", "10", {"method": "POST", "path": "/x", "json": {"a": 1}}, {"status": 200})
SCOPE = {"__builtins__": {}, "member": member, "value": {"one": {"two": 2}, "text": "abc"}, "none": None}


def names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("value.one.two", 2),
        ("value.three.four", None),
        ("none.anything", None),
        ("value['one']['two'] + 1", 3),
        ("value.text.startswith('a')", True),
        ("[key for key in value if value[key].two]", ["one"]),
        ("f'{value.one.two}!'", "2!"),
        ("value.text.__class__", None),
    ],
)
def test_expression_has_the_value_of_its_members(text: str, value: Any) -> None:
    scope = {**SCOPE, "value": {**SCOPE["value"]}}  # type: ignore[dict-item]
    if text.startswith("[key"):
        scope["value"] = {"one": {"two": 2}}
    assert value_of(compiled(text), scope) == value


@pytest.mark.parametrize(
    "text", ["value.text.format(1)", "(x := 1)", "__import__('os')", "await x", "1 +", "import os", "x = 1"]
)
def test_what_is_not_of_the_language_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(ExpressionError):
        compiled(text)


@pytest.mark.parametrize("text", ["value['three']", "open('x')", "value.one.two['x']"])
def test_missing_member_or_name_fails(text: str) -> None:
    with pytest.raises((LookupError, NameError, TypeError)):
        value_of(compiled(text), dict(SCOPE))


def test_definition_takes_its_parameters() -> None:
    name, code = compiled_definition("at_least(number, *names)", "number <= names[0]")
    assert name == "at_least"
    assert value_of(code, dict(SCOPE))(1, 2) is True


@pytest.mark.parametrize("area", AREAS)
def test_every_name_in_a_row_has_a_meaning(area: str) -> None:
    vocabulary = AREAS[area][0].vocabulary
    known = {*vocabulary.names, *vocabulary.definitions, *METHODS}
    recorded, judged = {*scope_of(EXCHANGE), *known}, {*scope_of(EXCHANGE, Answer(200)), *known}
    assert [rule.name for rule in AREAS[area] if not set(names_in(rule.conditions[0])) <= recorded] == []
    assert [rule.name for rule in AREAS[area] if not set(names_in(rule.conditions[1])) <= judged] == []
    assert [name for name, code in vocabulary.definitions.items() if not set(names_in(code)) <= judged] == []


@pytest.mark.parametrize("area", AREAS)
def test_page_of_the_contract_exists(area: str) -> None:
    assert (Path(__file__).resolve().parents[5] / AREAS[area][0].contract).is_file()


def test_names_of_rules_are_distinct() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1", "SELECT 1;;", "(SELECT 1) UNION SELECT 2", "/* c */ WITH x AS (SELECT 1) SELECT * FROM x", "SELECT",
        "SELEC 1", "", "VALUES (1)", "TABLE t", "EXPLAIN SELECT 1", "SELECT 1; SELECT 2", "DELETE FROM t",
        "SELECT a INTO b FROM t", "SELECT * FROM t FOR UPDATE", "WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x",
        "SELECT * FROM t WHERE a = 'x;y' -- c", "SELECT 'a",
    ],
)  # fmt: skip
def test_own_reading_of_a_query_agrees_with_the_guard(sql: str) -> None:
    try:
        read_query(sql)
        is_admitted = True
    except Refusal:
        is_admitted = False
    assert is_query(sql) is is_admitted

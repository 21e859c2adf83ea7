"""The guard's verdicts on our own cases: each technique once, in the form an attacker or a model would write it."""

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import SqlRefusedError
from core.sql_guard import GuardPolicy, RelationRule, SqlGuard

CASES = [
    json.loads(line)
    for line in (Path(__file__).parents[3] / "fixtures" / "sql_guard_cases.jsonl").read_text("utf-8").splitlines()
]
RELATIONS = (
    RelationRule("shop", "invoice", ("id", "buyer_id", "amount", "issued_on", "note", "extra")),
    RelationRule("shop", "person", ("id", "name", "secret_code"), frozenset({"secret_code"})),
    RelationRule("shop", "city", ("city_id", "title", "tags")),
)


def guard_for(dialect: str = "postgres") -> SqlGuard:
    return SqlGuard(
        GuardPolicy(
            relations=RELATIONS,
            search_path=("shop",),
            user_functions=frozenset({"shop.fine_of"}),
            user_types=frozenset({"shop.mood"}),
            dialect=dialect,
        )
    )


def named(cases: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in cases]


@pytest.mark.parametrize("case", named([case for case in CASES if case["verdict"] == "allow"]))
def test_legitimate_query_is_admitted_with_its_own_text(case: dict[str, Any]) -> None:
    admitted = guard_for(case.get("dialect", "postgres")).check(case["sql"])
    assert admitted.text == case["sql"]


@pytest.mark.parametrize("case", named([case for case in CASES if case["verdict"] == "reject"]))
def test_hostile_query_is_refused_by_the_rule_it_breaks(case: dict[str, Any]) -> None:
    with pytest.raises(SqlRefusedError) as refusal:
        guard_for(case.get("dialect", "postgres")).check(case["sql"])
    assert refusal.value.rule.startswith(case["rule"])
    assert refusal.value.message

"""Disguises of hostile statements stay refused: case, comments, white space, quoting, escapes and wrapping, seeded."""

import json
import random
from pathlib import Path

from common.errors import SqlRefusedError
from core.sql_guard import GuardPolicy, RelationRule, SqlGuard
from tools.guard_mutants import SEED, disguised, hostile_statements, mutants

CASES = [
    json.loads(line)
    for line in (Path(__file__).parents[3] / "fixtures" / "sql_guard_cases.jsonl").read_text("utf-8").splitlines()
]


def is_admitted(guard: SqlGuard, statement: str) -> bool:
    try:
        guard.check(statement)
    except SqlRefusedError:
        return False
    return True


def shop_guard() -> SqlGuard:
    relations = (
        RelationRule("shop", "invoice", ("id", "buyer_id", "amount", "issued_on", "note", "extra")),
        RelationRule("shop", "person", ("id", "name", "secret_code"), frozenset({"secret_code"})),
        RelationRule("shop", "city", ("city_id", "title", "tags")),
    )
    return SqlGuard(GuardPolicy(relations=relations, search_path=("shop",)))


def test_no_disguise_of_a_hostile_statement_is_admitted() -> None:
    guard = shop_guard()
    disguises = mutants(hostile_statements(CASES), 2000)
    assert [statement for statement in disguises if is_admitted(guard, statement)] == []


def test_disguise_of_a_legitimate_statement_is_still_admitted() -> None:
    rng = random.Random(SEED)
    guard = shop_guard()
    plain = "SELECT p.name, i.amount FROM shop.person p JOIN invoice i ON i.buyer_id = p.id WHERE i.id > 3"
    admitted = sum(is_admitted(guard, disguised(plain, rng)) for _ in range(50))
    assert admitted > 40  # the few others are wrapped where two columns do not fit

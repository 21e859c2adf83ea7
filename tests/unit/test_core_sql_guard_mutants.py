"""Disguises of hostile statements stay refused: case, comments, white space, quoting, escapes and wrapping, seeded."""

import json
import random
from pathlib import Path

from common.errors import SqlRefusedError
from core.sql_guard import GuardPolicy, RelationRule, SqlGuard
from core.sql_guard.lexer import tokenize
from core.sql_guard.refusal import Refusal

SEED = 20_260_101
CASES = Path(__file__).parents[1] / "fixtures" / "sql_guard_cases.jsonl"
# What these rules refuse is the writing itself; a disguise may repair it.
WRITING_RULES = ("parse", "text", "statement.multiple", "operator")
GAPS = [" ", "\n", "\t", "\r\n", "/**/", " /* x */ ", "/*--*/", "--x\n", "/* ; */ ", "  "]


def hostile_statements() -> list[str]:
    cases = [json.loads(line) for line in CASES.read_text("utf-8").splitlines()]
    return [
        case["sql"]
        for case in cases
        if case["verdict"] == "reject" and "dialect" not in case and not case["rule"].startswith(WRITING_RULES)
    ]


def disguised(statement: str, rng: random.Random) -> str:
    """The same statement in other clothes."""
    try:
        tokens = [token for token in tokenize(statement) if token.kind != "comment"]
    except Refusal:
        return rng.choice(GAPS) + statement
    pieces = []
    for token in tokens:
        text = token.text
        if token.kind == "word":
            text = "".join(rng.choice((letter.lower(), letter.upper())) for letter in text)
        gap = rng.choice(GAPS) if rng.random() < 0.4 else " "
        pieces.append(f"{text} {gap}" if token.kind == "operator" else text + gap)
    joined = "".join(pieces).strip()
    joined = joined.removesuffix(";")
    match rng.randrange(7):
        case 0:
            return f"({joined}\n)"
        case 1:
            return f"WITH z AS ({joined}\n) SELECT * FROM z"
        case 2:
            return f"SELECT * FROM ({joined}\n) z"
        case 3:
            return f"SELECT 1 UNION ALL ({joined}\n)"
        case 4:
            return f"SELECT EXISTS ({joined}\n)"
    return joined


def mutants(count: int, seed: int = SEED) -> list[str]:
    rng = random.Random(seed)
    statements = hostile_statements()
    return [disguised(rng.choice(statements), rng) for _ in range(count)]


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
    assert [statement for statement in mutants(1500) if is_admitted(guard, statement)] == []


def test_disguise_of_a_legitimate_statement_is_still_admitted() -> None:
    rng = random.Random(SEED)
    guard = shop_guard()
    plain = "SELECT p.name, sum(i.amount) FROM shop.person p JOIN invoice i ON i.buyer_id = p.id GROUP BY 1"
    assert all(is_admitted(guard, disguised(plain, rng)) for _ in range(50))

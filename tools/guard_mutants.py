"""Seeded disguises of statements: letter case, comments, white space, quoting, unicode escapes, wrapping, parentheses.

Used by the guard's tests and by `python -m tools.bench guard`.
"""

# ruff: noqa: S608 - these statements are built to be refused

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from core.sql_guard.lexer import Token, tokenize
from core.sql_guard.refusal import Refusal

SEED = 20_260_101
# What these rules refuse is the writing itself; a disguise may repair it. Sizes and places move with the disguise.
WRITING_RULES = ("parse", "text", "statement.multiple", "operator")
GAPS = (" ", "\n", "\t", "\r\n", "/**/", " /* x */ ", "/*--*/", "--x\n", "/* ; */ ", "  ")


def hostile_statements(cases: Iterable[Mapping[str, Any]]) -> list[str]:
    """The statements whose refusal no disguise may lift."""
    return [
        case["sql"]
        for case in cases
        if case["verdict"] == "reject" and "dialect" not in case and not case.get("rule", "").startswith(WRITING_RULES)
    ]


def mutants(statements: list[str], count: int, seed: int = SEED) -> Iterator[str]:
    """`count` disguises of statements chosen at random."""
    rng = random.Random(seed)  # noqa: S311 - to be repeatable
    for _ in range(count):
        yield disguised(rng.choice(statements), rng)


def disguised(statement: str, rng: random.Random) -> str:
    """The same statement in other clothes."""
    try:
        tokens = [token for token in tokenize(statement) if token.kind != "comment"]
    except Refusal:
        return rng.choice(GAPS) + statement
    pieces = []
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        gap = rng.choice(GAPS) if rng.random() < 0.4 else " "
        text = _reworded(token, following, rng)
        pieces.append(f"{text} {gap}" if token.kind == "operator" else text + gap)
    return _wrapped("".join(pieces).strip().removesuffix(";"), rng)


def _reworded(token: Token, following: Token | None, rng: random.Random) -> str:
    if token.kind == "string" and token.text.startswith("'") and rng.random() < 0.1:
        return _escaped("U&'", token.text[1:-1], "'", rng)
    if token.kind != "word":
        return token.text
    if following is not None and following.text == "(" and rng.random() < 0.15:
        lowered = token.text.lower()
        return f'"{lowered}"' if rng.random() < 0.5 else _escaped('U&"', lowered, '"', rng)
    return "".join(rng.choice((letter.lower(), letter.upper())) for letter in token.text)


def _escaped(opening: str, text: str, closing: str, rng: random.Random) -> str:
    letters = [
        f"\\{ord(letter):04X}" if letter.isascii() and letter.isalpha() and rng.random() < 0.5 else letter
        for letter in text.replace("\\", "\\\\")
    ]
    return opening + "".join(letters) + closing


def _wrapped(statement: str, rng: random.Random) -> str:
    name = f"z{rng.randrange(100)}"
    return rng.choice(
        (
            statement,
            statement,
            statement,
            f"({statement}\n)",
            f"(({statement}\n))",
            f"WITH {name} AS ({statement}\n) SELECT * FROM {name}",
            f"WITH {name} AS MATERIALIZED ({statement}\n) TABLE {name}",
            f"SELECT * FROM ({statement}\n) {name}",
            f"SELECT {name}.* FROM (SELECT 1) q, LATERAL ({statement}\n) {name}",
            f"SELECT 1 UNION ALL ({statement}\n)",
            f"SELECT EXISTS ({statement}\n)",
            f"SELECT ARRAY({statement}\n)",
            f"SELECT 1 WHERE 1 IN (SELECT * FROM ({statement}\n) {name})",
        )
    )

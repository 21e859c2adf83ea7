"""Random questions on schemas of many tables, planned without a server: processor time, and what exceeds the deadline.

Half of the questions are sentences about tables, columns and values of the schema, in both languages; half are words in
any order, among them grammar and words nobody knows.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from statistics import quantiles
from typing import Final

import yaml

from common.business_schema import BusinessSchema, Column, Table
from offline.engine import Engine
from offline.planning import DEADLINE_SECONDS
from offline.vocabulary import load_vocabulary
from tools import evaluate
from tools.evaluate.wide import table_names

from .figures import Figure

TODAY: Final = date(2026, 11, 30)
_PHRASES: Final = Path(evaluate.__file__).parent / "phrases" / "wide.yaml"
_STATES: Final = ("blocked", "closed", "open")
_BRANCHES: Final = tuple(f"ORG{n}" for n in range(6))


def wide_schema(count: int) -> BusinessSchema:
    """The tables of the evaluation set `wide_N`, as the catalogue would read them."""
    organisation = Table(
        "public",
        "organisation",
        "",
        (
            Column("org_code", "character varying(8)", is_primary_key=True, values=_BRANCHES, is_unique=True),
            Column("org_name", "text", values=tuple(f"Branch {n}" for n in range(6)), is_unique=True),
            Column("region", "text", values=("North", "South")),
        ),
    )
    return BusinessSchema((organisation, *(_table(name) for name in table_names(count - 1))))


def _table(name: str) -> Table:
    initials = "".join(word[0] for word in name.split("_")).upper()
    columns = (
        Column(f"{name}_id", "integer", is_primary_key=True, is_unique=True),
        Column(f"{name}_code", "character varying(20)", values=_numbered(f"{initials}-"), is_unique=True),
        Column("org_code", "character varying(8)", values=_BRANCHES),
        Column("title", "text", values=_numbered(name.replace("_", " ") + " "), is_unique=True),
        Column("amount", "numeric(12,2)"),
        Column("status", "character varying(12)", values=_STATES),
        Column("recorded_on", "date"),
    )
    return Table("public", name, "", columns)


def _numbered(text: str) -> tuple[str, ...]:
    return tuple(f"{text}{n}" for n in range(1, 21))


def random_questions(tables: Sequence[str], seed: int) -> Iterator[str]:
    """Endless questions, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    phrases = yaml.safe_load(_PHRASES.read_text(encoding="utf-8"))
    nouns = [name.replace("_", " ") + "s" for name in tables]
    while True:
        yield chance.choice(phrases["sentences"]).format(a=chance.choice(nouns), b=chance.choice(nouns))
        words = [chance.choice((*phrases["words"], chance.choice(nouns))) for _ in range(chance.randint(1, 14))]
        yield " ".join(words)


def measure(*, count: int, seed: int = 2026, tables: int = 200) -> list[Figure]:
    """Plan `count` questions; a question's time is what its thread spends on it."""
    schema = wide_schema(tables)
    engine = Engine(schema, load_vocabulary())
    spent: list[float] = []
    answered = 0
    for _, question in zip(range(count), random_questions(table_names(tables - 1), seed), strict=False):
        begun = time.thread_time()
        answered += bool(engine.compose(question, TODAY).sql)
        spent.append(time.thread_time() - begun)
    beyond = sum(seconds > DEADLINE_SECONDS for seconds in spent)
    name = f"wide_questions_{tables}"
    return [
        Figure(f"{name}_p95", round(quantiles(spent, n=20)[18] * 1000, 1), "ms of processor", 150, "lower"),
        Figure(f"{name}_slowest", round(max(spent) * 1000, 1), "ms of processor"),
        Figure(f"{name}_beyond_the_deadline", beyond, f"of {count}", 0, "lower"),
        Figure(f"{name}_answered", answered, f"of {count}"),
    ]

"""Databases of many tables, made here: `wide_200` and the like.

Every table has a code of its own and the code of its organisation, so that any two tables could be joined by name; only
some declare a foreign key. Names are those of business software: a module and what it keeps.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from tools.evaluate.sets import EvaluationSet, Pair

PREFIX: Final = "wide_"
_TABLES_AT_ONCE: Final = 200
_MODULES: Final = (
    "fin", "hr", "crm", "inv", "pur", "mfg", "log", "fleet", "legal", "mkt", "qa", "it", "proj", "edu", "med", "ins",
    "real", "agri", "energy", "retail",
)  # fmt: skip
_NOUNS: Final = (
    "invoice", "contract", "payment", "budget", "claim", "asset", "voucher", "ticket", "shipment", "vendor",
    "employee", "plan", "audit", "sample", "lease", "batch", "inspection", "delivery", "survey", "refund",
    "permit", "booking", "complaint", "quote", "meter", "machine", "license", "visit", "grant", "trial",
    "campaign", "route", "vehicle", "warranty", "tender", "deposit", "advance", "stipend", "fine", "transfer",
    "sensor", "recipe", "container", "certificate", "agenda", "backup", "incident", "release", "milestone", "training",
)  # fmt: skip
_TABLE: Final = """
CREATE TABLE {name} (
    {name}_id int PRIMARY KEY, {name}_code varchar(20) NOT NULL, org_code varchar(8) NOT NULL, title text NOT NULL,
    amount numeric(12,2) NOT NULL, status varchar(12) NOT NULL, recorded_on date NOT NULL{key}
);
INSERT INTO {name} SELECT n, '{code}-' || n, 'ORG' || n % 6, '{words} ' || n, ({seed} + n * 17) % 500,
    (ARRAY['open','closed','blocked'])[1 + n % 3], date '2024-01-01' + (n * 11) % 700{parent}
FROM generate_series(1, {rows}) n;
"""
_ORGANISATION: Final = """
CREATE TABLE organisation (org_code varchar(8) PRIMARY KEY, org_name text NOT NULL, region text NOT NULL);
INSERT INTO organisation
SELECT 'ORG' || n, 'Branch ' || n, (ARRAY['North','South'])[1 + n % 2] FROM generate_series(0, 5) n;
"""
_ALL: Final = "SELECT COUNT(*) FROM {name}"
_SUM: Final = "SELECT SUM(amount) FROM {name}"
_BY_NAME: Final = "SELECT o.org_name, SUM(t.amount) FROM {name} t JOIN organisation o USING (org_code) GROUP BY 1"
_BY_CODE: Final = "SELECT org_code, SUM(amount) FROM {name} GROUP BY 1"
_BY_STATUS: Final = "SELECT status, COUNT(*) FROM {name} GROUP BY 1"
_OF_YEAR: Final = "SELECT AVG(amount) FROM {name} WHERE recorded_on BETWEEN '2024-01-01' AND '2024-12-31'"


def wide_set(name: str, *, limit: int | None = None) -> EvaluationSet:
    """The set `wide_N`: N tables and 20 questions about them; raises ValueError for another name."""
    count = int(name.removeprefix(PREFIX))
    names = table_names(count - 1)
    return EvaluationSet(name, _pairs(names)[:limit], schema=wide_schema(names))


def table_names(count: int) -> list[str]:
    """The first so many names."""
    return list(itertools.islice(_names(), count))


def _names() -> Iterator[str]:
    """Module and noun, so that each noun occurs in several modules; numbered years when these are used up."""
    for year in itertools.count():
        for shift, place in itertools.product(range(len(_NOUNS)), range(len(_MODULES))):
            module, noun = _MODULES[place], _NOUNS[(shift + place * 7) % len(_NOUNS)]
            yield f"{module}_{noun}" + (f"_{2000 + year}" if year else "")


def wide_schema(names: list[str]) -> str:
    """The script that makes the tables: every third one references the table before it."""
    script = ["BEGIN;\n", _ORGANISATION]
    for number, name in enumerate(names):
        parent = names[number - 1] if number % 3 == 2 else ""
        if number and not number % _TABLES_AT_ONCE:
            script.append("COMMIT;\nBEGIN;\n")  # a transaction holds a lock for each table it makes
        script.append(
            _TABLE.format(
                name=name,
                code="".join(word[0] for word in name.split("_")).upper(),
                words=name.replace("_", " "),
                seed=number * 7 % 97,
                rows=20 + number % 13,
                key=f", {parent}_id int REFERENCES {parent}" if parent else "",
                parent=", 1 + n % 15" if parent else "",
            )
        )
    return "".join([*script, "COMMIT;\n"])


def _pairs(names: list[str]) -> tuple[Pair, ...]:
    chosen = names[:: max(1, len(names) // 10)][:10]
    pairs: list[Pair] = []
    for number, name in enumerate(chosen):
        words = name.replace("_", " ")
        pairs += [
            Pair(f"How many {words}s are there?", (_ALL.format(name=name),))
            if number % 2
            else Pair(f"How many {words}s are blocked?", (f"{_ALL.format(name=name)} WHERE status = 'blocked'",)),
            _SECOND[number % len(_SECOND)](name, words),
        ]
    return tuple(pairs)


def _total(name: str, words: str) -> Pair:
    return Pair(f"Total amount of {words}", (_SUM.format(name=name),))


def _by_organisation(name: str, words: str) -> Pair:
    return Pair(
        f"Total amount of {words} per organisation",
        (
            _BY_NAME.format(name=name),
            _BY_CODE.format(name=name),
        ),
    )


def _by_status(name: str, words: str) -> Pair:
    return Pair(f"Number of {words}s by status", (_BY_STATUS.format(name=name),))


def _of_year(name: str, words: str) -> Pair:
    return Pair(f"Average amount of {words} in 2024", (_OF_YEAR.format(name=name),))


_SECOND: Final = (_total, _by_organisation, _by_status, _of_year)

"""The foreign-key probe on a real server: which keys it asks about, and which answers it takes for right."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tools.evaluate.asking import Reply
from tools.evaluate.probe import ProbeQuestion, foreign_keys, questions, verdict

SETUP = """
DROP SCHEMA IF EXISTS probe CASCADE; CREATE SCHEMA probe; SET search_path TO probe;
CREATE TABLE maker (code text PRIMARY KEY, first_name text, last_name text);
CREATE TABLE "lineItem" (day date, no int, PRIMARY KEY (day, no));
CREATE TABLE part (id int PRIMARY KEY, made_by text REFERENCES maker, sold_by text REFERENCES maker, day date, no int,
                   whole int REFERENCES part, FOREIGN KEY (day, no) REFERENCES "lineItem");
COMMENT ON TABLE part IS '\u96f6\u4ef6\uff08\u90e8\u4ef6\uff09';
INSERT INTO maker VALUES ('x', 'Ann', 'Lee'), ('y', 'Bob', 'Lee'), ('z', 'Cy', 'Poe');
INSERT INTO "lineItem" VALUES ('2024-01-01', 1), ('2024-01-01', 2);
INSERT INTO part VALUES (1, 'x', 'y', '2024-01-01', 1), (2, 'x', 'y', '2024-01-01', 1), (3, 'y', NULL, NULL, NULL);
"""


@pytest.fixture(scope="module")
def connection(scratch_business_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(scratch_business_url) as connection:
        connection.execute(SETUP.encode())
        connection.commit()
        yield connection
        connection.execute("DROP SCHEMA probe CASCADE")


@pytest.fixture(scope="module")
def asked(connection: psycopg.Connection[Any]) -> dict[str, ProbeQuestion]:
    return {question.text: question for question in questions(foreign_keys(connection))}


def test_asks_once_for_two_tables_and_not_about_a_table_and_itself(asked: dict[str, ProbeQuestion]) -> None:
    assert list(asked) == [
        "number of part per line item", "\u6bcf\u4e2aline item\u6709\u591a\u5c11\u96f6\u4ef6",
        "number of part per maker", "\u6bcf\u4e2amaker\u6709\u591a\u5c11\u96f6\u4ef6",
    ]  # fmt: skip
    assert [key.columns for key in asked["number of part per maker"].keys] == [("made_by",), ("sold_by",)]


@pytest.mark.parametrize(
    ("question", "rows", "expected"),
    [
        ("number of part per maker", [("x", 2), ("y", 1)], "right"),
        ("number of part per maker", [("y", 1), ("x", 2), ("z", 0)], "right"),
        ("number of part per maker", [("Ann Lee", 2), ("Bob Lee", 1)], "right"),
        ("number of part per maker", [("Ann", "Lee", 2), ("Bob", "Lee", 1)], "right"),
        ("number of part per maker", [("y", 2)], "right"),  # by the other key
        ("number of part per maker", [("Lee", 3)], "wrong"),  # two makers of one name put together
        ("number of part per maker", [("x", 1), ("y", 2)], "wrong"),
        ("number of part per maker", [(3,)], "wrong"),
        ("number of part per maker", [], "wrong"),
        ("number of part per line item", [("2024-01-01", 1, 2)], "right"),
        ("number of part per line item", [("2024-01-01", 1, 3)], "wrong"),
    ],
)
def test_answer(
    connection: psycopg.Connection[Any],
    asked: dict[str, ProbeQuestion],
    question: str,
    rows: list[tuple[Any, ...]],
    expected: str,
) -> None:
    reply = Reply("data", "", "", "", "", 0.0, tuple(rows))
    assert verdict(connection, asked[question], reply) == expected


def test_refusal_is_no_wrong_answer(connection: psycopg.Connection[Any], asked: dict[str, ProbeQuestion]) -> None:
    refused = Reply("refused", "", "", "missing_database_info", "", 0.0)
    assert verdict(connection, asked["number of part per maker"], refused) == "refused"

"""References on a real server: which rows their order leaves level, and which their LIMIT could have chosen instead."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from features.evaluation.references import StatementFailedError
from features.evaluation.result_sets import match
from tools.evaluate.statements import reference_rows

SETUP = """
DROP TABLE IF EXISTS score;
CREATE TABLE score (name text, team text, points int);
INSERT INTO score VALUES ('a', 'x', 9), ('b', 'x', 7), ('c', 'y', 7), ('d', 'y', 7), ('e', 'z', 1);
"""


@pytest.fixture(scope="module")
def connection(scratch_business_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(scratch_business_url) as connection:
        connection.execute(SETUP.encode())
        connection.commit()
        yield connection


@pytest.mark.parametrize(
    ("sql", "ours", "expected"),
    [
        ("SELECT name, points FROM score ORDER BY points DESC LIMIT 2", [("a", 9), ("d", 7)], "exact"),
        ("SELECT name, points FROM score ORDER BY points DESC LIMIT 2", [("a", 9), ("e", 1)], None),
        ("SELECT name, points FROM score ORDER BY 2 DESC LIMIT 2", [("c", 7), ("a", 9)], None),
        # the sort key is no output column
        ("SELECT name FROM score ORDER BY points DESC LIMIT 2", [("a",), ("c",)], "exact"),
        ("SELECT name FROM score ORDER BY points DESC LIMIT 2", [("b",), ("c",)], None),
        ("SELECT team, sum(points) AS Total FROM score GROUP BY team ORDER BY Total DESC, team",
         [("x", 16), ("y", 14), ("z", 1)], "exact"),
        ("SELECT team FROM score GROUP BY team ORDER BY sum(points) LIMIT 1", [("z",)], "exact"),
        ("SELECT team FROM score GROUP BY team ORDER BY count(*) DESC LIMIT 1", [("y", 2)], "soft"),
        ("SELECT DISTINCT team FROM score ORDER BY team", [("y",), ("x",), ("z",)], None),
        ("SELECT name FROM score WHERE points = 9 UNION SELECT name FROM score WHERE points = 1 ORDER BY name",
         [("e",), ("a",)], None),
        ("SELECT name FROM score LIMIT 1", [("d",)], "exact"),
        ("SELECT name FROM score ORDER BY points DESC LIMIT 1 OFFSET 4", [("e",)], "exact"),
        ("SELECT * FROM score ORDER BY points LIMIT 1", [("z", "e", 1)], "exact"),
        ("SELECT name FROM score WHERE points > 100", [], "exact"),
    ],
)  # fmt: skip
def test_answer_against_a_reference(
    connection: psycopg.Connection[Any], sql: str, ours: list[tuple[Any, ...]], expected: str | None
) -> None:
    _, reference = reference_rows(connection, sql)
    assert match(reference, ours) == expected


@pytest.mark.parametrize("sql", ["SELECT nothing FROM score", "SELECT (1", "SELECT 1 / 0", "DELETE FROM nowhere"])
def test_reference_that_fails_raises(connection: psycopg.Connection[Any], sql: str) -> None:
    with pytest.raises(StatementFailedError):
        reference_rows(connection, sql)

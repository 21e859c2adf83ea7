"""Every trained pair and every README question runs on the demo database and has an answer."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from common.answering import TrainedPair
from demo.training import load_training_pairs

README_QUESTIONS = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "readme_questions.json").read_text(encoding="utf-8")
)
PAIRS = load_training_pairs()


@pytest.fixture(scope="module")
def connection(business_owner_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(business_owner_url, autocommit=True) as opened:
        opened.read_only = True
        yield opened


@pytest.fixture(scope="module")
def newest_day(connection: psycopg.Connection[tuple[object, ...]]) -> str:
    row = connection.execute("SELECT MAX(oper_date)::text FROM bss_business_day_data").fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("pair", PAIRS, ids=[pair.question for pair in PAIRS])
def test_a_trained_pair_answers(
    connection: psycopg.Connection[tuple[object, ...]], newest_day: str, pair: TrainedPair
) -> None:
    on_newest_day = pair.sql.replace("CURRENT_DATE", f"DATE '{newest_day}'")
    found = connection.execute(on_newest_day.encode()).fetchall()
    assert found
    assert any(value is not None for row in found for value in row)


@pytest.mark.parametrize("row", README_QUESTIONS, ids=[row["question"] for row in README_QUESTIONS])
def test_a_readme_question_has_one_answer_only(
    connection: psycopg.Connection[tuple[object, ...]], row: dict[str, str]
) -> None:
    found = connection.execute(row["sql"].encode()).fetchall()
    assert found
    assert all(value is not None for cells in found for value in cells)
    beyond = re.sub(r"LIMIT (\d+)", lambda match: f"LIMIT {int(match[1]) + 1}", row["sql"])
    if row["ordered"] and " DESC" in beyond:
        ranked = [cells[-1] for cells in connection.execute(beyond.encode())]
        assert all(isinstance(value, Decimal | int) for value in ranked)
        assert len(set(ranked)) == len(ranked)

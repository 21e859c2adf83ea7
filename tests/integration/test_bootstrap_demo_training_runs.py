"""Every trained pair and every README question runs on the demo database and has an answer."""

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

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


def rows_of(connection: psycopg.Connection[tuple[object, ...]], pair: TrainedPair, newest_day: str) -> list[Any]:
    """Run it as on the day after the newest one, when seven whole days have passed."""
    today = date.fromisoformat(newest_day) + timedelta(days=1)
    return connection.execute(pair.sql.replace("CURRENT_DATE", f"DATE '{today}'").encode()).fetchall()


def trained(question: str) -> TrainedPair:
    return next(pair for pair in PAIRS if pair.question == question)


def test_the_last_seven_days_are_the_last_seven_whole_days(
    connection: psycopg.Connection[tuple[object, ...]], newest_day: str
) -> None:
    days = [row[0] for row in rows_of(connection, trained("近7天全省每天的营业额是多少？"), newest_day)]
    newest = date.fromisoformat(newest_day)
    assert days == [newest - timedelta(days=back) for back in range(6, -1, -1)]


def test_a_daily_mean_is_the_mean_of_the_days_totals(
    connection: psycopg.Connection[tuple[object, ...]], newest_day: str
) -> None:
    """Two records of one branch on one day are one day."""
    pair = trained("2023年5月各档口平均每天的营收排前10的是哪些？")
    totals: dict[str, dict[date, Decimal]] = {}
    records = connection.execute(
        "SELECT branch_name, oper_date, pay_sum FROM bss_business_day_data"
        " WHERE oper_date BETWEEN '2023-05-01' AND '2023-05-31' AND delete_ts IS NULL"
    )
    for branch, day, amount in records.fetchall():
        days = totals.setdefault(str(branch), {})
        days[day] = days.get(day, Decimal()) + amount  # type: ignore[index, operator]
    means = {branch: round(sum(days.values()) / len(days), 2) for branch, days in totals.items()}
    expected = sorted(means.items(), key=lambda entry: -entry[1])[:10]
    assert [mean for _, mean in rows_of(connection, pair, newest_day)] == [mean for _, mean in expected]
    assert set(rows_of(connection, pair, newest_day)) <= set(means.items())


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

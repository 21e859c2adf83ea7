"""The demo loader on a real PostgreSQL: creates, extends, repeats, removes, and leaves other people's tables alone."""

import os
from collections.abc import Iterator
from datetime import date
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from common.errors import ConfigurationError
from demo import __main__ as command_line
from demo.loader import drop_demo, extend_demo, load_demo
from demo.rows import COLUMNS
from tools.scratch_databases import drop_database, fresh_database

SOME_DAY, LATER_DAY = date(2022, 2, 10), date(2022, 3, 5)


@pytest.fixture
def empty_url(scratch_business_url: str) -> Iterator[str]:
    """A database of this test alone, on the scratch database's server."""
    url = fresh_database(scratch_business_url, f"citu_test_demo_{os.getpid()}")
    yield url
    drop_database(scratch_business_url, url)


def contents(url: str) -> dict[str, list[tuple[object, ...]]]:
    with psycopg.connect(url) as connection:
        return {
            table: connection.execute(
                sql.SQL("SELECT * FROM {} ORDER BY 1, 2").format(sql.Identifier("public", table))
            ).fetchall()
            for table in COLUMNS
        }


def ask(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def test_an_empty_database_is_filled_and_the_report_counts_the_rows(empty_url: str) -> None:
    steps: list[tuple[str, int, int]] = []
    report = load_demo(empty_url, end_date=SOME_DAY, progress=lambda *step: steps.append(step))
    assert report.tables == {table: len(found) for table, found in contents(empty_url).items()}
    assert ask(empty_url, "SELECT MAX(oper_date) FROM bss_business_day_data") == SOME_DAY
    assert {table for table, done, total in steps if done == total} == set(COLUMNS)


def test_loading_twice_changes_nothing(empty_url: str) -> None:
    load_demo(empty_url, end_date=SOME_DAY)
    before = contents(empty_url)
    assert load_demo(empty_url, end_date=SOME_DAY, seed=1).tables == {}
    assert load_demo(empty_url, end_date=date(2022, 1, 5)).tables == {}
    assert contents(empty_url) == before


def test_an_extended_demo_equals_one_loaded_at_once(empty_url: str) -> None:
    load_demo(empty_url, end_date=SOME_DAY)
    assert extend_demo(empty_url, end_date=LATER_DAY).tables["bss_business_day_data"] > 0
    extended = contents(empty_url)
    assert drop_demo(empty_url)
    load_demo(empty_url, end_date=LATER_DAY)
    assert contents(empty_url) == extended


def test_an_older_shape_of_ours_is_built_anew(empty_url: str) -> None:
    load_demo(empty_url, end_date=SOME_DAY)
    with psycopg.connect(empty_url) as connection:
        connection.execute("UPDATE citu_demo.load_state SET shape = 0")
        connection.execute("DROP TABLE bss_car_day_count")
    assert set(load_demo(empty_url, end_date=SOME_DAY).tables) == set(COLUMNS)


def test_tables_of_somebody_else_are_left_alone(empty_url: str) -> None:
    with psycopg.connect(empty_url) as connection:
        connection.execute("CREATE TABLE bss_company (id text)")
        connection.execute("INSERT INTO bss_company VALUES ('theirs')")
    with pytest.raises(ConfigurationError, match="bss_company"):
        load_demo(empty_url, end_date=SOME_DAY)
    assert extend_demo(empty_url, end_date=LATER_DAY).tables == {}
    assert not drop_demo(empty_url)
    assert ask(empty_url, "SELECT string_agg(id, ',') FROM bss_company") == "theirs"
    assert ask(empty_url, "SELECT COUNT(*) FROM pg_tables WHERE schemaname IN ('public', 'citu_demo')") == 1


def test_a_load_that_breaks_off_leaves_nothing(empty_url: str) -> None:
    def break_off(table: str, _done: int, _total: int) -> None:
        if table == "bss_car_day_count":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_demo(empty_url, end_date=SOME_DAY, progress=break_off)
    assert ask(empty_url, "SELECT COUNT(*) FROM pg_tables WHERE schemaname IN ('public', 'citu_demo')") == 0


def test_dropping_removes_every_trace(empty_url: str) -> None:
    load_demo(empty_url, end_date=SOME_DAY)
    assert drop_demo(empty_url)
    assert ask(empty_url, "SELECT COUNT(*) FROM pg_namespace WHERE nspname = 'citu_demo'") == 0
    assert ask(empty_url, "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'") == 0


def test_an_end_date_before_the_first_day_is_refused(empty_url: str) -> None:
    with pytest.raises(ConfigurationError, match="2022-01-01"):
        load_demo(empty_url, end_date=date(2021, 12, 31))


def test_the_command_line_loads_and_drops(empty_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["--url", empty_url, "--end-date", "2022-01-10"]) == 0
    assert "bss_business_day_data" in capsys.readouterr().out
    assert ask(empty_url, "SELECT MAX(count_date) FROM bss_car_day_count") == date(2022, 1, 10)
    assert command_line.main(["--url", empty_url, "--drop"]) == 0
    assert ask(empty_url, "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'") == 0


def test_the_command_line_tells_nothing_of_the_url_when_it_cannot_connect(
    empty_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = urlunsplit(urlsplit(empty_url)._replace(path="/no_such_database_of_ours"))
    assert command_line.main(["--url", missing]) == 1
    captured = capsys.readouterr()
    assert "no_such_database_of_ours" not in captured.out + captured.err

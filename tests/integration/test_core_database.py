"""Sessions, the clock, locks and outages on a real PostgreSQL."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from common.errors import StoreUnavailableError
from core.database import Database


@pytest.fixture
def database(platform_url: str) -> Iterator[Database]:
    database = Database(platform_url, pool_size=1, pool_timeout_seconds=0.2, application_name="citu-test")
    with database.session() as session:
        session.execute(text("CREATE TABLE IF NOT EXISTS database_test (number int PRIMARY KEY)"))
        session.execute(text("TRUNCATE database_test"))
    yield database
    with database.session() as session:
        session.execute(text("DROP TABLE database_test"))
    database.dispose()


def insert(database: Database, number: int) -> None:
    with database.session() as session:
        session.execute(text("INSERT INTO database_test VALUES (:number)"), {"number": number})


def numbers(database: Database) -> list[int]:
    with database.session() as session:
        return list(session.scalars(text("SELECT number FROM database_test ORDER BY number")))


def test_block_that_ends_well_is_stored(database: Database) -> None:
    insert(database, 1)
    assert numbers(database) == [1]


def test_block_that_raises_leaves_nothing(database: Database) -> None:
    def fail_after_insert() -> None:
        with database.session() as session:
            session.execute(text("INSERT INTO database_test VALUES (2)"))
            raise KeyError

    with pytest.raises(KeyError):
        fail_after_insert()
    assert numbers(database) == []


def test_statement_errors_stay_what_they_are(database: Database) -> None:
    insert(database, 1)
    with pytest.raises(IntegrityError):
        insert(database, 1)


def test_lock_that_is_not_free_in_time_is_busy(database: Database, platform_url: str) -> None:
    mark = "&" if "?" in platform_url else "?"
    hurried = Database(f"{platform_url}{mark}options=-c%20lock_timeout%3D50", pool_timeout_seconds=0.2)
    with database.session() as holder:
        holder.execute(text("LOCK TABLE database_test IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(StoreUnavailableError, match="数据库繁忙"):
            insert(hurried, 3)
    insert(hurried, 3)
    hurried.dispose()
    assert numbers(database) == [3]


def test_clock_is_aware_utc_and_near_ours(database: Database) -> None:
    moment = database.now()
    assert moment.tzinfo is UTC
    assert abs(moment - datetime.now(UTC)) < timedelta(minutes=5)


def test_application_name_is_shown(database: Database) -> None:
    with database.session() as session:
        assert session.scalar(text("SELECT current_setting('application_name')")) == "citu-test"


def test_empty_pool_is_a_store_error(database: Database) -> None:
    with database.session() as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(StoreUnavailableError):
            database.now()


def test_connection_cut_within_a_block_is_a_store_error_and_the_next_block_works(
    database: Database, platform_url: str
) -> None:
    other = Database(platform_url, pool_size=1)

    def lose_connection() -> None:
        with database.session() as session:
            backend = session.scalar(text("SELECT pg_backend_pid()"))
            with other.session() as killer:
                killer.execute(text("SELECT pg_terminate_backend(:pid, 2000)"), {"pid": backend})
            session.execute(text("SELECT 1"))

    with pytest.raises(StoreUnavailableError):
        lose_connection()
    other.dispose()
    assert database.is_available()


def test_lock_admits_one_at_a_time(database: Database, platform_url: str) -> None:
    other = Database(platform_url, pool_size=1)
    with database.advisory_lock("boot"):
        with pytest.raises(StoreUnavailableError), other.advisory_lock("boot", timeout_seconds=0.1):
            pass
        with other.advisory_lock("another name", timeout_seconds=0.1):
            pass
    with other.advisory_lock("boot", timeout_seconds=0.1):
        pass
    other.dispose()


def test_lock_is_given_back_when_the_block_raises(database: Database, platform_url: str) -> None:
    other = Database(platform_url, pool_size=1)
    with pytest.raises(KeyError), database.advisory_lock("boot"):
        raise KeyError
    with other.advisory_lock("boot", timeout_seconds=0.1):
        pass
    other.dispose()


def test_waiting_for_the_lock_ends_when_its_owner_leaves(platform_url: str) -> None:
    databases = [Database(platform_url, pool_size=1) for _ in range(4)]
    inside: list[int] = []
    overlaps: list[int] = []

    def enter(number: int) -> None:
        for _ in range(3):
            with databases[number].advisory_lock("turn"):
                inside.append(number)
                overlaps.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.dispose()
    assert overlaps == [1] * 12

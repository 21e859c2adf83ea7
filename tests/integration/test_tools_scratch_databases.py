"""What lets several test processes and runs share one server: templates filled once, Redis databases claimed alone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from tests.conftest import claim_redis_database
from tools.scratch_databases import BackgroundDrops, drop_database, fresh_database, one_at_a_time, template_database


@pytest.fixture
def name(platform_server: str) -> Iterator[str]:
    name = f"citu_test_made_{uuid4().hex[:12]}"
    yield name
    for suffix in ("", "_unfinished", "_copy"):
        drop_database(platform_server, f"postgresql://server/{name}{suffix}")


def rows(url: str) -> list[tuple[int]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT n FROM made").fetchall()


def fill(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE made AS SELECT 1 AS n")


def test_a_template_is_filled_once_however_many_ask_for_it(platform_server: str, name: str) -> None:
    filled: list[str] = []

    def fill_and_count(url: str) -> None:
        filled.append(url)
        fill(url)

    with ThreadPoolExecutor(3) as several:
        asked = [several.submit(template_database, platform_server, name, fill_and_count) for _ in range(3)]
        assert {one.result() for one in asked} == {name}
    assert len(filled) == 1
    assert rows(fresh_database(platform_server, f"{name}_copy", template=name)) == [(1,)]


def test_a_template_whose_filling_was_interrupted_is_made_anew(platform_server: str, name: str) -> None:
    def fill_half(url: str) -> None:
        fill(url)
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        template_database(platform_server, name, fill_half)
    template_database(platform_server, name, fill)
    assert rows(fresh_database(platform_server, f"{name}_copy", template=name)) == [(1,)]


def test_one_process_at_a_time_holds_a_name(platform_server: str, name: str) -> None:
    with (
        one_at_a_time(platform_server, name),
        psycopg.connect(platform_server) as other,
    ):
        is_free = other.execute("SELECT pg_try_advisory_lock(hashtext(%s))", (name,)).fetchone()
    assert is_free == (False,)


def test_two_claims_of_a_redis_server_never_meet() -> None:
    server = f"unix:///nowhere/{uuid4().hex}"
    (first, lock), (second, other_lock) = claim_redis_database(server), claim_redis_database(server)
    lock.release()
    assert first != second
    again, again_lock = claim_redis_database(server)
    assert again == first
    other_lock.release()
    again_lock.release()


def test_databases_are_dropped_in_the_background_and_a_failure_is_told(platform_server: str, name: str) -> None:
    drops = BackgroundDrops(platform_server)
    url = fresh_database(platform_server, name)
    drops.drop(url)
    drops.finish()
    with psycopg.connect(platform_server) as connection:
        assert connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None
    failing = BackgroundDrops("postgresql://127.0.0.1:1/nothing-listens-here")
    failing.drop(url)
    with pytest.raises(psycopg.Error):
        failing.finish()

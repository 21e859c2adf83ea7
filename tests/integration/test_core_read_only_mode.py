"""One switch for several processes, and what each of them believes when it cannot look."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import delete

from common.errors import ReadOnlyError, StoreUnavailableError
from core.database import Database
from core.read_only_mode import REDIS_KEY, SERVICE_MODE, ReadOnlyMode
from core.redis_client import RedisClient, connect_redis
from core.schema_migrations import upgrade_to_head

NOWHERE = "postgresql://nobody@127.0.0.1:9/none"
Process = Callable[..., ReadOnlyMode]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def redis(redis_url: str) -> Iterator[RedisClient]:
    client = connect_redis(redis_url)
    client.commands.delete(REDIS_KEY)
    yield client
    client.commands.delete(REDIS_KEY)
    client.close()


@pytest.fixture
def dead_redis() -> Iterator[RedisClient]:
    client = connect_redis("redis://127.0.0.1:9/0", timeout_seconds=0.1)
    yield client
    client.close()


@pytest.fixture
def process(platform_url: str, redis: RedisClient, clock: Clock) -> Iterator[Process]:
    """`process(url, redis)` is the mode as one process sees it."""
    upgrade_to_head(platform_url)
    databases: list[Database] = []

    def start(url: str = platform_url, client: RedisClient = redis) -> ReadOnlyMode:
        databases.append(Database(url, pool_size=1))
        return ReadOnlyMode(database=databases[-1], redis=client.commands, clock=clock)

    start()
    with databases[0].session() as session:
        session.execute(delete(SERVICE_MODE))
    yield start
    for database in databases:
        database.dispose()


def test_others_follow_once_they_look_again(process: Process, clock: Clock) -> None:
    one, other = process(), process()
    assert not other.is_read_only()
    one.switch(is_read_only=True, reason="搬家")
    assert one.is_read_only()
    clock.now += 0.6
    with pytest.raises(ReadOnlyError, match="搬家"):
        other.refuse_writes()
    other.switch(is_read_only=False, reason="")
    clock.now += 0.6
    one.refuse_writes()


def test_a_new_process_finds_what_was_switched(process: Process, dead_redis: RedisClient) -> None:
    process().switch(is_read_only=True, reason="搬家")
    assert process(client=dead_redis).is_read_only()
    assert process(url=NOWHERE).is_read_only()


def test_an_older_copy_in_redis_does_not_count(process: Process, redis: RedisClient, dead_redis: RedisClient) -> None:
    process().switch(is_read_only=True, reason="搬家")
    process(client=dead_redis).switch(is_read_only=False, reason="")
    assert not process().is_read_only()


def test_who_cannot_look_keeps_what_it_knew(platform_url: str, redis: RedisClient, clock: Clock) -> None:
    upgrade_to_head(platform_url)
    database = Database(platform_url, pool_size=1)
    mode = ReadOnlyMode(database=database, redis=redis.commands, clock=clock)
    mode.switch(is_read_only=False, reason="")
    redis.commands.set(REDIS_KEY, "broken")
    mode._database = Database(NOWHERE, pool_size=1)  # the database goes away
    clock.now += 0.6
    assert not mode.is_read_only()
    mode._database.dispose()
    database.dispose()


def test_who_never_knew_is_read_only_and_cannot_switch(process: Process, dead_redis: RedisClient) -> None:
    lost = process(url=NOWHERE, client=dead_redis)
    assert lost.is_read_only()
    with pytest.raises(StoreUnavailableError):
        lost.switch(is_read_only=False, reason="")
    assert lost.is_read_only()

"""A thread has one turn at a time, over processes too, and nobody can hold it for good."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
import redis

from core.async_bridge import run_in_request_loop
from core.redis_client import connect_redis
from react_agent.thread_turns import ThreadTurns


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as connected:
        yield connected


async def hold(turns: ThreadTurns, key: str, log: list[str], name: str, seconds: float = 0.05) -> None:
    async with turns.turn(key):
        log.append(f"{name} begins")
        await asyncio.sleep(seconds)
        log.append(f"{name} ends")


def taken_in_turn(log: list[str]) -> bool:
    return all(log[index].split()[0] == log[index + 1].split()[0] for index in range(0, len(log), 2))


def test_turns_of_two_processes_do_not_overlap(client: redis.Redis) -> None:
    log: list[str] = []
    processes = [ThreadTurns(client), ThreadTurns(client)]
    threads = [
        threading.Thread(
            target=lambda number=number: run_in_request_loop(
                lambda: hold(processes[number % 2], "react:turn:a", log, str(number)), timeout_seconds=20
            )
        )
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(log) == 12
    assert taken_in_turn(log)
    assert client.exists("react:turn:a") == 0


def test_a_killed_holder_is_waited_for_no_longer_than_its_lease(client: redis.Redis) -> None:
    client.set("react:turn:dead", "somebody who is gone", px=300)
    log: list[str] = []
    run_in_request_loop(lambda: hold(ThreadTurns(client), "react:turn:dead", log, "next"), timeout_seconds=10)
    assert log == ["next begins", "next ends"]


def test_a_long_turn_keeps_its_lock(client: redis.Redis) -> None:
    async def outlive() -> str | None:
        async with ThreadTurns(client, lease_seconds=0.3).turn("react:turn:long"):
            await asyncio.sleep(0.8)
            return str(client.get("react:turn:long"))

    assert run_in_request_loop(outlive, timeout_seconds=10) != "None"


def test_who_gives_up_waiting_holds_nobody_up(client: redis.Redis) -> None:
    turns = ThreadTurns(client)
    client.set("react:turn:busy", "somebody", px=60_000)
    with pytest.raises(TimeoutError):
        run_in_request_loop(lambda: hold(turns, "react:turn:busy", [], "impatient"), timeout_seconds=0.3)
    client.delete("react:turn:busy")
    log: list[str] = []
    run_in_request_loop(lambda: hold(turns, "react:turn:busy", log, "next"), timeout_seconds=5)
    assert log == ["next begins", "next ends"]


def test_without_redis_the_threads_of_a_process_still_take_turns() -> None:
    lost = connect_redis("redis://127.0.0.1:9/0", timeout_seconds=0.1, max_connections=4)
    turns, log = ThreadTurns(lost.commands), list[str]()

    async def both() -> None:
        await asyncio.gather(hold(turns, "k", log, "1"), hold(turns, "k", log, "2"), hold(turns, "k", log, "3"))

    run_in_request_loop(both, timeout_seconds=20)
    lost.close()
    assert len(log) == 6
    assert taken_in_turn(log)

"""One does the work for all: threads, processes, a leader that fails or is killed, Redis lost."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from common.cancellation import CancelFlag
from core.async_bridge import CallerLeftError
from core.redis_client import connect_redis
from core.single_flight import SharedJob, SharedResult, SingleFlight

PROJECT = Path(__file__).resolve().parents[2]
NAME = "lock:work"
CALLERS = 50
LEADER = """
import sys, time
from core.redis_client import connect_redis
from core.single_flight import SingleFlight, SharedJob
def make(seconds):
    print("leading", flush=True)
    time.sleep(60)
flights = SingleFlight(connect_redis(sys.argv[1]).commands, lease_seconds=0.6)
flights.run("lock:work", SharedJob(lambda: None, make, lambda _: True), timeout_seconds=60)
"""


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    client = connect_redis(redis_url, timeout_seconds=5, max_connections=64)
    client.commands.flushdb()
    yield client.commands
    client.close()


@pytest.fixture
def absent_redis() -> Iterator[Redis]:
    client = connect_redis("redis://127.0.0.1:9/0")
    yield client.commands
    client.close()


class Job:
    """Counts how often it is done; keeps its result in Redis."""

    def __init__(self, redis: Redis, *, seconds: float = 0.2, failures: int = 0, is_shared: bool = True) -> None:
        self.redis = redis
        self.times_done = 0
        self.most_at_work = 0
        self._at_work = 0
        self._seconds = seconds
        self._failures = failures
        self._is_shared = is_shared
        self._lock = threading.Lock()

    def work(self) -> SharedJob[str]:
        return SharedJob(self.find, self.make, lambda _result: self._is_shared)

    def find(self) -> str | None:
        with contextlib.suppress(RedisError):
            return self.redis.get("result")
        return None

    def make(self, _seconds: float) -> str:
        with self._lock:
            self.times_done += 1
            number = self.times_done
            self._at_work += 1
            self.most_at_work = max(self.most_at_work, self._at_work)
        time.sleep(self._seconds)
        with self._lock:
            self._at_work -= 1
        if number <= self._failures:
            raise ValueError("the work failed")
        if self._is_shared:
            with contextlib.suppress(RedisError):
                self.redis.set("result", str(number), nx=True)
        return str(number)


def together(count: int, call: Callable[[int], SharedResult[str]]) -> list[SharedResult[str] | Exception]:
    def outcome(number: int) -> SharedResult[str] | Exception:
        try:
            return call(number)
        except ValueError as error:
            return error

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(outcome, range(count)))


def test_many_callers_of_two_processes_share_one_flight(redis: Redis) -> None:
    job, processes = Job(redis), [SingleFlight(redis) for _ in range(2)]
    landed = together(CALLERS, lambda n: processes[n % 2].run(NAME, job.work(), timeout_seconds=10))
    assert job.times_done == 1
    assert sorted(one.is_own for one in landed if isinstance(one, SharedResult)) == [False] * 49 + [True]
    assert {one.value for one in landed if isinstance(one, SharedResult)} == {"1"}
    assert redis.get(NAME) is None


def test_killed_leader_is_replaced_once(redis: Redis, redis_url: str) -> None:
    leader = subprocess.Popen([sys.executable, "-c", LEADER, redis_url], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    with leader:
        assert leader.stdout is not None
        assert leader.stdout.readline() == "leading\n"
        job, processes = Job(redis), [SingleFlight(redis, lease_seconds=0.6) for _ in range(2)]
        with ThreadPoolExecutor(1) as killer:
            killer.submit(lambda: (time.sleep(0.9), leader.kill()))
            landed = together(CALLERS, lambda n: processes[n % 2].run(NAME, job.work(), timeout_seconds=20))
    assert job.times_done == 1
    assert {one.value for one in landed if isinstance(one, SharedResult)} == {"1"}


def test_living_leader_keeps_its_lock_beyond_the_lease(redis: Redis) -> None:
    job, processes = Job(redis, seconds=0.8), [SingleFlight(redis, lease_seconds=0.2) for _ in range(2)]
    together(2, lambda n: processes[n].run(NAME, job.work(), timeout_seconds=10))
    assert job.times_done == 1


def test_failing_leader_fails_alone(redis: Redis) -> None:
    job, flights = Job(redis, failures=1), SingleFlight(redis)
    outcomes = together(10, lambda _n: flights.run(NAME, job.work(), timeout_seconds=10))
    assert [str(one) for one in outcomes if isinstance(one, ValueError)] == ["the work failed"]
    assert {one.value for one in outcomes if isinstance(one, SharedResult)} == {"2"}
    assert job.times_done == 2


@pytest.mark.parametrize("processes", [1, 2])
def test_work_that_cannot_be_shared_is_not_done_one_after_another(redis: Redis, processes: int) -> None:
    job, flights = Job(redis, is_shared=False), [SingleFlight(redis) for _ in range(processes)]
    landed = together(10, lambda n: flights[n % processes].run(NAME, job.work(), timeout_seconds=10))
    assert all(isinstance(one, SharedResult) and one.is_own for one in landed)
    assert job.times_done == 10
    assert job.most_at_work >= 4


def test_waiting_ends_at_the_deadline(redis: Redis) -> None:
    redis.set(NAME, "somebody else", px=60_000)
    with pytest.raises(TimeoutError):
        SingleFlight(redis).run(NAME, Job(redis).work(), timeout_seconds=0.3)
    assert redis.get(NAME) == "somebody else"


def test_waiting_ends_when_the_caller_leaves(redis: Redis) -> None:
    redis.set(NAME, "somebody else", px=60_000)
    left = CancelFlag()
    threading.Timer(0.2, left.set).start()
    with pytest.raises(CallerLeftError):
        SingleFlight(redis).run(NAME, Job(redis).work(), timeout_seconds=60, cancel=left)


def test_leader_that_lost_its_lock_leaves_the_new_one_alone(redis: Redis) -> None:
    def make(_seconds: float) -> str:
        redis.set(NAME, "new leader")
        return "1"

    SingleFlight(redis).run(NAME, SharedJob(lambda: None, make, lambda _result: True), timeout_seconds=5)
    assert redis.get(NAME) == "new leader"


def test_without_redis_a_process_does_the_work_once(absent_redis: Redis) -> None:
    job, flights = Job(absent_redis), SingleFlight(absent_redis)
    landed = together(10, lambda _n: flights.run(NAME, job.work(), timeout_seconds=10))
    assert {one.value for one in landed if isinstance(one, SharedResult)} == {"1"}
    assert job.times_done == 1


def test_different_work_does_not_wait(redis: Redis) -> None:
    redis.set("lock:other", "somebody else", px=60_000)
    assert SingleFlight(redis).run(NAME, Job(redis).work(), timeout_seconds=5).is_own

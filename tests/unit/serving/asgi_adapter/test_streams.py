"""Streams through the adapter: chunk by chunk, no faster than the client, released when the client goes."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from serving.asgi_adapter import ThreadedWsgiToAsgi
from tests.unit.serving.asgi_adapter.asgi_in_memory import InMemoryClient, Message, make_adapter, serve, until

CHUNK = b"x" * 16_384


class Stream:
    """An application that streams what the test feeds it, None ending it; it counts chunks made and times closed."""

    def __init__(self) -> None:
        self.feed: queue.SimpleQueue[bytes | Exception | None] = queue.SimpleQueue()
        self.made = 0
        self.closed = 0
        self.signal: Any = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Stream | list[bytes]:
        if environ["PATH_INFO"] == "/short":
            start_response("200 OK", [])
            return [b"short"]
        self.signal = environ["citu.client_disconnected"]
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return self

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := self.feed.get(timeout=10)) is not None:
            if isinstance(chunk, Exception):
                raise chunk
            self.made += 1
            yield chunk

    def close(self) -> None:
        self.closed += 1


class Opened(NamedTuple):
    adapter: ThreadedWsgiToAsgi
    client: InMemoryClient
    serving: asyncio.Task[InMemoryClient]


@asynccontextmanager
async def opened(app: Stream, **options: Any) -> AsyncIterator[Opened]:
    """A stream whose first chunk, b"first", has reached the client; the adapter is closed at the end."""
    adapter = make_adapter(app, **options)
    client = InMemoryClient()
    serving = asyncio.create_task(serve(adapter, client))
    app.feed.put(b"first")
    await until(lambda: client.body == b"first")
    yield Opened(adapter, client, serving)
    await adapter.close(1)


async def cancelled(serving: asyncio.Task[InMemoryClient]) -> None:
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


def test_chunks_arrive_one_by_one_while_the_stream_is_open() -> None:
    app = Stream()

    async def run() -> InMemoryClient:
        async with opened(app) as stream:
            for expected in (b"first second", b"first second third"):
                app.feed.put(expected[expected.rindex(b" ") :])
                await until(lambda expected=expected: stream.client.body == expected)
                assert not stream.client.is_complete
            app.feed.put(None)
            return await stream.serving

    client = asyncio.run(run())
    assert client.is_complete
    assert "content-length" not in client.headers
    assert app.closed == 1


def test_producer_waits_for_a_slow_client() -> None:
    app = Stream()
    for _ in range(100):
        app.feed.put(CHUNK)
    app.feed.put(None)

    async def run() -> InMemoryClient:
        may_go_on = asyncio.Event()

        async def slowly(message: Message) -> None:
            if message["type"] == "http.response.body":
                await may_go_on.wait()

        adapter = make_adapter(app)
        client = InMemoryClient(takes=slowly)
        serving = asyncio.create_task(serve(adapter, client))
        await until(lambda: app.made >= 4)
        for _ in range(20):
            await asyncio.sleep(0.002)
        assert app.made <= 12
        may_go_on.set()
        await serving
        await adapter.close(1)
        return client

    assert len(asyncio.run(run()).body) == 100 * len(CHUNK)


def test_stream_is_closed_once_when_the_client_leaves() -> None:
    app = Stream()

    async def run() -> InMemoryClient:
        async with opened(app) as stream:
            stream.client.leave()
            await stream.serving
            assert app.signal.reason == "client_left"
            for _ in range(5):
                app.feed.put(b"nobody reads this")
            await until(lambda: app.closed)
            await until(lambda: stream.adapter.stats()["in_flight"] == 0)
            return stream.client

    client = asyncio.run(run())
    assert client.body == b"first"
    assert app.made == 2
    assert app.closed == 1


def test_producer_that_waits_for_room_is_released_when_the_client_leaves() -> None:
    app = Stream()
    for _ in range(100):
        app.feed.put(CHUNK)

    async def run() -> None:
        never = asyncio.Event()

        async def stuck(message: Message) -> None:
            if message["type"] == "http.response.body":
                await never.wait()

        adapter = make_adapter(app, send_timeout_seconds=30)
        client = InMemoryClient(takes=stuck)
        serving = asyncio.create_task(serve(adapter, client))
        await until(lambda: app.made >= 4)
        client.leave()
        await until(lambda: app.closed)
        await cancelled(serving)
        await adapter.close(1)

    asyncio.run(run())
    assert app.closed == 1


def test_client_that_takes_nothing_is_cut_off() -> None:
    app = Stream()
    app.feed.put(b"first")
    app.feed.put(b"second")

    async def run() -> None:
        never = asyncio.Event()

        async def stuck(message: Message) -> None:
            if message["type"] == "http.response.body":
                await never.wait()

        adapter = make_adapter(app, send_timeout_seconds=0.01)
        with pytest.raises(TimeoutError):
            await serve(adapter, InMemoryClient(takes=stuck))
        app.feed.put(b"third")
        await until(lambda: app.closed == 1)
        await adapter.close(1)

    asyncio.run(run())


def test_crash_after_the_first_chunk_cuts_the_answer_instead_of_ending_it() -> None:
    app = Stream()
    app.feed.put(b"first")
    app.feed.put(ValueError("model went away"))

    async def run() -> InMemoryClient:
        adapter = make_adapter(app)
        client = InMemoryClient()
        with pytest.raises(ValueError, match="model went away"):
            await serve(adapter, client)
        await adapter.close(1)
        return client

    client = asyncio.run(run())
    assert client.body == b"first"
    assert not client.is_complete
    assert app.closed == 1


def test_open_streams_do_not_starve_short_requests() -> None:
    apps = [Stream() for _ in range(6)]
    router = {f"/{number}": app for number, app in enumerate(apps)}

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        return router.get(environ["PATH_INFO"], apps[0])(environ, start_response)

    async def run() -> tuple[bytes, dict[str, Any], dict[str, Any]]:
        adapter = make_adapter(app, threads=2, queue=20, streams=8)
        clients = [InMemoryClient(path) for path in router]
        open_streams = [asyncio.create_task(serve(adapter, client)) for client in clients]
        for stream in apps:
            stream.feed.put(b"open")
        await until(lambda: all(client.body == b"open" for client in clients))
        short = await serve(adapter, InMemoryClient("/short"))
        during = adapter.stats()
        for stream in apps:
            stream.feed.put(None)
        await asyncio.gather(*open_streams)
        await until(lambda: adapter.stats()["threads"] <= 2)
        after = adapter.stats()
        await adapter.close(1)
        return short.body, during, after

    body, during, after = asyncio.run(run())
    assert body == b"short"
    assert during["streams"] == 6
    assert during["threads"] <= 6 + 2
    assert (after["streams"], after["in_flight"]) == (0, 0)


def test_shutdown_lets_a_stream_send_its_last_event() -> None:
    app = Stream()

    def say_goodbye() -> None:
        app.feed.put(b", server is going")
        app.feed.put(None)

    async def run() -> InMemoryClient:
        async with opened(app) as stream:
            app.signal.add_callback(say_goodbye)
            await stream.adapter.close(10)
            return await stream.serving

    client = asyncio.run(run())
    assert client.body == b"first, server is going"
    assert client.is_complete
    assert app.signal.reason == "shutting_down"


def test_shutdown_cuts_a_stream_that_does_not_end() -> None:
    app = Stream()

    async def run() -> InMemoryClient:
        async with opened(app) as stream:
            await stream.adapter.close(0.02)
            await stream.serving
            app.feed.put(b"more")
            await until(lambda: app.closed)
            return stream.client

    client = asyncio.run(run())
    assert not client.is_complete
    assert app.closed == 1


def test_cancelled_server_task_interrupts_its_stream() -> None:
    app = Stream()

    async def run() -> None:
        async with opened(app) as stream:
            await cancelled(stream.serving)
            app.feed.put(b"second")
            await until(lambda: app.closed == 1)

    asyncio.run(run())
    assert app.signal.is_set()


def test_callback_added_while_streaming_is_called_when_the_client_leaves() -> None:
    app = Stream()
    told = threading.Event()

    async def run() -> None:
        async with opened(app) as stream:
            app.signal.add_callback(told.set)
            stream.client.leave()
            await stream.serving
            await until(told.is_set)
            app.feed.put(None)

    asyncio.run(run())

"""What the adapter refuses, when, and in which words: size, time, capacity."""

from __future__ import annotations

import asyncio
import io
import threading
from typing import Any

import pytest

from tests.unit.serving.asgi_adapter.asgi_in_memory import InMemoryClient, ask, make_adapter, serve, until

CHUNKED = [(b"transfer-encoding", b"chunked")]


def body_reader(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    content = environ["wsgi.input"]
    where = b"memory" if isinstance(content, io.BytesIO) else b"disk"
    start_response("200 OK", [])
    return [where, b":%d" % len(content.read())]


class Gate:
    """An application whose requests to `/wait` stay until `open` is set."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.inside = 0
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/wait":
            with self._lock:
                self.inside += 1
            assert self.open.wait(10)
        start_response("200 OK", [])
        return [b"served"]


def test_declared_length_over_the_limit_is_refused_before_reading() -> None:
    answer = ask(body_reader, method="POST", headers=[(b"content-length", b"2000000")], stalls_after_parts=True)
    assert answer.status == 413
    assert answer.headers["connection"] == "close"
    assert answer.is_complete


def test_chunked_body_is_refused_with_the_part_that_passes_the_limit() -> None:
    limit, part = 100_000, b"x" * 16_384
    answer = ask(body_reader, method="POST", headers=CHUNKED, parts=[part] * 1000, adapter={"max_body_bytes": limit})
    assert answer.status == 413
    assert answer.received_parts * len(part) <= limit + len(part)


def test_body_of_exactly_the_limit_passes() -> None:
    answer = ask(body_reader, method="POST", parts=[b"x" * 1000], adapter={"max_body_bytes": 1000})
    assert answer.body == b"memory:1000"


@pytest.mark.parametrize(("size", "where"), [(1000, b"memory"), (700_000, b"disk")])
def test_large_bodies_wait_on_disk(size: int, where: bytes) -> None:
    parts = [b"x" * (size // 10)] * 10
    answer = ask(body_reader, method="POST", headers=CHUNKED, parts=parts, adapter={"spool_bytes": 2000})
    assert answer.body == where + b":%d" % size


def test_large_headers_are_a_431_and_a_long_address_a_414() -> None:
    assert ask(body_reader, headers=[(b"x-big", b"x" * 70_000)]).status == 431
    assert ask(body_reader, query=b"q=" + b"x" * 70_000).status == 414


def test_stalling_body_is_a_408() -> None:
    answer = ask(
        body_reader,
        method="POST",
        headers=[(b"content-length", b"100")],
        parts=[b"half"],
        stalls_after_parts=True,
        adapter={"receive_timeout_seconds": 0.01},
    )
    assert answer.status == 408
    assert answer.headers["connection"] == "close"


def test_client_that_leaves_during_its_upload_makes_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    answer = ask(
        body_reader,
        method="POST",
        headers=[(b"content-length", b"100")],
        parts=[b"half"],
        leaves_after_parts=True,
    )
    assert answer.sent == []
    assert caplog.text == ""


def test_full_pool_and_queue_answer_503_with_retry_after_and_health_still_answers() -> None:
    gate = Gate()

    async def run() -> tuple[InMemoryClient, InMemoryClient, dict[str, Any], dict[str, Any]]:
        adapter = make_adapter(gate, threads=2, queue=1)
        held = [asyncio.create_task(serve(adapter, InMemoryClient("/wait"))) for _ in range(3)]
        await until(lambda: gate.inside == 2 and adapter.stats()["queued"] == 1)
        refused = await serve(adapter, InMemoryClient("/wait"))
        health = await serve(adapter, InMemoryClient("/health"))
        await until(lambda: adapter.stats()["busy"] == 2)
        full = adapter.stats()
        gate.open.set()
        for task in held:
            assert (await task).body == b"served"
        await until(lambda: adapter.stats()["in_flight"] == 0)
        idle = adapter.stats()
        await adapter.close(1)
        return refused, health, full, idle

    refused, health, full, idle = asyncio.run(run())
    assert refused.status == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert health.body == b"served"
    assert (full["busy"], full["queued"], full["refused"], full["threads"]) == (2, 1, 1, 3)
    assert (idle["busy"], idle["queued"], idle["completed"]) == (0, 0, 4)


def test_queued_request_of_a_client_that_left_is_never_run() -> None:
    gate = Gate()

    async def run() -> None:
        adapter = make_adapter(gate, threads=1, queue=4)
        first = asyncio.create_task(serve(adapter, InMemoryClient("/wait")))
        await until(lambda: gate.inside == 1)
        second = InMemoryClient("/wait")
        queued = asyncio.create_task(serve(adapter, second))
        await until(lambda: adapter.stats()["queued"] == 1)
        second.leave()
        await queued
        gate.open.set()
        await first
        await until(lambda: adapter.stats()["in_flight"] == 0)
        await adapter.close(1)

    asyncio.run(run())
    assert gate.inside == 1


def test_threads_stay_within_their_cap() -> None:
    gate = Gate()

    async def run() -> dict[str, Any]:
        adapter = make_adapter(gate, threads=3, queue=50)
        requests = [asyncio.create_task(serve(adapter, InMemoryClient("/wait"))) for _ in range(80)]
        await until(lambda: adapter.stats()["refused"] == 27)
        counts = adapter.stats()
        gate.open.set()
        await asyncio.gather(*requests)
        await adapter.close(1)
        return counts

    counts = asyncio.run(run())
    assert (counts["threads"], counts["in_flight"]) == (3, 53)


def test_house_renders_its_refusals_itself() -> None:
    def render(status: int, reason: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
        return [(b"content-type", b"application/json"), (b"Content-Length", b"13")], b'{"code": %d}' % status

    answer = ask(body_reader, headers=[(b"x-big", b"x" * 70_000)], adapter={"render_refusal": render})
    assert (answer.body, answer.headers["content-type"]) == (b'{"code": 431}', "application/json")
    assert [name.lower() for name, _ in answer.sent[0]["headers"]].count(b"content-length") == 1


def test_broken_renderer_still_gives_an_answer() -> None:
    def render(status: int, reason: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
        raise KeyError(status)

    assert ask(body_reader, headers=[(b"x-big", b"x" * 70_000)], adapter={"render_refusal": render}).status == 431


def test_close_refuses_new_work_and_lets_running_requests_finish() -> None:
    gate = Gate()

    async def run() -> tuple[InMemoryClient, InMemoryClient]:
        adapter = make_adapter(gate)
        running = asyncio.create_task(serve(adapter, InMemoryClient("/wait")))
        await until(lambda: gate.inside == 1)
        closing = asyncio.create_task(adapter.close(10))
        await asyncio.sleep(0)
        late = await serve(adapter, InMemoryClient("/"))
        gate.open.set()
        await closing
        return await running, late

    finished, late = asyncio.run(run())
    assert finished.body == b"served"
    assert late.status == 503


def test_request_that_outlasts_the_grace_is_answered_503_and_told_to_stop() -> None:
    told = threading.Event()

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["citu.client_disconnected"].add_callback(told.set)
        assert told.wait(10)
        start_response("200 OK", [])
        return [b"too late"]

    async def run() -> InMemoryClient:
        adapter = make_adapter(app)
        running = asyncio.create_task(serve(adapter, InMemoryClient()))
        await until(lambda: adapter.stats()["busy"] == 1)
        await adapter.close(0.02)
        return await running

    assert asyncio.run(run()).status == 503
    assert told.is_set()

"""The adapter under a real uvicorn on a loopback port: kept-alive connections, parallel requests, cuts, uploads."""

from __future__ import annotations

import asyncio
import contextvars
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from flask import Flask, Response, jsonify, request

from serving.asgi_adapter import ThreadedWsgiToAsgi
from serving.uvicorn_protocol import BoundedHttpToolsProtocol
from tools.bench.load import Shot, drive, get_request, read_response

BODY_LIMIT = 256 * 1024
HEADER_LIMIT = 16 * 1024
TENANT: contextvars.ContextVar[str] = contextvars.ContextVar("TENANT", default="none")


class Probe:
    """What the application saw, told from inside."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running = 0
        self.most_running = 0
        self.streams_closed = 0
        self.uploads_seen = 0


class Service:
    """uvicorn in a thread of this process, with our adapter and our protocol."""

    def __init__(self) -> None:
        self.probe = Probe()
        self.adapter = ThreadedWsgiToAsgi(
            _application(self.probe), threads=32, max_body_bytes=BODY_LIMIT, max_header_bytes=HEADER_LIMIT
        )
        protocol = BoundedHttpToolsProtocol.with_limits(
            max_header_bytes=HEADER_LIMIT,
            receive_header_seconds=0.3,
            before_shutdown=self.adapter.begin_shutdown,
        )
        self.server = uvicorn.Server(
            uvicorn.Config(
                self.adapter,
                host="127.0.0.1",
                port=0,
                lifespan="off",
                log_config=None,
                access_log=False,
                http=protocol,
                reset_contextvars=True,
                timeout_graceful_shutdown=10,
            ),
        )
        self._thread = threading.Thread(target=self.server.run)

    def start(self) -> None:
        self._thread.start()
        until(lambda: self.server.started)
        self.port: int = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive()
        asyncio.run(self.adapter.close(0.1))


def _application(probe: Probe) -> Flask:
    app = Flask("under_uvicorn")

    @app.get("/fast/<word>")
    def fast(word: str) -> Any:
        before = TENANT.get()
        TENANT.set(word)
        return jsonify(word=word, seen_before=before)

    @app.get("/host")
    def host() -> Any:
        return jsonify(host=request.environ.get("HTTP_HOST"))

    @app.get("/slow/<word>")
    def slow(word: str) -> Any:
        with probe.lock:
            probe.running += 1
            probe.most_running = max(probe.most_running, probe.running)
        time.sleep(0.3 if word == "long" else 0.02)
        with probe.lock:
            probe.running -= 1
        return jsonify(word=word, seen_before=TENANT.get())

    @app.get("/stream")
    def stream() -> Any:
        def events() -> Iterator[str]:
            for number in range(10_000):
                yield f"data: {number}\n\n"
                time.sleep(0.005)

        response = Response(events(), mimetype="text/event-stream")
        response.call_on_close(lambda: setattr(probe, "streams_closed", probe.streams_closed + 1))
        return response

    @app.get("/polite-stream")
    def polite_stream() -> Any:
        signal = request.environ["citu.client_disconnected"]
        going = threading.Event()
        signal.add_callback(going.set)

        def events() -> Iterator[str]:
            yield "data: open\n\n"
            going.wait(10)
            yield f"data: {signal.reason}\n\n"

        return Response(events(), mimetype="text/event-stream")

    @app.post("/upload")
    def upload() -> Any:
        probe.uploads_seen += 1
        return jsonify(size=len(request.get_data()))

    return app


def until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within ten seconds"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    running = Service()
    running.start()
    yield running
    running.stop()


def exchange(port: int, content: bytes, *, then: bytes = b"", answer_ends: bytes = b"") -> bytes:
    """Send `content`, then `then` until the other side cuts, and read until it closes or `answer_ends` was read."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(content)
        try:
            for start in range(0, len(then), 65_536):
                client.sendall(then[start : start + 65_536])
        except (BrokenPipeError, ConnectionResetError):
            pass
        received = b""
        while not (answer_ends and answer_ends in received):
            try:
                part = client.recv(65_536)
            except ConnectionResetError:
                break
            if not part:
                break
            received += part
        return received


def test_kept_alive_connections_with_fast_and_slow_requests_lose_nothing(service: Service) -> None:
    shots = [
        Shot(get_request(service.url, f"/fast/w{n}"), contains=b'{"seen_before":"none","word":"w%d"}' % n)
        for n in range(9)
    ]
    shots.append(Shot(get_request(service.url, "/slow/short"), contains=b'{"seen_before":"none","word":"short"}'))
    result = drive(service.url, shots, requests=1500, connections=16)
    assert result.failures == {}
    assert result.completed == 1500


def test_slow_requests_run_beside_each_other(service: Service) -> None:
    service.probe.most_running = 0
    result = drive(service.url, [Shot(get_request(service.url, "/slow/long"))], requests=20, connections=20)
    assert result.failures == {}
    assert service.probe.most_running == 20


def test_pipelined_requests_are_answered_in_order(service: Service) -> None:
    async def run() -> list[bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(get_request(service.url, "/slow/first") + get_request(service.url, "/fast/second"))
        bodies = [(await read_response(reader))[1] for _ in range(2)]
        writer.close()
        await writer.wait_closed()
        return bodies

    first, second = asyncio.run(run())
    assert b"first" in first
    assert second.strip() == b'{"seen_before":"none","word":"second"}'


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("http://evil.example/host", "evil.example"),
        ("http://evil.example:81/host?u=http://127.0.0.1", "evil.example:81"),
        ("http://127.0.0.1@evil.example/host", "127.0.0.1@evil.example"),
        ("/host?u=http://evil.example/", "127.0.0.1"),
    ],
)
def test_authority_of_an_absolute_target_wins_over_the_host_header(service: Service, target: str, seen: str) -> None:
    head = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    answer = exchange(service.port, head.encode())
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"host": seen}


def test_cut_stream_is_closed_and_its_thread_released(service: Service) -> None:
    closed_before = service.probe.streams_closed
    received = exchange(service.port, get_request(service.url, "/stream"), answer_ends=b"data: 3")
    assert b"text/event-stream" in received
    until(lambda: service.probe.streams_closed == closed_before + 1)
    until(lambda: service.adapter.stats()["streams"] == 0)


def test_upload_over_the_limit_is_refused_and_never_reaches_the_application(service: Service) -> None:
    head = b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (8 * BODY_LIMIT)
    seen_before = service.probe.uploads_seen
    assert exchange(service.port, head, then=b"x" * 8 * BODY_LIMIT).startswith(b"HTTP/1.1 413 ")
    assert service.probe.uploads_seen == seen_before


def test_chunked_upload_is_refused_at_most_64_kib_after_the_limit(service: Service) -> None:
    head = b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    before = service.adapter.stats()["received_bytes"]
    assert exchange(service.port, head, then=chunk * 100).startswith(b"HTTP/1.1 413 ")
    assert service.adapter.stats()["received_bytes"] - before <= BODY_LIMIT + 64 * 1024


def test_client_that_waits_for_continue_is_refused_without_sending_its_body(service: Service) -> None:
    head = b"POST /upload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"
    received = exchange(service.port, head, answer_ends=b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in received


def test_upload_within_the_limit_arrives_whole(service: Service) -> None:
    head = b"POST /upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n"
    assert b'{"size":200000}' in exchange(service.port, head, then=b"x" * 200_000)


@pytest.mark.parametrize("sent", [b"", b"GET /fast/a HTTP/1.1\r\nHost: x\r\n"], ids=["silent", "half a head"])
def test_connection_without_a_whole_head_is_closed(service: Service, sent: bytes) -> None:
    received = exchange(service.port, sent)
    assert received == b"" or received.startswith(b"HTTP/1.1 408 ")


def test_endless_head_is_refused_while_it_is_received(service: Service) -> None:
    received = exchange(service.port, b"GET /fast/a HTTP/1.1\r\n", then=b"X-Fill: " + b"x" * 4_000_000)
    assert received.startswith(b"HTTP/1.1 431 ")


def test_idle_kept_alive_connection_outlives_the_head_deadline(service: Service) -> None:
    async def run() -> list[int]:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        statuses = []
        for _ in range(2):
            writer.write(get_request(service.url, "/fast/a"))
            statuses.append((await read_response(reader))[0])
            await asyncio.sleep(0.5)
        writer.close()
        await writer.wait_closed()
        return statuses

    assert asyncio.run(run()) == [200, 200]


def test_request_already_on_its_way_at_a_shutdown_is_answered_and_told_to_close(service: Service) -> None:
    request = get_request(service.url, "/fast/a")
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
        client.sendall(request)
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")
        (protocol,) = (found for found in service.server.server_state.connections if is_peer(found, client))
        protocol.loop.call_soon_threadsafe(protocol.shutdown)
        client.sendall(request)
        answer = b""
        while part := client.recv(65_536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in answer


def is_peer(protocol: Any, client: socket.socket) -> bool:
    return bool(protocol.client[1] == client.getsockname()[1])


def test_kept_alive_clients_lose_nothing_at_a_shutdown() -> None:
    service = Service()
    service.start()
    answered, lost = [0] * 8, list[str]()

    async def ask_until_told_to_close(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        reusable = True
        while reusable:
            writer.write(get_request(service.url, "/slow/short"))
            try:
                status, _body, reusable = await read_response(reader)
            except (OSError, EOFError) as error:
                lost.append(repr(error))
                break
            answered[number] += status == 200
            if min(answered) == 5:
                service.server.should_exit = True
        writer.close()

    async def run() -> None:
        await asyncio.gather(*(ask_until_told_to_close(number) for number in range(8)))

    asyncio.run(run())
    service.stop()
    assert lost == []


def test_shutdown_ends_streams_with_their_last_event_and_running_requests_with_their_answer() -> None:
    service = Service()
    service.start()
    opened, answers = threading.Event(), dict[str, bytes]()

    def read_stream() -> None:
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
            client.sendall(get_request(service.url, "/polite-stream"))
            received = b""
            while part := client.recv(65_536):
                received += part
                if b"open" in received:
                    opened.set()
            answers["stream"] = received

    def read_slow() -> None:
        answers["slow"] = exchange(service.port, get_request(service.url, "/slow/long"))

    clients = [threading.Thread(target=read_stream), threading.Thread(target=read_slow)]
    for client in clients:
        client.start()
    assert opened.wait(10)
    until(lambda: service.probe.running == 1)
    service.stop()
    for client in clients:
        client.join(10)
    assert b"data: shutting_down" in answers["stream"]
    assert answers["stream"].endswith(b"0\r\n\r\n")
    assert answers["slow"].startswith(b"HTTP/1.1 200 ")

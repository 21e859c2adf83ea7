"""What a client and a WSGI application see of an ordinary request through the adapter."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request

from core.async_bridge import CallerLeftError, run_in_request_loop
from tests.unit.serving.asgi_adapter.asgi_in_memory import InMemoryClient, ask, make_adapter, serve, until

TENANT: contextvars.ContextVar[str] = contextvars.ContextVar("TENANT", default="none")


class Closing:
    """An answer that counts how often it was closed."""

    def __init__(self, chunks: list[bytes] | Iterator[bytes]) -> None:
        self._chunks = chunks
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)

    def close(self) -> None:
        self.closed += 1


def plain(body: Any = (b"hello",), status: str = "200 OK", headers: list[tuple[str, str]] | None = None) -> Any:
    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response(status, headers or [])
        return body

    return app


def flask_app() -> Flask:
    app = Flask(__name__)

    @app.post("/echo")
    def echo() -> Any:
        return jsonify(got=request.get_json(), query=request.args.to_dict(), agent=request.headers.get("User-Agent"))

    @app.get("/name/<name>")
    def name(name: str) -> Any:
        return Response(f"name={name}", mimetype="text/plain")

    return app


def test_json_request_and_answer_of_a_flask_app() -> None:
    body = b'{"question": "\xe9\x94\x80\xe5\x94\xae"}'
    answer = ask(
        flask_app(),
        "/echo",
        method="POST",
        query=b"page=2",
        parts=[body[:5], body[5:]],
        headers=[
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"user-agent", b"t"),
        ],
    )
    assert answer.status == 200
    assert answer.headers["content-length"] == str(len(answer.body))
    assert b'"agent":"t"' in answer.body
    assert b'"page":"2"' in answer.body
    assert "销售".encode("unicode_escape") in answer.body


def test_chinese_path_reaches_the_application() -> None:
    assert ask(flask_app(), "/name/报表").body == "name=报表".encode()


def test_chunked_body_without_length_is_given_one() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        length = int(environ["CONTENT_LENGTH"])
        return [b"%d:" % length, environ["wsgi.input"].read(length)]

    answer = ask(app, method="POST", parts=[b"ab", b"cd", b"e"], headers=[(b"transfer-encoding", b"chunked")])
    assert answer.body == b"5:abcde"


def test_whole_answer_arrives_as_one_start_and_one_body() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"ab"
        yield b"cd"

    answer = ask(plain(chunks(), headers=[("Content-Length", "4")]))
    assert [message["type"] for message in answer.sent] == ["http.response.start", "http.response.body"]
    assert answer.body == b"abcd"


def test_body_longer_than_its_declared_length_is_cut() -> None:
    answer = ask(plain([b"abc", b"def"], headers=[("Content-Length", "4")]))
    assert (answer.body, answer.headers["content-length"]) == (b"abcd", "4")


def test_body_shorter_than_its_declared_length_is_a_500() -> None:
    assert ask(plain([b"ab"], headers=[("Content-Length", "4")])).status == 500


def test_head_sends_headers_only() -> None:
    answer = ask(plain([b"hello"], headers=[("Content-Length", "5")]), method="HEAD")
    assert (answer.body, answer.headers["content-length"], answer.is_complete) == (b"", "5", True)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_a_body_send_none(status: str) -> None:
    answer = ask(plain([b"oops"], status, [("Content-Length", "4"), ("ETag", '"x"')]))
    assert answer.status == int(status[:3])
    assert answer.body == b""
    assert answer.headers == {"etag": '"x"'}


def test_write_callable_of_old_applications_works() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        write(b"first ")
        return [b"second"]

    assert ask(app).body == b"first second"


def test_duplicate_headers_are_joined_and_cookies_by_semicolon() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [f"{environ['HTTP_COOKIE']}|{environ['HTTP_ACCEPT']}".encode()]

    headers = [(b"cookie", b"a=1"), (b"accept", b"x"), (b"cookie", b"b=2"), (b"accept", b"y")]
    assert ask(app, headers=headers).body == b"a=1; b=2|x,y"


def test_header_with_underscore_cannot_pass_for_its_sibling() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ.get("HTTP_X_FORWARDED_FOR", "absent").encode()]

    assert ask(app, headers=[(b"x_forwarded_for", b"6.6.6.6")]).body == b"absent"


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-many", b"1")] * 101,
        [(b"host", b"a"), (b"host", b"b")],
        [(b"content-length", b"1"), (b"content-length", b"2")],
        [(b"content-length", b"-1")],
        [(b"x-split", b"a\r\nx-evil: 1")],
    ],
    ids=["101 of one name", "two hosts", "two lengths", "negative length", "line break"],
)
def test_ambiguous_heads_are_a_400(headers: list[tuple[bytes, bytes]]) -> None:
    assert ask(plain(), headers=headers).status == 400


def test_crash_is_a_500_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise LookupError("secret detail")

    answer = ask(app)
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "secret detail" in caplog.text


def test_exit_of_the_application_is_a_500_and_the_thread_lives_on() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/exit":
            raise SystemExit(3)
        start_response("200 OK", [])
        return [b"fine"]

    async def run() -> tuple[int | None, bytes]:
        adapter = make_adapter(app, threads=1)
        first = await serve(adapter, InMemoryClient("/exit"))
        second = await serve(adapter, InMemoryClient("/"))
        await adapter.close(1)
        return first.status, second.body

    assert asyncio.run(run()) == (500, b"fine")


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Evil", "a\r\nSet-Cookie: admin=1")],
        [("X Evil", "a")],
        [("X-Evil", "a\x00b")],
        [("X-Evil\r\nSet-Cookie", "a")],
    ],
)
def test_header_injection_is_refused(headers: list[tuple[str, str]]) -> None:
    answer = ask(plain(headers=headers))
    assert answer.status == 500
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("status", ["abc", "100 Continue", "999 What", ""])
def test_invalid_status_is_a_500(status: str) -> None:
    assert ask(plain(status=status)).status == 500


def test_start_response_again_with_exc_info_replaces_the_head() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("X-First", "1")])
        try:
            int("x")
        except ValueError as error:
            start_response("502 Bad Gateway", [], (type(error), error, error.__traceback__))
        return [b"late"]

    answer = ask(app)
    assert (answer.status, answer.body) == (502, b"late")
    assert "x-first" not in answer.headers


@pytest.mark.parametrize("second", [True, False], ids=["twice without exc_info", "never"])
def test_misuse_of_start_response_is_a_500(second: bool) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if second:
            start_response("200 OK", [])
            start_response("200 OK", [])
        return [b"x"]

    assert ask(app).status == 500


def _crashing() -> Iterator[bytes]:
    raise ValueError("crashed before its first chunk")
    yield b""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("chunks", "headers"),
    [
        ([b"x"], [("Content-Length", "1")]),
        ([b"x", b"y"], []),
        ([], []),
        ([b"x"], [("Bad\n", "1")]),
        ([b"x"], [("Content-Length", "7")]),
        (_crashing(), []),
    ],
)
def test_answer_is_closed_exactly_once(chunks: Any, headers: list[tuple[str, str]], method: str) -> None:
    answer = Closing(chunks)

    def app(environ: dict[str, Any], start_response: Any) -> Closing:
        try:
            start_response("200 OK", headers)
        except ValueError:
            start_response("500 Oops", [])
        return answer

    ask(app, method=method)
    assert answer.closed == 1


def test_failing_close_is_logged_and_the_answer_stands(caplog: pytest.LogCaptureFixture) -> None:
    class Sticky(Closing):
        def close(self) -> None:
            super().close()
            raise OSError("pool is gone")

    answer = Sticky([b"x"])
    assert ask(plain(answer)).body == b"x"
    assert answer.closed == 1
    assert "pool is gone" in caplog.text


def test_context_of_one_request_is_never_seen_in_another() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        before = TENANT.get()
        TENANT.set(environ["PATH_INFO"])
        start_response("200 OK", [])
        return [before.encode()]

    async def run() -> set[bytes]:
        TENANT.set("of the server's task")
        adapter = make_adapter(app, threads=2, queue=100)
        answers = await asyncio.gather(*(serve(adapter, InMemoryClient(f"/{n}")) for n in range(50)))
        await adapter.close(1)
        return {answer.body for answer in answers}

    assert asyncio.run(run()) == {b"none"}


def test_requests_run_beside_each_other() -> None:
    together = threading.Barrier(20, timeout=5)

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        together.wait()
        start_response("200 OK", [])
        return [b"met"]

    async def run() -> list[bytes]:
        adapter = make_adapter(app, threads=20)
        answers = await asyncio.gather(*(serve(adapter, InMemoryClient()) for _ in range(20)))
        await adapter.close(1)
        return [answer.body for answer in answers]

    assert asyncio.run(run()) == [b"met"] * 20


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_other_scopes_are_refused_in_plain_words(kind: str) -> None:
    client = InMemoryClient()
    client.scope["type"] = kind
    with pytest.raises(ValueError, match=kind):
        asyncio.run(serve(make_adapter(plain()), client))


def test_leaving_client_sets_the_signal_of_its_request_and_runs_its_callback() -> None:
    waiting = threading.Event()
    cancelled = threading.Event()
    reasons: list[Any] = []
    answer = Closing([b"nobody reads this"])

    def app(environ: dict[str, Any], start_response: Any) -> Closing:
        signal = environ["citu.client_disconnected"]
        with signal.calling(cancelled.set):
            waiting.set()
            assert cancelled.wait(5)
        reasons.append((signal.is_set(), signal.reason))
        start_response("200 OK", [])
        return answer

    async def run() -> InMemoryClient:
        adapter = make_adapter(app)
        client = InMemoryClient()
        serving = asyncio.create_task(serve(adapter, client))
        await until(waiting.is_set)
        client.leave()
        await serving
        await until(lambda: answer.closed)
        await adapter.close(1)
        return client

    client = asyncio.run(run())
    assert reasons == [(True, "client_left")]
    assert client.sent == []


def test_leaving_client_cancels_a_coroutine_behind_the_bridge() -> None:
    begun, ended = threading.Event(), threading.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            run_in_request_loop(endless, timeout_seconds=30, cancel=environ["citu.client_disconnected"])
        except CallerLeftError:
            ended.set()
        start_response("200 OK", [])
        return [b"nobody reads this"]

    async def run() -> None:
        adapter = make_adapter(app)
        client = InMemoryClient()
        serving = asyncio.create_task(serve(adapter, client))
        await until(begun.is_set)
        client.leave()
        await serving
        await until(ended.is_set)
        await adapter.close(1)

    asyncio.run(run())


def test_callback_never_runs_after_the_request_ended() -> None:
    calls: list[str] = []
    signals: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        signals.append(environ["citu.client_disconnected"])
        signals[0].add_callback(lambda: calls.append("cancelled someone else's statement"))
        start_response("200 OK", [])
        return [b"done"]

    ask(app)
    signals[0].fire("client_left")
    assert calls == []
    assert not signals[0].is_set()

"""Over real HTTP: whatever a provider does, a call ends in time, typed, after at most three requests."""

import logging
import socket
import threading
import time
import traceback
from collections.abc import Iterator

import pytest

from core.llm.errors import (
    ModelAuthenticationError,
    ModelCallError,
    ModelConnectionError,
    ModelRateLimitedError,
    ModelReplyError,
    ModelServerError,
    ModelTimeoutError,
)
from core.llm.messages import ChatMessage
from core.llm.metering import CallAccount
from tests.fakes.model_clients import TEST_KEY, chat_client
from tools.harness.model_faults import FIGURE_38, Fault, patience_for
from tools.harness.model_server import ScriptedModelServer

EXPECTED: dict[str, type[ModelCallError]] = {
    "429 with Retry-After": ModelRateLimitedError,
    "429": ModelRateLimitedError,
    "500": ModelServerError,
    "503": ModelServerError,
    "529": ModelServerError,
    "refuse": ModelConnectionError,
    "hang": ModelTimeoutError,
    "slow drip": ModelTimeoutError,
    "RST mid-stream": ModelConnectionError,
    "malformed JSON": ModelReplyError,
    "bad SSE": ModelReplyError,
    "truncated tool call": ModelReplyError,
    "empty": ModelReplyError,
    "5 MB answer": ModelReplyError,
}
SEEN_BY_THE_CALLER = {"RST mid-stream", "malformed JSON", "bad SSE", "5 MB answer"}
ASKED = [ChatMessage("user", "公司有多少家")]
ACCOUNT = CallAccount("acme", "alice", "ask_agent")
SILENT = {"hang", "slow drip"}  # these end by time alone and may use it up before a third request


@pytest.fixture
def server() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer() as running:
        running.add_rule("好的，一共有三家公司。")
        yield running


@pytest.mark.parametrize("name", EXPECTED)
def test_one_failure_is_recovered_from(server: ScriptedModelServer, name: str) -> None:
    server.queue_fault(FIGURE_38[name])
    with chat_client(server.base_url, **patience_for(FIGURE_38[name])) as client:
        assert client.chat(ASKED, account=ACCOUNT).text == "好的，一共有三家公司。"
    assert len(server.calls) == 2


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("has_thinking", [False, True])
def test_a_lasting_failure_is_a_typed_error(server: ScriptedModelServer, name: str, has_thinking: bool) -> None:
    server.queue_fault(FIGURE_38[name], times=99)
    with (
        chat_client(server.base_url, enable_thinking=has_thinking, **patience_for(FIGURE_38[name])) as client,
        pytest.raises(EXPECTED[name]),
    ):
        client.chat(ASKED, account=ACCOUNT)
    assert len(server.calls) in ({2, 3} if name in SILENT else {3})


@pytest.mark.parametrize("name", EXPECTED)
def test_a_stream_fails_typed_and_is_not_started_twice(server: ScriptedModelServer, name: str) -> None:
    server.queue_fault(FIGURE_38[name], times=99)
    with chat_client(server.base_url, **patience_for(FIGURE_38[name])) as client, pytest.raises(EXPECTED[name]):
        list(client.stream(ASKED, account=ACCOUNT))
    assert len(server.calls) in ({1} if name in SEEN_BY_THE_CALLER else {2, 3} if name in SILENT else {3})


@pytest.mark.parametrize("fault", [Fault("html"), Fault("compressed"), Fault("cut_stream")])
def test_an_answer_that_is_none_is_not_taken_for_one(server: ScriptedModelServer, fault: Fault) -> None:
    server.queue_fault(fault, times=99)
    with chat_client(server.base_url, enable_thinking=True) as client, pytest.raises(ModelReplyError):
        client.chat(ASKED, account=ACCOUNT)


def test_a_wrong_reply_is_handed_on_for_the_caller_to_judge(server: ScriptedModelServer) -> None:
    server.queue_fault(FIGURE_38["wrong reply"])
    with chat_client(server.base_url) as client:
        assert client.chat(ASKED, account=ACCOUNT).text == "香蕉是一种水果。"


def test_hundred_mixed_failures_never_escape_their_types(server: ScriptedModelServer) -> None:
    server.fail_randomly(0.6, seed=38, faults=[FIGURE_38[name] for name in EXPECTED if name not in SILENT])
    outcomes: list[str] = []
    with chat_client(server.base_url) as client:
        for _ in range(100):
            try:
                outcomes.append(client.chat(ASKED, account=ACCOUNT).text)
            except ModelCallError as error:
                outcomes.append(type(error).__name__)
    assert outcomes.count("好的，一共有三家公司。") > 60
    assert len(server.calls) <= 300


def test_nobody_listening_is_a_connection_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with chat_client(url) as client, pytest.raises(ModelConnectionError):
            client.chat(ASKED, account=ACCOUNT)


def test_the_provider_may_name_the_pause(server: ScriptedModelServer) -> None:
    server.queue_fault(Fault("status", 429, "1"))
    started = time.monotonic()
    with chat_client(server.base_url) as client:
        client.chat(ASKED, account=ACCOUNT)
    assert time.monotonic() - started >= 1


def test_a_long_pause_is_passed_on_instead_of_waited_for(server: ScriptedModelServer) -> None:
    server.queue_fault(Fault("status", 429, "120"))
    with chat_client(server.base_url) as client, pytest.raises(ModelRateLimitedError) as caught:
        client.chat(ASKED, account=ACCOUNT)
    assert caught.value.retry_after_seconds == 120
    assert len(server.calls) == 1


def test_a_refused_key_is_asked_with_once(server: ScriptedModelServer) -> None:
    server.queue_fault(Fault("status", 401), times=3)
    with chat_client(server.base_url) as client, pytest.raises(ModelAuthenticationError):
        client.chat(ASKED, account=ACCOUNT)
    assert len(server.calls) == 1


@pytest.mark.parametrize("fault", [*FIGURE_38.values(), Fault("status", 401), Fault("status", 400), Fault("html")])
def test_neither_key_nor_the_providers_words_get_out(
    server: ScriptedModelServer, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.queue_fault(fault, times=3)
    shown: list[str] = []
    with chat_client(server.base_url, **patience_for(fault)) as client:
        try:
            client.chat(ASKED, account=ACCOUNT)
        except ModelCallError as error:
            shown += [repr(error), str(error), repr(vars(error)), *traceback.format_exception(error)]
        shown += [repr(client), repr(vars(client))]
    text = "\n".join([*shown, caplog.text])
    assert server.calls[0].headers["authorization"] == f"Bearer {TEST_KEY}"
    assert TEST_KEY not in text
    assert "secret-of-the" not in text


def test_breaking_off_a_stream_frees_its_connection(server: ScriptedModelServer) -> None:
    server.add_rule("很长" * 50_000, kind="chat")
    server.queue_fault(Fault("oversized"))
    with chat_client(server.base_url, max_connections=1) as client:
        parts = client.stream(ASKED, account=ACCOUNT, kind="chat")
        next(parts)
        parts.close()
        assert client.chat(ASKED, account=ACCOUNT).text == "好的，一共有三家公司。"


def test_waiting_for_a_connection_ends_at_the_deadline(server: ScriptedModelServer) -> None:
    server.queue_fault(Fault("hang"))
    with chat_client(server.base_url, max_connections=1, timeout_seconds=0.6, attempt_timeout_seconds=0.6) as client:
        failures: list[ModelCallError] = []

        def ask() -> None:
            try:
                client.chat(ASKED, account=ACCOUNT)
            except ModelCallError as error:
                failures.append(error)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in threads)
    assert all(isinstance(error, ModelTimeoutError) for error in failures)
    assert failures

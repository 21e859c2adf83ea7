"""The client over real HTTP: what it sends, what it reads, and that it belongs to no event loop."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from core.async_bridge import run_in_request_loop
from core.llm.call_scope import CallScope
from core.llm.circuit_breaker import CircuitBreaker
from core.llm.client import LLMClient
from core.llm.errors import ModelCircuitOpenError, ModelConnectionError
from core.llm.fair_gate import FairGate
from core.llm.messages import CallKind, ChatMessage, ModelReply, TokenUsage
from core.llm.metering import CallAccount
from tests.fakes.model_clients import chat_client
from tools.harness.model_faults import Fault
from tools.harness.model_script import ScriptedReply
from tools.harness.model_server import ScriptedModelServer

ACCOUNT = CallAccount("acme", "alice", "ask_agent")
ASKED = [
    ChatMessage("system", "简短"),
    ChatMessage("user", "一"),
    ChatMessage("assistant", "二"),
    ChatMessage("user", "三"),
]


@pytest.fixture
def server() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer() as running:
        running.add_rule(ScriptedReply("答案在这里", "先想一想"), kind="chat")
        yield running


@pytest.fixture
def client(server: ScriptedModelServer) -> Iterator[LLMClient]:
    with chat_client(server.base_url) as made:
        yield made


def test_turns_kind_model_and_key_are_sent(server: ScriptedModelServer, client: LLMClient) -> None:
    client.chat(ASKED, account=ACCOUNT, kind="chat")
    call = server.calls[0]
    assert [(turn["role"], turn["content"]) for turn in call.body["messages"]] == [
        *(("system", "简短"), ("user", "一"), ("assistant", "二"), ("user", "三"))
    ]
    assert (call.kind, call.body["model"], call.body["temperature"]) == ("chat", "scripted", 0.6)
    assert "enable_thinking" not in call.body
    assert call.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("kind", ["classify", "write_sql", "repair_sql"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_what_is_read_by_structure_is_asked_at_temperature_zero(
    server: ScriptedModelServer, client: LLMClient, kind: CallKind, is_streamed: bool
) -> None:
    server.add_rule(ScriptedReply("SELECT 1"), kind=kind)
    if is_streamed:
        list(client.stream(ASKED, account=ACCOUNT, kind=kind))
    else:
        client.chat(ASKED, account=ACCOUNT, kind=kind)
    assert server.calls[0].body["temperature"] == 0


@pytest.mark.parametrize("is_streamed", [False, True])
def test_the_reply_is_complete_either_way(client: LLMClient, is_streamed: bool) -> None:
    if is_streamed:
        parts = list(client.stream(ASKED, account=ACCOUNT, kind="chat"))
        reply = parts[-1].reply
        assert "".join(part.text for part in parts) == "答案在这里"
        assert "".join(part.thinking for part in parts) == "先想一想"
    else:
        reply = client.chat(ASKED, account=ACCOUNT, kind="chat")
    assert reply == ModelReply("答案在这里", "先想一想", TokenUsage(5, 5), "scripted", "stop")


@pytest.mark.parametrize("switch", [True, False])
def test_thinking_is_switched_as_configured(server: ScriptedModelServer, switch: bool) -> None:
    with chat_client(server.base_url, enable_thinking=switch) as client:
        client.chat(ASKED, account=ACCOUNT, kind="chat")
    assert server.calls[0].body["enable_thinking"] is switch
    assert bool(server.calls[0].body.get("stream")) is switch


def test_an_endpoint_without_a_switch_gets_none(server: ScriptedModelServer) -> None:
    with chat_client(server.base_url, enable_thinking=True, thinking_parameter="") as client:
        client.chat(ASKED, account=ACCOUNT, kind="chat")
    assert "enable_thinking" not in server.calls[0].body


def test_one_client_serves_one_request_loop_after_the_other(client: LLMClient) -> None:
    for _ in range(5):
        reply = run_in_request_loop(lambda: client.async_chat(ASKED, account=ACCOUNT, kind="chat"), timeout_seconds=10)
        assert reply.text == "答案在这里"


def test_one_client_serves_many_request_loops_at_once(server: ScriptedModelServer, client: LLMClient) -> None:
    async def ask() -> str:
        texts = [part.text async for part in client.async_stream(ASKED, account=ACCOUNT, kind="chat")]
        return (await client.async_chat(ASKED, account=ACCOUNT, kind="chat")).text + "".join(texts)

    with ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(run_in_request_loop, ask, timeout_seconds=20) for _ in range(64)]
        assert {future.result() for future in asked} == {"答案在这里" * 2}
    assert len(server.calls) == 128


@pytest.mark.parametrize("fault", [None, Fault("hang"), Fault("slow_drip")])
def test_a_cancelled_call_leaves_the_model_and_the_client_stays_usable(
    server: ScriptedModelServer, client: LLMClient, fault: Fault | None
) -> None:
    if fault:
        server.queue_fault(fault)
    server.delay_seconds = 0.2
    with pytest.raises(TimeoutError):
        run_in_request_loop(lambda: client.async_chat(ASKED, account=ACCOUNT, kind="chat"), timeout_seconds=0.1)
    server.delay_seconds = 0.0
    reply = run_in_request_loop(lambda: client.async_chat(ASKED, account=ACCOUNT, kind="chat"), timeout_seconds=10)
    assert reply.text == "答案在这里"
    assert len(server.calls) == 2
    assert not fault or _becomes_true(lambda: server.calls[0].is_abandoned)


def test_a_left_stream_leaves_the_model(server: ScriptedModelServer, client: LLMClient) -> None:
    server.add_rule("很长的回答" * 18_000, kind="other")

    async def take_one() -> str:
        stream = client.async_stream(ASKED, account=ACCOUNT)
        try:
            async for part in stream:
                return part.text
        finally:
            await stream.aclose()
        return ""

    assert run_in_request_loop(take_one, timeout_seconds=10)
    assert _becomes_true(lambda: server.calls[0].is_abandoned)
    assert client.chat(ASKED, account=ACCOUNT, kind="chat").text == "答案在这里"


def test_a_stream_cancelled_while_it_waits_leaves_the_model(server: ScriptedModelServer, client: LLMClient) -> None:
    server.queue_fault(Fault("hang"))

    async def take_all() -> list[str]:
        return [part.text async for part in client.async_stream(ASKED, account=ACCOUNT)]

    with pytest.raises(TimeoutError):
        run_in_request_loop(take_all, timeout_seconds=0.1)
    assert _becomes_true(lambda: server.calls[0].is_abandoned)


def test_no_thread_stays_behind_a_cancelled_call(server: ScriptedModelServer, client: LLMClient) -> None:
    server.queue_fault(Fault("hang"))
    ended = threading.Event()

    async def run_watched(function, /, *args):  # type: ignore[no-untyped-def]
        def watched() -> object:
            try:
                return function(*args)
            finally:
                ended.set()

        return await asyncio.to_thread(watched)

    client._run_blocking = run_watched
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(client.async_chat(ASKED, account=ACCOUNT), 0.1))
    assert ended.wait(2)


def _becomes_true(condition, seconds: float = 2.0) -> bool:  # type: ignore[no-untyped-def]
    """A model whose caller has left is let go within two seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


class Bill:
    """A meter that lets everything pass and remembers it."""

    def __init__(self) -> None:
        self.items: list[tuple[str, str, TokenUsage, bool]] = []

    def admit(self, account: CallAccount) -> None:
        pass

    def record(
        self, account: CallAccount, *, kind: CallKind, model: str, usage: TokenUsage, is_estimated: bool
    ) -> None:
        self.items.append((account.tenant, model, usage, is_estimated))


@pytest.mark.parametrize("has_thinking", [None, True])
def test_the_providers_count_is_on_the_bill_streamed_or_not(
    server: ScriptedModelServer, has_thinking: bool | None
) -> None:
    bill = Bill()
    with chat_client(server.base_url, meter=bill, enable_thinking=has_thinking) as client:
        reply = client.chat(ASKED, account=ACCOUNT, kind="chat")
        list(client.stream(ASKED, account=ACCOUNT, kind="chat"))
    assert bill.items == [("acme", "scripted", reply.usage, False)] * 2


def test_one_tenants_crowd_does_not_hold_up_another(server: ScriptedModelServer) -> None:
    gate = FairGate(limit=2)

    async def ask(client: LLMClient, tenant: str) -> None:
        await client.async_chat([ChatMessage("user", tenant)], account=CallAccount(tenant, "u", "r"))

    async def crowd(client: LLMClient) -> None:
        places = [await gate.enter_async("others", CallScope(30)) for _ in range(2)]
        asked = asyncio.gather(*(ask(client, tenant) for tenant in ["big"] * 30 + ["small"]))
        while gate.waiting < 31:
            await asyncio.sleep(0.01)
        for place in places:
            place.release()
        await asked

    with chat_client(server.base_url, gate=gate) as client:
        asyncio.run(crowd(client))
    order = [call.question for call in server.calls]
    assert len(order) == 31
    assert order.index("small") <= 2


def test_a_dead_endpoint_is_left_alone_and_found_again(server: ScriptedModelServer) -> None:
    now = 0.0
    breaker = CircuitBreaker(failures=3, open_seconds=30, clock=lambda: now)
    server.queue_fault(Fault("reset"), times=3)
    with chat_client(server.base_url, breaker=breaker) as client:
        with pytest.raises(ModelConnectionError):
            client.chat(ASKED, account=ACCOUNT)
        with pytest.raises(ModelCircuitOpenError):
            client.chat(ASKED, account=ACCOUNT)
        assert len(server.calls) == 3
        now = 30.0
        assert client.chat(ASKED, account=ACCOUNT, kind="chat").text
    assert breaker.state == "closed"


def test_a_server_without_keys_is_asked_with_none_of_ours(
    server: ScriptedModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "somebody-elses")
    with chat_client(server.base_url, api_key=SecretStr("")) as client:
        client.generate("hello", account=ACCOUNT)
    assert server.calls[0].headers["authorization"] == "Bearer none"

"""Tries, pauses and deadlines of a call, with a scripted provider and a clock that only moves when told."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from core.llm.call_scope import CallScope
from core.llm.circuit_breaker import CircuitBreaker
from core.llm.client import LLMClient
from core.llm.config import LLMClientConfig
from core.llm.errors import (
    ModelAuthenticationError,
    ModelCircuitOpenError,
    ModelConnectionError,
    ModelRateLimitedError,
    ModelReplyCutError,
    ModelReplyError,
    ModelServerError,
    ModelTimeoutError,
)
from core.llm.fair_gate import FairGate
from core.llm.messages import ChatMessage, ModelReply, ReplyPart, TokenUsage, ToolCall
from core.llm.metering import CallAccount
from core.llm.retry import RetryPolicy
from tests.fakes.scripted_provider import ScriptedProvider, Step

ACCOUNT = CallAccount("acme", "alice", "ask_agent")


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(round(seconds, 3))
        self.now += seconds


async def run_now(function: Callable[..., Any], /, *args: Any) -> Any:
    return function(*args)


def client_of(
    provider: ScriptedProvider,
    time: Time,
    *,
    breaker: CircuitBreaker | None = None,
    gate: FairGate | None = None,
    run_blocking: Any = run_now,
    **settings: Any,
) -> LLMClient:
    config = LLMClientConfig(base_url="http://model.test/v1", model="m", api_key=SecretStr("k"), **settings)
    retry = RetryPolicy(max_calls=config.max_calls, jitter=lambda: 1.0, sleep=time.sleep)
    return LLMClient(
        config=config,
        provider=provider,
        breaker=breaker,
        gate=gate,
        retry=retry,
        run_blocking=run_blocking,
        clock=lambda: time.now,
    )


def answer(text: str) -> list[Step]:
    return [ReplyPart(text, finish_reason="stop")]


def test_a_reply_has_text_thinking_usage_and_model() -> None:
    part = ReplyPart("<think>二</think>答", "一", "stop", TokenUsage(3, 4), "m-2")
    reply = client_of(ScriptedProvider([part]), Time()).generate("问", account=ACCOUNT, kind="chat")
    assert reply == ModelReply("答", "一\n二", TokenUsage(3, 4), "m-2", "stop")


def test_pauses_grow_and_a_third_call_is_the_last() -> None:
    provider, time = ScriptedProvider(*[[ModelServerError()]] * 9), Time()
    with pytest.raises(ModelServerError):
        client_of(provider, time).generate("问", account=ACCOUNT)
    assert len(provider.kinds) == 3
    assert time.pauses == [0.5, 1.0]


def test_the_providers_own_pause_is_kept() -> None:
    provider, time = ScriptedProvider([ModelRateLimitedError(retry_after=20)], answer("好")), Time()
    assert client_of(provider, time).generate("问", account=ACCOUNT).text == "好"
    assert time.pauses[0] >= 20


def test_a_pause_beyond_the_deadline_is_not_taken() -> None:
    provider, time = ScriptedProvider([ModelRateLimitedError(retry_after=3600)]), Time()
    with pytest.raises(ModelRateLimitedError) as caught:
        client_of(provider, time).generate("问", account=ACCOUNT)
    assert (time.pauses, caught.value.retry_after_seconds) == ([], 3600)


def test_a_refused_key_is_not_tried_again() -> None:
    provider = ScriptedProvider([ModelAuthenticationError()])
    with pytest.raises(ModelAuthenticationError):
        client_of(provider, Time()).generate("问", account=ACCOUNT)
    assert len(provider.kinds) == 1


def test_no_call_is_made_when_the_time_is_over() -> None:
    provider = ScriptedProvider(answer("好"))
    with pytest.raises(ModelTimeoutError):
        client_of(provider, Time(), timeout_seconds=0.0).generate("问", account=ACCOUNT)
    assert provider.kinds == []


@pytest.mark.parametrize("text", ["", "  \n", "<think>只有思考</think>", "<think>没有关闭"])
def test_a_reply_without_an_answer_is_an_error(text: str) -> None:
    provider = ScriptedProvider(*[answer(text)] * 3)
    with pytest.raises(ModelReplyError):
        client_of(provider, Time()).generate("问", account=ACCOUNT)


def test_a_reply_beyond_the_size_is_an_error() -> None:
    provider = ScriptedProvider(*[answer("多" * 40)] * 3)
    with pytest.raises(ModelReplyError):
        client_of(provider, Time(), max_reply_bytes=100).generate("问", account=ACCOUNT)


def test_a_stream_is_tried_again_before_its_first_part_only() -> None:
    provider = ScriptedProvider([ModelConnectionError()], [ReplyPart("甲"), ModelConnectionError()], answer("乙"))
    parts = client_of(provider, Time()).stream([ChatMessage("user", "问")], account=ACCOUNT)
    assert next(parts).text == "甲"
    with pytest.raises(ModelConnectionError):
        next(parts)
    assert len(provider.kinds) == 2


def test_a_stream_ends_with_the_whole_reply() -> None:
    provider = ScriptedProvider([ReplyPart("<thi"), ReplyPart("nk>想</think>答"), *answer("案<")])
    parts = list(client_of(provider, Time()).stream([ChatMessage("user", "问")], account=ACCOUNT))
    assert "".join(part.text for part in parts) == "答案<"
    assert parts[-1].reply is not None
    assert (parts[-1].reply.text, parts[-1].reply.thinking) == ("答案<", "想")


def test_a_stream_that_does_not_say_it_is_finished_is_cut() -> None:
    parts = client_of(ScriptedProvider([ReplyPart("半")]), Time()).stream([ChatMessage("user", "问")], account=ACCOUNT)
    assert next(parts).text == "半"
    with pytest.raises(ModelReplyError):
        next(parts)


def test_coroutines_get_the_same() -> None:
    async def ask() -> tuple[str, list[str]]:
        client = client_of(ScriptedProvider(answer("甲"), answer("乙")), Time())
        reply = await client.async_generate("问", account=ACCOUNT)
        return reply.text, [
            part.text async for part in client.async_stream([ChatMessage("user", "问")], account=ACCOUNT)
        ]

    assert asyncio.run(ask()) == ("甲", ["乙", ""])


def test_closing_the_client_closes_the_provider() -> None:
    provider = ScriptedProvider()
    with client_of(provider, Time()):
        assert not provider.is_closed
    assert provider.is_closed


def test_an_open_circuit_asks_nobody_and_says_when_to_come_back() -> None:
    provider, time = ScriptedProvider(*[[ModelServerError()]] * 3), Time()
    breaker = CircuitBreaker(failures=3, open_seconds=30, clock=lambda: time.now)
    client = client_of(provider, time, breaker=breaker)
    with pytest.raises(ModelServerError):
        client.generate("问", account=ACCOUNT)
    for ask in (
        client.generate,
        lambda text, account: list(client.stream([ChatMessage("user", text)], account=account)),
    ):
        with pytest.raises(ModelCircuitOpenError) as caught:
            ask("问", account=ACCOUNT)
        assert caught.value.retry_after_seconds == 30
    assert len(provider.kinds) == 3


def test_a_call_that_waits_for_its_turn_occupies_no_thread() -> None:
    started: list[object] = []

    async def run(function: Callable[..., Any], /, *args: Any) -> Any:
        started.append(function)
        return function(*args)

    async def scenario() -> None:
        gate = FairGate(limit=1)
        client = client_of(ScriptedProvider(answer("好")), Time(), gate=gate, run_blocking=run)
        with await gate.enter_async("other", CallScope(60)):
            waiting = asyncio.create_task(client.async_generate("问", account=ACCOUNT))
            while not gate.waiting:
                await asyncio.sleep(0)
            assert not started
        assert (await waiting).text == "好"
        assert len(started) == 1

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_every_end_of_a_call_gives_its_place_back() -> None:
    gate = FairGate(limit=1)
    provider = ScriptedProvider([ModelAuthenticationError()], answer("一"), answer("二"), answer("三"))
    client = client_of(provider, Time(), gate=gate)
    with pytest.raises(ModelAuthenticationError):
        client.generate("问", account=ACCOUNT)
    parts = client.stream([ChatMessage("user", "问")], account=ACCOUNT)
    next(parts)
    parts.close()

    async def leave_a_stream() -> None:
        async for _part in client.async_stream([ChatMessage("user", "问")], account=ACCOUNT):
            break

    asyncio.run(leave_a_stream())
    assert client.generate("问", account=ACCOUNT).text == "三"


@pytest.mark.parametrize("reason", ["length", "max_tokens", "content_filter"])
@pytest.mark.parametrize("kind", ["classify", "write_sql", "repair_sql"])
def test_a_cut_reply_is_no_answer_where_half_of_one_means_something_else(kind: Any, reason: str) -> None:
    provider = ScriptedProvider([ReplyPart("```sql\nSELECT 1 WHERE id > 3", finish_reason=reason)])
    with pytest.raises(ModelReplyCutError):
        client_of(provider, Time()).generate("q", account=ACCOUNT, kind=kind)
    assert provider.kinds == [kind]


def test_a_cut_text_for_people_is_shown_and_cut_calls_of_tools_are_not_made() -> None:
    part = ReplyPart("长文", finish_reason="length")
    assert client_of(ScriptedProvider([part]), Time()).generate("q", account=ACCOUNT, kind="chat").text == "长文"
    call = ReplyPart(tool_calls=(ToolCall("1", "run_sql", {"sql": "SELECT 1"}),), finish_reason="length")
    with pytest.raises(ModelReplyCutError):
        client_of(ScriptedProvider([call]), Time()).generate("q", account=ACCOUNT, kind="react")

"""Whatever a model's provider does, a call ends in time, typed, after at most three requests.

The scripted model server of the tests acts the faults out over real HTTP; seeds fix which tries fail.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from core.llm.chat_completions import ChatCompletions
from core.llm.client import LLMClient
from core.llm.config import LLMClientConfig
from core.llm.errors import ModelCallError
from core.llm.http_pool import build_http_client
from core.llm.messages import ChatMessage
from core.llm.metering import CallAccount
from core.llm.retry import RetryPolicy
from tools.harness.model_faults import FIGURE_38, Fault
from tools.harness.model_server import ScriptedModelServer

from .figures import Figure

SEED: Final = 38
DEADLINE_SECONDS: Final = 1.0
ATTEMPT_SECONDS: Final = 0.3
MOST_REQUESTS: Final = 3
ANSWER: Final = "three"
ACCOUNT: Final = CallAccount("bench", "bench", "bench")
# A well-formed but nonsensical reply is the caller's to judge, not the client's.
FAULTS: Final = {name: fault for name, fault in FIGURE_38.items() if name != "wrong reply"}


@dataclass(frozen=True)
class _Outcome:
    """One call: its seconds, its requests, whether it answered, and whether a failure was one of our types."""

    seconds: float
    requests: int
    is_answered: bool
    is_typed: bool


def measure(*, runs: int = 20, calls: int = 1000, share: float = 0.2) -> list[Figure]:
    """`runs` seeded calls a fault, then `calls` of which `share` of the requests fail in a random way."""
    level = logging.getLogger("app.llm").level
    logging.getLogger("app.llm").setLevel(logging.CRITICAL)
    try:
        seeded = [outcome for fault in FAULTS.values() for outcome in _seeded(fault, runs)]
        mixed = _mixed(calls, share)
    finally:
        logging.getLogger("app.llm").setLevel(level)
    both = [*seeded, *mixed]
    answered = sum(outcome.is_answered for outcome in mixed)
    return [
        Figure("llm_faults.kinds", len(FAULTS), "kinds"),
        Figure("llm_faults.calls", len(seeded), "calls"),
        Figure("llm_faults.untyped_failures", sum(not outcome.is_typed for outcome in both), "calls", 0, "lower"),
        Figure("llm_faults.worst", round(_worst(seeded), 3), "s", DEADLINE_SECONDS, "lower"),
        Figure("llm_faults.most_requests", max(o.requests for o in both), "requests", MOST_REQUESTS, "lower"),
        Figure("llm_faults.random_worst", round(_worst(mixed), 3), "s", DEADLINE_SECONDS, "lower"),
        Figure("llm_faults.random_answered", round(100 * answered / calls, 2), "%", 99.0),
    ]


def _worst(outcomes: list[_Outcome]) -> float:
    return max(outcome.seconds for outcome in outcomes)


def _seeded(fault: Fault, runs: int) -> Iterator[_Outcome]:
    """One, two or all tries of a call fail; every other call asks for thinking, so that it streams."""
    chance = random.Random(SEED)  # noqa: S311 - which tries fail is no secret
    for run in range(runs):
        with ScriptedModelServer() as server, _client(server.base_url, streams=run % 2 == 1) as client:
            server.add_rule(ANSWER)
            server.queue_fault(fault, times=chance.choice([1, 2, MOST_REQUESTS]))
            yield _call(client, server)


def _mixed(calls: int, share: float) -> list[_Outcome]:
    """One client, its circuit breaker as shipped."""
    with ScriptedModelServer() as server, _client(server.base_url, streams=False) as client:
        server.add_rule(ANSWER)
        server.fail_randomly(share, seed=SEED, faults=list(FAULTS.values()))
        return [_call(client, server) for _ in range(calls)]


def _call(client: LLMClient, server: ScriptedModelServer) -> _Outcome:
    before, started = len(server.calls), time.perf_counter()
    is_answered, is_typed = False, True
    try:
        is_answered = client.chat([ChatMessage("user", "how many")], account=ACCOUNT).text == ANSWER
    except ModelCallError:
        pass
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError):
        is_typed = False
    return _Outcome(time.perf_counter() - started, len(server.calls) - before, is_answered, is_typed)


@contextmanager
def _client(base_url: str, *, streams: bool) -> Iterator[LLMClient]:
    config = LLMClientConfig(
        base_url=base_url,
        model="scripted",
        api_key=SecretStr("bench"),
        timeout_seconds=DEADLINE_SECONDS,
        attempt_timeout_seconds=ATTEMPT_SECONDS,
        max_calls=MOST_REQUESTS,
        enable_thinking=streams or None,
    )
    http_client = build_http_client(max_reply_bytes=config.max_reply_bytes, max_connections=4)
    retry = RetryPolicy(attempt_timeout_seconds=ATTEMPT_SECONDS, first_pause=0.01)
    with LLMClient(
        config=config, provider=ChatCompletions(config=config, http_client=http_client), retry=retry
    ) as client:
        yield client

"""Conversations and Redis: no step blocks it, nothing that must be kept is evicted, and losing it costs context only.

The faults happen to a Redis of the measurement's own behind a relay; the service is the real one with the offline
engine.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from common import conversation_layout as layout
from common.redis_conversation_manager import RedisConversationManager
from features.conversations.limits import Limits
from features.conversations.repository import ConversationRepository
from features.conversations.schemas import parse_cleanup, parse_limits
from features.conversations.service import ConversationService

from .figures import Figure
from .own_redis import OwnRedis, Relay, own_redis
from .service_process import ServiceProcess, databases, settings_of

TENANT = "default"
QUESTION = "hello"
_CHAT = {"routing_mode": "chat_direct"}
STEP_MS = 5.0
COMMAND_MS = 10.0
ANSWER_SECONDS = 1.0
RECOVERY_SECONDS = 2.0
_SLOWLOG = ("--slowlog-log-slower-than", "1000", "--slowlog-max-len", "1000")
_ROUNDS = 3
_FAULT_SECONDS = 3.0
_ASKERS = 4
_DEDUP_KEYS = 3_000
_BURST_BYTES = 8 * 1024 * 1024


def measure(*, many: int = 1_000_000) -> list[Figure]:
    """All of it; `many` is the number of keys for the figure about a large Redis."""
    with tempfile.TemporaryDirectory(prefix="citu-conversations-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        return [
            *_steps(folder / "steps", "10_000_conversations", conversations=10_000, others=0, goal=STEP_MS),
            *_steps(folder / "many", f"{many}_keys", conversations=10_000, others=many, goal=COMMAND_MS),
            *_eviction(folder),
            *_faults(folder),
        ]


def _steps(folder: Path, name: str, *, conversations: int, others: int, goal: float) -> list[Figure]:
    """The slowest command while every route that looks at many keys is used once.

    Redis measures by the clock, so a command it was interrupted in looks slow: the best of some rounds counts, in which
    a command that is slow itself would still show.
    """
    rounds: list[tuple[float, float]] = []
    whole: set[str] = set()
    with own_redis(folder, *_SLOWLOG) as server, server.client() as client:
        for first in range(0, others, 5_000):
            client.mset({f"other:{number}": "x" for number in range(first, min(first + 5_000, others))})
        for _ in range(_ROUNDS):
            _fill(client, conversations)
            client.slowlog_reset()
            client.config_resetstat()
            started = time.perf_counter()
            _use_every_route(client)
            seconds = time.perf_counter() - started
            slowest = max((entry["duration"] / 1000 for entry in client.slowlog_get(1000)), default=1.0)
            rounds.append((slowest, seconds))
            whole |= client.info("commandstats").keys() & {"cmdstat_keys", "cmdstat_flushdb", "cmdstat_monitor"}
    slowest, seconds = min(rounds)
    return [
        Figure(f"conversations.{name}.slowest_command", round(slowest, 2), "ms", goal, "lower"),
        Figure(f"conversations.{name}.commands_over_every_key", len(whole), "commands", 0, "lower"),
        Figure(f"conversations.{name}.all_routes", round(seconds, 2), "s"),
    ]


def _fill(client: Redis, conversations: int) -> None:
    pipe = client.pipeline(transaction=False)
    for number in range(conversations):
        user = "big" if number % 2 else f"u{number // 20}"
        one = f"{user}:{20240101000000000 + number}"
        meta, messages, user_list = layout.keys_of(TENANT, one, user)
        mapping: dict[Any, Any] = {
            "conversation_id": one,
            "user_id": user,
            "created_at": f"{number:09d}",
            "message_count": "1",
        }
        pipe.hset(meta, mapping=mapping)
        pipe.lpush(messages, '{"role": "user", "content": "question"}')
        pipe.lpush(user_list, one)
        if number % 1000 == 999:
            pipe.execute()
    pipe.execute()


def _use_every_route(client: Redis) -> None:
    service = ConversationService(
        repository=ConversationRepository(client),
        manager=RedisConversationManager(client),
        limits=Limits(5, 10),
        context_rounds=2,
    )
    service.stats(TENANT)
    service.list_of_user(TENANT, "big", 10_000)
    service.full_of_user(TENANT, "big", 10_000)
    service.enforce_limits(TENANT, parse_limits({"user_max_conversations": 3}))
    service.remove_dead_references(TENANT)
    service.clean_up(TENANT, parse_cleanup({"user_id": "big"}))
    service.clean_up(TENANT, parse_cleanup({"clear_all_agent_data": True}))


def _eviction(folder: Path) -> list[Figure]:
    """8 MB of cached answers into a cache server of 4 MB: what must be kept lies elsewhere and stays."""
    bounded = ("--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru")
    with (
        own_redis(folder / "kept") as kept,
        own_redis(folder / "cache", *bounded) as cache,
        databases(folder) as servers,
        kept.client() as client,
    ):
        settings = settings_of(servers, REDIS_URL=kept.url, REDIS_CACHE_URL=cache.url)
        service = ServiceProcess(folder, {**settings, "ENABLE_QUESTION_ANSWER_CACHE": "true"})
        client.mset({f"dedup:{number}": "1" for number in range(_DEDUP_KEYS)})
        service.start()
        try:
            asker = _Asker(service)
            asker.ask()
            before = set(client.scan_iter())
            evicted = _burst(cache)
            for number in range(20):
                asker.ask(f"{QUESTION} {number}")
            gone = before - set(client.scan_iter())
        finally:
            service.stop()
    failed = asker.statuses.total() - asker.statuses[200]
    return [
        Figure("conversations.eviction.must_keep_keys_gone", len(gone), f"of {len(before)}", 0, "lower"),
        Figure("conversations.eviction.cached_answers_evicted", evicted, "keys", 1),
        Figure("conversations.eviction.failed_answers", failed, "answers", 0, "lower"),
    ]


def _burst(cache: OwnRedis) -> int:
    """8 MB of cached answers; how many keys the server evicted for it."""
    with cache.client() as client:
        for number in range(_BURST_BYTES // 8192):
            client.set(f"qa_cache:{number:016x}", "x" * 8192, ex=86_400)
        return int(client.info("stats")["evicted_keys"])


@dataclass
class _Asker:
    """Asks in one conversation for as long as it is continued, and notes what came when."""

    service: ServiceProcess
    user: str = "asker"
    statuses: Counter[int] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    with_context_at: float | None = None

    def ask(self, question: str = QUESTION) -> None:
        body = {"question": question, "user_id": self.user, "continue_conversation": True, **_CHAT}
        started = time.perf_counter()
        with self.service.client() as client:
            response = client.post("/api/v0/ask_agent", json=body)
        self.slowest = max(self.slowest, time.perf_counter() - started)
        self.statuses[response.status_code] += 1
        data: dict[str, Any] = response.json()["data"]
        self.modes[f"{data.get('conversation_status')}/{data.get('context_used')}"] += 1
        if data.get("context_used") and self.with_context_at is None:
            self.with_context_at = time.perf_counter()


def _faults(folder: Path) -> list[Figure]:
    durable = ("--appendonly", "yes")
    with own_redis(folder / "faulty", *durable) as redis, databases(folder) as servers:
        relay = Relay(redis.port)
        service = ServiceProcess(folder, settings_of(servers, REDIS_URL=f"redis://127.0.0.1:{relay.port}/0"))
        service.start()
        try:
            return [
                *_fault("stalled", service, lambda: redis.send(signal.SIGSTOP), lambda: redis.send(signal.SIGCONT)),
                *_fault("refused", service, lambda: redis.send(signal.SIGTERM), redis.start),
                *_fault("killed", service, lambda: redis.send(signal.SIGKILL), redis.start),
                *_fault("flapping", service, lambda: _flap(relay), lambda: relay.reset(False)),
            ]
        finally:
            service.stop()
            relay.close()


def _flap(relay: Relay) -> None:
    for is_resetting in itertools.islice(itertools.cycle((True, False)), 7):
        relay.reset(is_resetting)
        time.sleep(_FAULT_SECONDS / 10)


def _fault(name: str, service: ServiceProcess, begin: Callable[[], None], end: Callable[[], None]) -> list[Figure]:
    """Askers go on all the time; Redis is taken away under them and given back."""
    askers = [_Asker(service, f"{name}{number}") for number in range(_ASKERS)]
    over = threading.Event()

    def go_on(asker: _Asker) -> None:
        while not over.is_set():
            with contextlib.suppress(httpx.HTTPError):
                asker.ask()

    threads = [threading.Thread(target=go_on, args=(asker,)) for asker in askers]
    for thread in threads:
        thread.start()
    time.sleep(1.0)
    for asker in askers:
        asker.modes.clear()
    begin()
    time.sleep(_FAULT_SECONDS)
    meanwhile = sum((asker.modes for asker in askers), Counter[str]())
    end()
    given_back = time.perf_counter()
    for asker in askers:
        asker.with_context_at = None
    until = given_back + 3 * RECOVERY_SECONDS
    while time.perf_counter() < until and any(asker.with_context_at is None for asker in askers):
        time.sleep(0.01)
    over.set()
    for thread in threads:
        thread.join()
    return _fault_figures(name, askers, meanwhile, given_back)


def _fault_figures(name: str, askers: list[_Asker], meanwhile: Counter[str], given_back: float) -> list[Figure]:
    statuses = sum((asker.statuses for asker in askers), Counter[int]())
    back = [asker.with_context_at - given_back if asker.with_context_at else None for asker in askers]
    recovery = None if None in back else round(max(seconds or 0.0 for seconds in back), 2)
    prefix = f"conversations.{name}"
    slowest = round(max(asker.slowest for asker in askers), 3)
    return [
        Figure(f"{prefix}.answers", statuses.total(), "answers"),
        Figure(f"{prefix}.answers_not_200", statuses.total() - statuses[200], "answers", 0, "lower"),
        Figure(f"{prefix}.answers_without_context", meanwhile["new/False"], "answers meanwhile", 1),
        Figure(f"{prefix}.slowest_answer", slowest, "s", ANSWER_SECONDS, "lower"),
        Figure(f"{prefix}.context_back_after", recovery, "s", RECOVERY_SECONDS, "lower"),
    ]

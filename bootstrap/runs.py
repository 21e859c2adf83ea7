"""Builds what runs need: their store, the pool they execute in, the keeper beside it, the services of their doors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from common.config_service import ConfigService
from core.redis_client import connect_redis
from core.runs.keeper import KeeperLimits, RunKeeper
from core.runs.runner import RunPool
from core.runs.store import RunStore
from core.runs.watching import RunWatching
from features.runs.engines import RunEngine
from features.runs.execution import RunExecution
from features.runs.service import RunService
from features.runs.streams.service import StreamService
from features.wire.sse import text_written
from web.error_envelopes import envelope_of

OnClose = Callable[[Callable[[], Any]], None]
NEWS_CONNECTIONS: Final = 2
NEWS_SECONDS: Final = 2.0
DRAIN_SHARE: Final = 0.4
"""Of the time requests get at a stop: runs end before their streams are cut."""


@dataclass(frozen=True)
class Runs:
    """Everything about runs that a process has one of."""

    service: RunService
    streams: StreamService
    keeper: RunKeeper
    store: RunStore
    pool: RunPool


def build_runs(
    settings: ConfigService,
    *,
    redis: Any,
    redis_url: str,
    engines: Mapping[str, Callable[[], RunEngine]],
    on_close: OnClose,
) -> Runs:
    """Args: engines: by name, built when first asked for."""
    store = RunStore(
        redis,
        keep_seconds=settings.get("RUN_KEEP_SECONDS"),
        max_events=settings.get("RUN_MAX_EVENTS"),
        lease_seconds=settings.get("RUN_LEASE_SECONDS"),
    )
    execution = RunExecution(envelope_of=envelope_of)
    pool = RunPool(
        store=store,
        threads=settings.get("RUN_THREADS"),
        queue=settings.get("RUN_QUEUE"),
        crashed=execution.crashed,
        stopped=execution.stopped,
        render_text=text_written,
    )
    keeper = _build_keeper(settings, pool, store, redis_url, execution, on_close)
    watching = RunWatching(pool=pool, store=store, keeper=keeper, quiet_seconds=settings.get("SSE_HEARTBEAT_SECONDS"))
    service = RunService(
        engines=engines,
        store=store,
        pool=pool,
        keeper=keeper,
        watching=watching,
        execution=execution,
        user_cap=settings.get("RUNS_PER_USER"),
    )
    return Runs(service, StreamService(runs=service, watching=watching), keeper, store, pool)


def _build_keeper(
    settings: ConfigService,
    pool: RunPool,
    store: RunStore,
    redis_url: str,
    execution: RunExecution,
    on_close: OnClose,
) -> RunKeeper:
    news = connect_redis(redis_url, timeout_seconds=NEWS_SECONDS, max_connections=NEWS_CONNECTIONS)
    on_close(news.close)
    limits = KeeperLimits(
        orphan_seconds=settings.get("RUN_ORPHAN_SECONDS"),
        drain_seconds=settings.get("GRACEFUL_TIMEOUT") * DRAIN_SHARE,
    )
    return RunKeeper(pool=pool, store=store, redis=news.commands, limits=limits, lost=execution.lost)

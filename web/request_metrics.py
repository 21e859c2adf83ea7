"""Collects the figures that `/metrics` shows: requests, model calls, and the server's own counters."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Response, g, request

import app_config
from common.config_service import ConfigService
from core.llm.messages import CallKind, TokenUsage
from core.llm.metering import CallAccount, CallMeter
from core.process_snapshots import ProcessSnapshots
from core.process_tree import LAUNCHER_PID
from features.metrics.collector import MetricsCollector, merged

UNKNOWN = "unknown"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def build_snapshots(
    settings: ConfigService, collector: MetricsCollector, serving: Callable[[], Mapping[str, Any]], started_at: float
) -> ProcessSnapshots:
    """This process's figures and those of its siblings, shared under DATA_DIR."""

    def take() -> dict[str, Any]:
        return {**collector.snapshot(), "serving": dict(serving()), "started_at": started_at}

    launcher = os.environ.get(LAUNCHER_PID)
    return ProcessSnapshots(
        folder=app_config.project_path(settings.get("DATA_DIR")) / "metrics",
        take=take,
        merge=merged,
        launcher=int(launcher) if launcher else None,
    )


def monitor_requests(app: Flask, collector: MetricsCollector) -> None:
    """Count every request of `app`, by the route it matched; a stream counts until it begins."""

    def begin() -> None:
        g.metrics_started = time.perf_counter()

    def end(response: Response) -> Response:
        if "metrics_started" in g:
            route = request.url_rule.rule if request.url_rule else UNKNOWN
            seconds = time.perf_counter() - g.metrics_started
            method = request.method if request.method in METHODS else UNKNOWN
            collector.record_request(route, method, response.status_code, seconds)
        return response

    app.before_request_funcs.setdefault(None, []).insert(0, begin)
    app.after_request(end)


class CountedMeter:
    """A meter whose answers are counted, too."""

    def __init__(self, meter: CallMeter, collector: MetricsCollector) -> None:
        self._meter = meter
        self._collector = collector

    def admit(self, account: CallAccount) -> None:
        """See `CallMeter.admit`."""
        self._meter.admit(account)

    def record(
        self, account: CallAccount, *, kind: CallKind, model: str, usage: TokenUsage, is_estimated: bool
    ) -> None:
        """See `CallMeter.record`."""
        self._meter.record(account, kind=kind, model=model, usage=usage, is_estimated=is_estimated)
        self._collector.record_model_call(kind, usage.total_tokens)

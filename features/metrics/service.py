"""Shows what the processes of the service are doing: in Prometheus's text format, and as JSON."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import Any

import psutil
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from features.metrics.collector import BUCKETS, stats_of

ServingStats = Callable[[], Mapping[str, Any]]
Snapshots = Callable[[], dict[str, dict[str, Any]]]

# member of the adapter's stats: (name of the series, what it says)
GAUGES = {
    "threads": ("citu_request_threads", "Request threads alive, those of open streams included."),
    "busy": ("citu_request_threads_busy", "Request threads at work on a short request."),
    "queued": ("citu_requests_queued", "Requests waiting for a thread."),
    "streams": ("citu_streams_open", "Open streams."),
    "in_flight": ("citu_requests_in_flight", "Requests running, waiting or streaming."),
}
COUNTERS = {
    "completed": ("citu_requests_completed", "Requests the application has ended, whatever their status."),
    "received_bytes": ("citu_request_body_bytes_received", "Bytes of request bodies taken from clients."),
}
LOOP_LAG = ("citu_event_loop_lag_seconds", "How late the event loop takes an answer, smoothed over some ten.")
REFUSED = ("citu_requests_refused", "Requests answered by the adapter itself, by status.")
STARTED = ("citu_worker_start_time_seconds", "When this worker process started, as a Unix time.")
REQUESTS = ("citu_http_requests", "Requests answered, by route, method and status.")
DURATIONS = ("citu_http_request_duration_seconds", "Seconds until the answer began, by route and method.")
MODEL_CALLS = ("citu_model_calls", "Answers of models, by kind of call.")
UNPROVEN = ("citu_unproven_answers", "Texts not shown for a figure that nothing returned, by agent.")
MODEL_TOKENS = ("citu_model_tokens", "Tokens of models' answers and prompts, by kind of call.")


class MetricsService:
    """The figures of every process; each series says in its label `worker` whose it is, `ended` for those gone."""

    def __init__(self, *, snapshots: Snapshots) -> None:
        """Args: snapshots: by worker, `MetricsCollector.snapshot` with `serving` and `started_at` added."""
        self._snapshots = snapshots
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def render(self, accept: str) -> tuple[bytes, str]:
        """The figures of this moment and their content type, in the newest form that `accept` asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def stats(self) -> dict[str, Any]:
        """The figures over all processes, of all tenants; times in seconds."""
        snapshots = self._snapshots()
        return {
            **stats_of(list(snapshots.values())),
            "system_stats": system_stats(),
            "routes": _by_route(snapshots),
            "model_calls": _summed_pairs(snapshots),
            "unproven_answers": dict(sum((_unproven(each) for each in snapshots.values()), Counter())),
            "workers": [_worker(name, snapshot) for name, snapshot in sorted(snapshots.items())],
        }

    def collect(self) -> Iterable[Metric]:
        """For the registry: every series with its value now."""
        snapshots = self._snapshots()
        yield self._gauge(STARTED, {worker: each.get("started_at") for worker, each in snapshots.items()})
        serving = {worker: each.get("serving", {}) for worker, each in snapshots.items()}
        for member, named in GAUGES.items():
            yield self._gauge(named, {worker: stats.get(member) for worker, stats in serving.items()})
        lags = {worker: stats.get("loop_lag_ms") for worker, stats in serving.items()}
        yield self._gauge(LOOP_LAG, {worker: lag / 1000 for worker, lag in lags.items() if lag is not None})
        for member, named in COUNTERS.items():
            rows = [([worker], stats[member]) for worker, stats in serving.items() if member in stats]
            yield _counter(named, ["worker"], rows)
        refused = {worker: stats.get("refused_by_status", {}) for worker, stats in serving.items()}
        rows = [([worker, str(status)], count) for worker, by in refused.items() for status, count in by.items()]
        yield _counter(REFUSED, ["worker", "status"], rows)
        yield from _of_requests(snapshots)
        yield from _of_models(snapshots)
        unproven = [
            ([worker, agent], count) for worker, each in snapshots.items() for agent, count in _unproven(each).items()
        ]
        yield _counter(UNPROVEN, ["worker", "agent"], unproven)

    def _gauge(self, named: tuple[str, str], values: Mapping[str, float | None]) -> Metric:
        gauge = GaugeMetricFamily(*named, labels=["worker"])
        for worker, value in values.items():
            if value is not None:
                gauge.add_metric([worker], value)
        return gauge


def system_stats() -> dict[str, Any]:
    """How full the machine is, in percent."""
    return {
        "cpu_percent": psutil.cpu_percent(),
        "memory_percent": psutil.virtual_memory().percent,
        "disk_percent": psutil.disk_usage(os.sep).percent,
    }


def _counter(named: tuple[str, str], labels: list[str], rows: Iterable[tuple[list[str], float]]) -> Metric:
    counter = CounterMetricFamily(*named, labels=labels)
    for values, count in rows:
        counter.add_metric(values, count)
    return counter


def _of_requests(snapshots: Mapping[str, dict[str, Any]]) -> Iterable[Metric]:
    requests = [
        ([worker, route, method, str(status)], count)
        for worker, each in snapshots.items()
        for route, method, status, count in each["requests"]
    ]
    yield _counter(REQUESTS, ["worker", "route", "method", "status"], requests)
    durations = HistogramMetricFamily(*DURATIONS, labels=["worker", "route", "method"])
    for worker, each in snapshots.items():
        for route, method, classes in each["durations"]:
            ends = [*map(str, BUCKETS), "+Inf"]
            durations.add_metric(
                [worker, route, method], list(zip(ends, accumulate(classes[:-1]), strict=True)), classes[-1]
            )
    yield durations


def _of_models(snapshots: Mapping[str, dict[str, Any]]) -> Iterable[Metric]:
    for figure, named in (("calls", MODEL_CALLS), ("tokens", MODEL_TOKENS)):
        rows = [
            ([worker, kind], count)
            for worker, each in snapshots.items()
            for counted, kind, count in each["model_calls"]
            if counted == figure
        ]
        yield _counter(named, ["worker", "kind"], rows)


def _unproven(snapshot: Mapping[str, Any]) -> Counter[str]:
    """A process of an earlier release does not count them."""
    return Counter(snapshot.get("unproven_answers", {}))


def _by_route(snapshots: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Requests and their mean seconds by route and method, and how many had which status."""
    statuses: dict[tuple[str, str], Counter[str]] = {}
    seconds: Counter[tuple[str, str]] = Counter()
    for each in snapshots.values():
        for route, method, status, count in each["requests"]:
            statuses.setdefault((route, method), Counter())[str(status)] += count
        for route, method, classes in each["durations"]:
            seconds[route, method] += classes[-1]
    return [
        {
            "route": route,
            "method": method,
            "request_count": by_status.total(),
            "statuses": dict(by_status),
            "avg_response_time": seconds[route, method] / by_status.total(),
        }
        for (route, method), by_status in sorted(statuses.items())
    ]


def _summed_pairs(snapshots: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, int]]:
    sums: dict[str, Counter[str]] = {"calls": Counter(), "tokens": Counter()}
    for each in snapshots.values():
        for figure, kind, count in each["model_calls"]:
            sums[figure][kind] += count
    return {figure: dict(by_kind) for figure, by_kind in sums.items()}


def _worker(name: str, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    serving = snapshot.get("serving", {})
    return {
        "worker": name,
        "request_count": sum(row[3] for row in snapshot["requests"]),
        "in_flight": serving.get("in_flight", 0),
        "streams": serving.get("streams", 0),
    }

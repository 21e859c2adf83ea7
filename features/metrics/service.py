"""Renders the figures of this process in Prometheus's text format; `/metrics` serves them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

ServingStats = Callable[[], Mapping[str, Any]]

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


class MetricsService:
    """The figures of one worker process; every series says which one in its label `worker`."""

    def __init__(self, *, serving_stats: ServingStats, worker: str, started_at: float) -> None:
        """
        Args:
            serving_stats: `ThreadedWsgiToAsgi.stats`, or anything that gives some of its members.
            worker: names this process among its siblings.
            started_at: Unix time.
        """
        self._serving_stats = serving_stats
        self._worker = worker
        self._started_at = started_at
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def render(self, accept: str) -> tuple[bytes, str]:
        """The figures of this moment and their content type, in the newest form that `accept` asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def collect(self) -> Iterable[Metric]:
        """For the registry: every series with its value now."""
        stats = self._serving_stats()
        yield self._gauge(*STARTED, self._started_at)
        for member, (name, text) in GAUGES.items():
            if member in stats:
                yield self._gauge(name, text, stats[member])
        if "loop_lag_ms" in stats:
            yield self._gauge(*LOOP_LAG, stats["loop_lag_ms"] / 1000)
        for member, (name, text) in COUNTERS.items():
            if member in stats:
                counter = CounterMetricFamily(name, text, labels=["worker"])
                counter.add_metric([self._worker], stats[member])
                yield counter
        yield self._refused(stats.get("refused_by_status", {}))

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        gauge = GaugeMetricFamily(name, text, labels=["worker"])
        gauge.add_metric([self._worker], value)
        return gauge

    def _refused(self, by_status: Mapping[int, int]) -> Metric:
        refused = CounterMetricFamily(*REFUSED, labels=["worker", "status"])
        for status, count in sorted(by_status.items()):
            refused.add_metric([self._worker, str(status)], count)
        return refused

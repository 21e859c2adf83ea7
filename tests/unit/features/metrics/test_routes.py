"""`/metrics` tells a scraper what the adapter counts, to administrators only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

import app_config
from bootstrap.container import Container
from common.config_service import ConfigService
from features.metrics import presentation, routes
from features.metrics.collector import BUCKETS, SAMPLES, MetricsCollector, merged
from features.metrics.service import COUNTERS, GAUGES, MetricsService
from features.wire.http import Access, Route
from serving.asgi_adapter import ThreadedWsgiToAsgi
from web.app import create_app

TOKEN = "let-me-in"


def client_of(**settings: str) -> FlaskClient:
    nowhere = Path("/nonexistent")
    container = Container(
        ConfigService(app_config.rows(), environ=settings, dotenv_path=nowhere, settings_path=nowhere)
    )
    container.serve_through(lambda: {"threads": 7, "queued": 2, "completed": 40, "refused_by_status": {503: 3}})
    rows = [
        Route("/metrics", routes.docs, routes.Metrics, Access.ADMIN),
        Route("/api/v0/metrics", routes.docs, routes.MetricsJson, Access.ADMIN),
    ]
    app = create_app(container, rows)
    return app.test_client()


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, dict(sample.labels), sample.value


def test_adapter_counters_are_series_with_the_worker_they_belong_to() -> None:
    response = client_of().get("/metrics")
    assert response.content_type.startswith("text/plain; version=")
    found = {(name, labels.get("status")): value for name, labels, value in samples(response.text)}
    assert found["citu_request_threads", None] == 7
    assert found["citu_requests_queued", None] == 2
    assert found["citu_requests_completed_total", None] == 40
    assert found["citu_requests_refused_total", "503"] == 3
    assert all(labels["worker"].isdigit() for _name, labels, _value in samples(response.text))


@pytest.mark.parametrize(
    ("settings", "headers", "address", "status"),
    [
        ({}, {}, "127.0.0.1", 200),
        ({}, {}, "203.0.113.9", 403),
        ({"ADMIN_TOKEN": TOKEN}, {}, "127.0.0.1", 403),
        ({"ADMIN_TOKEN": TOKEN}, {"Authorization": f"Bearer {TOKEN}"}, "203.0.113.9", 200),
    ],
)
def test_metrics_are_for_administrators(
    settings: dict[str, str], headers: dict[str, str], address: str, status: int
) -> None:
    response = client_of(**settings).get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": address})
    assert response.status_code == status
    assert ("citu_request_threads" in response.text) == (status == 200)


def test_every_adapter_counter_has_a_series() -> None:
    stats: dict[str, Any] = ThreadedWsgiToAsgi(lambda _environ, _start: [], max_body_bytes=1).stats()
    assert set(stats) - {"refused", "refused_by_status", "loop_lag_ms"} == set(GAUGES) | set(COUNTERS)


def test_start_without_an_adapter_still_names_the_process() -> None:
    snapshot = {**MetricsCollector().snapshot(), "started_at": 5.0}
    body, _content_type = MetricsService(snapshots=lambda: {"12": snapshot}).render("")
    assert ("citu_worker_start_time_seconds", {"worker": "12"}, 5.0) in list(samples(body.decode()))


def test_scraper_that_asks_for_openmetrics_gets_it() -> None:
    service = MetricsService(snapshots=dict)
    body, content_type = service.render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def two_workers() -> dict[str, dict[str, Any]]:
    one, other = MetricsCollector(), MetricsCollector()
    one.record_request("/a", "GET", 200, 0.02)
    one.record_request("/a", "GET", 404, 0.2)
    other.record_request("/a", "GET", 200, 120.0)
    other.record_request("/b", "POST", 503, 0.001)
    other.record_model_call("chat", 30)
    one.record_unproven_answer("react")
    other.record_unproven_answer("react")
    return {"1": one.snapshot(), "2": other.snapshot()}


def test_json_figures_are_over_all_workers_in_data_and_beside_it() -> None:
    envelope = presentation.shown(MetricsService(snapshots=two_workers).stats())
    assert {key: envelope[key] for key in envelope["data"]} == envelope["data"]
    data = envelope["data"]
    assert (data["request_count"], data["error_count"], data["error_rate"]) == (4, 2, 50.0)
    assert (data["max_response_time"], data["min_response_time"]) == (120.0, 0.001)
    assert data["avg_response_time"] == pytest.approx(120.221 / 4)
    assert set(data["system_stats"]) == {"cpu_percent", "memory_percent", "disk_percent", "timestamp"}
    assert [(row["route"], row["statuses"]) for row in data["routes"]] == [
        ("/a", {"200": 2, "404": 1}),
        ("/b", {"503": 1}),
    ]
    assert data["model_calls"] == {"calls": {"chat": 1}, "tokens": {"chat": 30}}
    assert data["unproven_answers"] == {"react": 2}
    assert [worker["request_count"] for worker in data["workers"]] == [2, 2]


def test_figures_without_a_request_are_all_there() -> None:
    data = MetricsService(snapshots=lambda: {"1": MetricsCollector().snapshot()}).stats()
    names = (
        "request_count",
        "error_count",
        "error_rate",
        "avg_response_time",
        "max_response_time",
        "min_response_time",
    )
    assert [data[name] for name in names] == [0] * 6


def test_scrape_has_the_series_of_every_worker() -> None:
    body, _content_type = MetricsService(snapshots=two_workers).render("")
    found = {(name, *sorted(labels.values())): value for name, labels, value in samples(body.decode())}
    assert found["citu_http_requests_total", *sorted(("1", "/a", "GET", "200"))] == 1
    assert found["citu_http_requests_total", *sorted(("2", "/a", "GET", "200"))] == 1
    assert found["citu_http_request_duration_seconds_bucket", *sorted(("2", "/a", "GET", "+Inf"))] == 1
    assert found["citu_http_request_duration_seconds_bucket", *sorted(("2", "/a", "GET", "60.0"))] == 0
    assert found["citu_model_tokens_total", "2", "chat"] == 30
    assert found["citu_unproven_answers_total", *sorted(("1", "react"))] == 1


def test_only_the_newest_samples_make_the_response_times() -> None:
    collector = MetricsCollector()
    collector.record_request("/a", "GET", 200, 99.0)
    for _ in range(SAMPLES):
        collector.record_request("/a", "GET", 200, 1.0)
    stats = collector.get_stats()
    assert (stats["max_response_time"], stats["request_count"]) == (1.0, SAMPLES + 1)


def test_processes_that_ended_are_added_up() -> None:
    one, two = two_workers().values()
    total = merged(one, two)
    assert sum(row[3] for row in total["requests"]) == 4
    assert [sum(classes[: len(BUCKETS) + 1]) for _route, _method, classes in total["durations"]] == [3, 1]


def test_requests_are_counted_by_route_and_a_strange_method_is_unknown() -> None:
    client = client_of()
    client.get("/metrics")
    client.open("/api/v0/metrics", method="BREW")
    client.get("/no/such/path/1")
    routes_of = {(row["route"], row["method"]) for row in client.get("/api/v0/metrics").get_json()["data"]["routes"]}
    assert {("/metrics", "GET"), ("unknown", "GET")} <= routes_of
    assert all(method in ("GET", "unknown") for _route, method in routes_of)

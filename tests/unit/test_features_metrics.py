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
from bootstrap.web import create_app
from common.config_service import ConfigService
from core.asgi_adapter import ThreadedWsgiToAsgi
from features.http import Access, Route
from features.metrics import routes
from features.metrics.service import COUNTERS, GAUGES, MetricsService

TOKEN = "let-me-in"


def client_of(**settings: str) -> FlaskClient:
    nowhere = Path("/nonexistent")
    container = Container(
        ConfigService(app_config.rows(), environ=settings, dotenv_path=nowhere, settings_path=nowhere)
    )
    container.serve_through(lambda: {"threads": 7, "queued": 2, "completed": 40, "refused_by_status": {503: 3}})
    app = create_app(container, [Route("/metrics", routes.docs, routes.Metrics, Access.ADMIN)])
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
    body, _content_type = MetricsService(serving_stats=dict, worker="12", started_at=5.0).render("")
    assert ("citu_worker_start_time_seconds", {"worker": "12"}, 5.0) in list(samples(body.decode()))


def test_scraper_that_asks_for_openmetrics_gets_it() -> None:
    service = MetricsService(serving_stats=dict, worker="12", started_at=5.0)
    body, content_type = service.render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")

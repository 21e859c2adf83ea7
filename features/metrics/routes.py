"""`GET /metrics` (no envelope, Prometheus's text format) and `GET /api/v0/metrics` (JSON): what the processes do."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from features.metrics import presentation
from features.metrics.schemas import MetricsEnvelope
from features.metrics.service import MetricsService
from features.wire.envelopes import ErrorEnvelope
from features.wire.http import Access, Route, ServiceResource, documented, envelope_response

docs = Namespace("metrics", description="What the processes of the service are doing")
figures = documented(docs, MetricsEnvelope)
failure = documented(docs, ErrorEnvelope)


class Metrics(ServiceResource[MetricsService], service="metrics"):
    """Figures for a scraper."""

    @docs.doc("metrics", description="Threads, queue, streams, requests, durations, model calls of every worker.")
    @docs.produces(["text/plain", "application/openmetrics-text", "application/json"])
    @docs.response(200, "Prometheus's text format")
    @docs.response(403, "The caller is not an administrator", failure)
    def get(self) -> Response:
        body, content_type = self._service.render(request.headers.get("Accept", ""))
        return Response(body, content_type=content_type)


class MetricsJson(ServiceResource[MetricsService], service="metrics"):
    """Figures for people."""

    @docs.doc("get_metrics", description="Requests, errors, response times and the machine's load, over all workers.")
    @docs.response(200, "The figures", figures)
    @docs.response(403, "The caller is not an administrator", failure)
    def get(self) -> Response:
        return envelope_response(presentation.shown(self._service.stats()))


ROUTES = (
    Route("/metrics", docs, Metrics, Access.ADMIN),
    Route("/api/v0/metrics", docs, MetricsJson, Access.ADMIN),
)

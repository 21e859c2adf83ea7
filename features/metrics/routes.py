"""`GET /metrics` (no envelope): the figures of the worker that answers, in Prometheus's text format."""

from __future__ import annotations

from typing import Any, Protocol

from flask import Response, request
from flask_restx import Namespace, Resource

from features.metrics.service import MetricsService

docs = Namespace("metrics", description="What the process is doing")


class MetricsServices(Protocol):
    """What these routes take from the container."""

    @property
    def metrics(self) -> MetricsService: ...


class Metrics(Resource):
    """Figures for a scraper."""

    def __init__(self, api: Any = None, *, services: MetricsServices) -> None:
        super().__init__(api)
        self._metrics = services.metrics

    @docs.doc("metrics", description="Threads, queue, requests in flight and refused, event loop lag of one worker.")
    @docs.produces(["text/plain"])
    @docs.response(200, "Prometheus's text format")
    @docs.response(403, "The caller is not an administrator")
    def get(self) -> Response:
        body, content_type = self._metrics.render(request.headers.get("Accept", ""))
        return Response(body, content_type=content_type)

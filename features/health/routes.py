"""`GET /health` (no envelope): 200 healthy or degraded, 503 when no answer is possible, or degraded with `strict=1`."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from features.health.schemas import HealthReport
from features.health.service import HealthService
from features.wire.http import Access, Route, ServiceResource, documented, json_response

docs = Namespace("health", description="Can questions be answered now")
report = documented(docs, HealthReport)


class Health(ServiceResource[HealthService], service="health"):
    """The state of the service and of everything behind it."""

    @docs.doc(
        "health",
        description="Whether questions can be answered now, and what is impaired.",
        params={"strict": {"in": "query", "type": "string", "description": "1: degraded is 503 too"}},
    )
    @docs.response(200, "Answers are possible", report)
    @docs.response(503, "No answer is possible", report)
    def get(self) -> Response:
        found = self._service.check()
        is_strict = request.args.get("strict") == "1"
        is_fine = found.status == "healthy" or (found.status == "degraded" and not is_strict)
        return json_response(found.model_dump(), 200 if is_fine else 503)


ROUTES = (Route("/health", docs, Health, Access.PUBLIC),)

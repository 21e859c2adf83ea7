"""`GET /`: the name and version of the service and what it offers (no envelope, docs/contract/questions.md)."""

from __future__ import annotations

from flask import Response
from flask_restx import Namespace

from common import messages
from common.result import local_timestamp
from features.health.service import HealthService
from features.wire.http import Access, Route, ServiceResource, json_response

VERSION = "1.0.0"

docs = Namespace("home", description="What runs here")


@docs.doc(security=None)
class Home(ServiceResource[HealthService], service="health"):
    """Name, version and services."""

    @docs.doc("home", description="Name, version and the state of the services behind it.")
    @docs.response(200, "The service runs")
    def get(self) -> Response:
        return json_response(
            {
                "message": messages.SERVICE_RUNNING,
                "version": VERSION,
                "services": self._service.check().services,
                "timestamp": local_timestamp(),
            }
        )


ROUTES = (Route("/", docs, Home, Access.PUBLIC),)

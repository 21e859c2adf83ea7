"""`GET /`: the name and version of the service and what it offers (no envelope, docs/contract/questions.md)."""

from __future__ import annotations

from typing import Protocol

from flask import Response
from flask_restx import Namespace

from common import messages
from common.result import local_timestamp
from features.health.service import HealthService
from features.wire.http import Access, Route, ServiceResource, json_response

VERSION = "1.0.0"

docs = Namespace("home", description="What runs here")


class HomeServices(Protocol):
    """What these routes take from the container."""

    @property
    def health(self) -> HealthService: ...


@docs.doc(security=None)
class Home(ServiceResource[HomeServices]):
    """Name, version and services."""

    @docs.doc("home", description="Name, version and the state of the services behind it.")
    @docs.response(200, "The service runs")
    def get(self) -> Response:
        return json_response(
            {
                "message": messages.SERVICE_RUNNING,
                "version": VERSION,
                "services": self._services.health.check().services,
                "timestamp": local_timestamp(),
            }
        )


ROUTES = (Route("/", docs, Home, Access.PUBLIC),)

"""`GET /api/v0/compatibility`: which path is answered by which handler and agent."""

from __future__ import annotations

from typing import Any, Protocol

from flask import Response
from flask_restx import Namespace, Resource

from features.compatibility.schemas import CompatibilityEnvelope
from features.compatibility.service import CompatibilityService
from features.wire.http import Access, Route, documented, envelope_response

docs = Namespace("compatibility", description="Which route is answered by what")
table = documented(docs, CompatibilityEnvelope)


class CompatibilityServices(Protocol):
    """What these routes take from the container."""

    @property
    def compatibility(self) -> CompatibilityService: ...


class Compatibility(Resource):
    """The compatibility map."""

    def __init__(self, api: Any = None, *, services: CompatibilityServices) -> None:
        super().__init__(api)
        self._services = services

    @docs.doc("compatibility", description="Handler, agent type, deprecation, methods and access of every path.")
    @docs.response(200, "The map", table)
    def get(self) -> Response:
        return envelope_response(self._services.compatibility.show())


ROUTES = (Route("/api/v0/compatibility", docs, Compatibility, Access.PUBLIC),)

"""`GET /api/v0/compatibility`: which path is answered by which handler and agent."""

from __future__ import annotations

from flask import Response
from flask_restx import Namespace

from features.compatibility import presentation
from features.compatibility.schemas import CompatibilityEnvelope
from features.compatibility.service import CompatibilityService
from features.wire.http import Access, Route, ServiceResource, documented, envelope_response

docs = Namespace("compatibility", description="Which route is answered by what")
table = documented(docs, CompatibilityEnvelope)


class Compatibility(ServiceResource[CompatibilityService], service="compatibility"):
    """The compatibility map."""

    @docs.doc("compatibility", description="Handler, agent type, deprecation, methods and access of every path.")
    @docs.response(200, "The map", table)
    def get(self) -> Response:
        return envelope_response(presentation.shown(self._service.show()))


ROUTES = (Route("/api/v0/compatibility", docs, Compatibility, Access.PUBLIC),)

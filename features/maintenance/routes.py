"""`/api/v0/maintenance/readonly`: shows and switches read-only mode; administrators only."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from features.maintenance import presentation
from features.maintenance.schemas import ModeEnvelope, ReadOnlySwitch, parse_switch
from features.maintenance.service import MaintenanceService
from features.wire.envelopes import ErrorEnvelope
from features.wire.http import Access, Route, ServiceResource, documented, envelope_response, json_object

docs = Namespace("maintenance", description="What operators switch")
switch = documented(docs, ReadOnlySwitch)
mode = documented(docs, ModeEnvelope)
failure = documented(docs, ErrorEnvelope)


@docs.response(403, "The caller is not an administrator", failure)
class ReadOnly(ServiceResource[MaintenanceService], service="maintenance"):
    """Read-only mode."""

    @docs.doc("maintenance_readonly", description="Whether writes are refused, why and since when.")
    @docs.response(200, "The mode", mode)
    def get(self) -> Response:
        return envelope_response(presentation.shown(self._service.show()))

    @docs.doc("switch_maintenance_readonly", description="Refuse every write (503) in all processes, or no longer.")
    @docs.expect(switch, validate=False)
    @docs.response(200, "The mode now", mode)
    @docs.response(400, "A parameter is wrong", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(503, "The platform database cannot be reached; nothing was switched", failure)
    def post(self) -> Response:
        body = json_object(request) if request.get_data(cache=True) else {}
        return envelope_response(presentation.switched(self._service.switch(parse_switch(body))))


ROUTES = (Route("/api/v0/maintenance/readonly", docs, ReadOnly, Access.ADMIN, is_json_only=True),)

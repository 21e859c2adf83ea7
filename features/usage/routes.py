"""`GET /api/v0/usage`: what the model calls of the tenant have used and cost; administrators only."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from common.tenant import DEFAULT_TENANT_NAME
from features.usage import presentation
from features.usage.schemas import UsageEnvelope, UsageRequest
from features.usage.service import UsageService
from features.wire.bodies import parse_body
from features.wire.envelopes import ErrorEnvelope
from features.wire.http import Access, Route, ServiceResource, documented, envelope_response

docs = Namespace("usage", description="What model calls use and cost")
report = documented(docs, UsageEnvelope)
failure = documented(docs, ErrorEnvelope)
PARAMETERS = {
    "from": {"in": "query", "type": "string", "description": "First UTC day, YYYY-MM-DD; 30 days by default"},
    "to": {"in": "query", "type": "string", "description": "Last UTC day, YYYY-MM-DD; today by default"},
    "group_by": {"in": "query", "type": "string", "description": "Any of day, user, route, model, comma-separated"},
    "page": {"in": "query", "type": "integer", "description": "From 1"},
    "page_size": {"in": "query", "type": "integer", "description": "Groups a page carries, 1 to 200; 50 by default"},
}


class Usage(ServiceResource[UsageService], service="usage"):
    """Tokens and costs."""

    @docs.doc("usage", description="Tokens and costs of model calls by day, user, route or model.", params=PARAMETERS)
    @docs.response(200, "The sums", report)
    @docs.response(400, "A parameter is wrong", failure)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(503, "The platform database cannot be reached", failure)
    def get(self) -> Response:
        wanted = parse_body(UsageRequest, request.args.to_dict())
        usage = self._service.report(DEFAULT_TENANT_NAME, wanted)
        return envelope_response(presentation.reported(wanted, usage))


ROUTES = (Route("/api/v0/usage", docs, Usage, Access.ADMIN),)

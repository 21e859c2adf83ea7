"""`GET /api/v0/agent_health`: 200 when the classic agent can answer as it should, else 503 with what does not work."""

from __future__ import annotations

from flask import Response
from flask_restx import Namespace

from features.health.agent import presentation
from features.health.agent.schemas import AgentHealthEnvelope
from features.health.agent.service import AgentHealthService
from features.wire.http import Access, Route, ServiceResource, documented, envelope_response

docs = Namespace("agent_health", description="Can the classic agent answer")
report = documented(docs, AgentHealthEnvelope)


class AgentHealthCheck(ServiceResource[AgentHealthService], service="agent_health"):
    """Exercises the classic agent."""

    @docs.doc(
        "agent_health",
        description="Exercise classifier, model, training store and business database with a test question.",
    )
    @docs.response(200, "The agent answers", report)
    @docs.response(500, "The examination itself broke off", report)
    @docs.response(503, "The agent is degraded or does not answer", report)
    def get(self) -> Response:
        return envelope_response(presentation.shown(self._service.check()))


ROUTES = (Route("/api/v0/agent_health", docs, AgentHealthCheck, Access.PUBLIC, is_starting=True),)

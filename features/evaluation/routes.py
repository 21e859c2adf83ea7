"""`/api/v0/evaluation/runs`: golden questions asked through the live service; administrators only."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from common.tenant import DEFAULT_TENANT_NAME
from features.evaluation import presentation
from features.evaluation.schemas import EvaluationEnvelope, EvaluationRequest
from features.evaluation.service import EvaluationService
from features.wire.bodies import parse_body
from features.wire.envelopes import ErrorEnvelope
from features.wire.http import Access, Route, ServiceResource, Work, documented, envelope_response, json_object

docs = Namespace("evaluation", description="Golden questions asked through the live service and judged by their rows")
golden = documented(docs, EvaluationRequest)
run = documented(docs, EvaluationEnvelope)
failure = documented(docs, ErrorEnvelope)


class _EvaluationResource(ServiceResource[EvaluationService], service="evaluation"):
    """A resource that asks the evaluation service."""


class EvaluationRuns(_EvaluationResource):
    """New runs."""

    @docs.doc("start_evaluation", description="Ask golden questions in the background.")
    @docs.expect(golden, validate=False)
    @docs.response(202, "The run", run)
    @docs.response(400, "A parameter is missing or wrong", failure)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(429, "The earlier evaluation has not ended", failure)
    @docs.response(503, "No room now, or Redis cannot be reached", failure)
    def post(self) -> Response:
        wanted = parse_body(EvaluationRequest, json_object(request))
        return envelope_response(presentation.started(self._service.start(DEFAULT_TENANT_NAME, wanted)))


class EvaluationRun(_EvaluationResource):
    """One run."""

    @docs.doc("get_evaluation", description="The run as it is now, with its figures once it has completed.")
    @docs.response(200, "The run", run)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(404, "There is no such run, or it has expired", failure)
    @docs.response(503, "Redis cannot be reached", failure)
    def get(self, run_id: str) -> Response:
        return envelope_response(presentation.shown(self._service.state(DEFAULT_TENANT_NAME, run_id)))


ROUTES = (
    Route("/api/v0/evaluation/runs", docs, EvaluationRuns, Access.ADMIN, is_json_only=True, work=Work.QUESTION),
    Route("/api/v0/evaluation/runs/<run_id>", docs, EvaluationRun, Access.ADMIN),
)

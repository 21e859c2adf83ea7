"""What administrators review of the training data: conflicts, records in quarantine, pairs the schema left behind."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from common.tenant import DEFAULT_TENANT_NAME
from features.training_data.drift_service import MOST_A_PAGE as MOST_EXAMINED
from features.training_data.routes import TrainingResource
from features.training_data.schemas import ReviewRequest, TrainingEnvelope, page_of_query
from features.wire.bodies import parse_body
from features.wire.envelopes import ErrorEnvelope
from features.wire.http import Access, Route, documented, envelope_response, json_object

docs = Namespace("training_review", description="What administrators review of the training data")
answer = documented(docs, TrainingEnvelope)
failure = documented(docs, ErrorEnvelope)
PAGE = {
    "page": {"in": "query", "type": "integer", "description": "From 1"},
    "page_size": {"in": "query", "type": "integer", "description": "1 to 100, for drift 1 to 50; 20 by default"},
}
STATUS = {"status": {"in": "query", "type": "string", "description": "pending, approved or rejected"}}


class TrainingDataConflicts(TrainingResource):
    """Questions with more than one SQL."""

    @docs.doc("training_data_conflicts", description="Pairs that answer one question with different SQL.", params=PAGE)
    @docs.response(200, "A page of questions with their pairs", answer)
    @docs.response(400, "A parameter is wrong", failure)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(503, "The platform database cannot be reached", failure)
    def get(self) -> Response:
        page = page_of_query(request.args.to_dict())
        return envelope_response(self._service.review.conflicts(DEFAULT_TENANT_NAME, page))


class TrainingDataQuarantine(TrainingResource):
    """Records that wait."""

    @docs.doc("training_data_quarantine", description="Records in quarantine and why.", params={**PAGE, **STATUS})
    @docs.response(200, "A page of records", answer)
    @docs.response(400, "A parameter is wrong", failure)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(503, "The platform database cannot be reached", failure)
    def get(self) -> Response:
        status, page = request.args.get("status", "pending"), page_of_query(request.args.to_dict())
        return envelope_response(self._service.review.quarantine(DEFAULT_TENANT_NAME, status, page))


class TrainingDataQuarantineApprove(TrainingResource):
    """Records that are harmless after all."""

    @docs.doc("training_data_quarantine_approve", description="Make training records of waiting ones.")
    @docs.expect(documented(docs, ReviewRequest), validate=False)
    @docs.response(200, "All are training data now", answer)
    @docs.response(207, "Some are: data.failed_details", answer)
    @docs.response(400, "None is, or a parameter is missing or wrong", failure)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(503, "The platform database or the model cannot be reached", failure)
    def post(self) -> Response:
        wanted = parse_body(ReviewRequest, json_object(request))
        return envelope_response(self._service.review.approve(DEFAULT_TENANT_NAME, wanted))


class TrainingDataQuarantineReject(TrainingResource):
    """Rejects waiting records."""

    @docs.doc("training_data_quarantine_reject", description="Settle waiting records without using them.")
    @docs.expect(documented(docs, ReviewRequest), validate=False)
    @docs.response(200, "All are rejected", answer)
    @docs.response(207, "Some are: data.failed_details", answer)
    @docs.response(400, "None is, or a parameter is missing or wrong", failure)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(503, "The platform database cannot be reached", failure)
    def post(self) -> Response:
        wanted = parse_body(ReviewRequest, json_object(request))
        return envelope_response(self._service.review.reject(DEFAULT_TENANT_NAME, wanted))


class TrainingDataDrift(TrainingResource):
    """Pairs that no longer work."""

    @docs.doc("training_data_drift", description="Pairs whose SQL the guard or the planner refuses now.", params=PAGE)
    @docs.response(200, "Those among a page of all pairs", answer)
    @docs.response(400, "A parameter is wrong", failure)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(503, "A database cannot be reached", failure)
    def get(self) -> Response:
        page = page_of_query(request.args.to_dict(), most=MOST_EXAMINED)
        return envelope_response(self._service.drift.page(DEFAULT_TENANT_NAME, page))


ROUTES = (
    Route("/api/v0/training_data/conflicts", docs, TrainingDataConflicts, Access.ADMIN),
    Route("/api/v0/training_data/quarantine", docs, TrainingDataQuarantine, Access.ADMIN),
    Route(
        "/api/v0/training_data/quarantine/approve",
        docs,
        TrainingDataQuarantineApprove,
        Access.ADMIN,
        writes=("POST",),
        is_json_only=True,
    ),
    Route(
        "/api/v0/training_data/quarantine/reject",
        docs,
        TrainingDataQuarantineReject,
        Access.ADMIN,
        writes=("POST",),
        is_json_only=True,
    ),
    Route("/api/v0/training_data/drift", docs, TrainingDataDrift, Access.ADMIN),
)

"""`/api/v0/qa_feedback/*`: parses requests, lets the service decide, renders envelopes."""

from __future__ import annotations

from typing import Any, Protocol

from flask import Response, request
from flask_restx import Namespace

from common.tenant import DEFAULT_TENANT_NAME as TENANT
from core.vector_store.origin import Standing
from features.feedback import presentation, schemas
from features.feedback.service import FeedbackService
from features.wire.envelopes import ErrorEnvelope
from features.wire.http import Access, Route, ServiceResource, Work, documented, envelope_response, json_object

docs = Namespace("feedback", description="What users say of answers")
failure = documented(docs, ErrorEnvelope)
AWAY = "The platform database cannot be reached, or the service is in read-only mode"


class TrainingTrust(Protocol):
    """Says what the training records of a request's caller may."""

    def standing_of(self, request: Any) -> Standing: ...

    def demand_change(self, request: Any) -> None: ...


class FeedbackResource(ServiceResource[FeedbackService], service="feedback"):
    """What the resources here share."""


@docs.response(400, "A parameter is missing or wrong", failure)
@docs.response(413, "The body is too large", failure)
@docs.response(503, AWAY, failure)
class QaFeedbackAdd(FeedbackResource):
    """A new verdict."""

    @docs.doc("qa_feedback_add", description="Keep what a user says of an answer.")
    @docs.expect(documented(docs, schemas.NewFeedback), validate=False)
    @docs.response(200, "Its id", documented(docs, schemas.AddedEnvelope))
    def post(self) -> Response:
        verdict = schemas.parse_new(json_object(request))
        return envelope_response(presentation.added(self._service.add(TENANT, verdict)))


@docs.response(400, "A parameter is wrong", failure)
@docs.response(413, "The body is too large", failure)
@docs.response(503, AWAY, failure)
class QaFeedbackQuery(FeedbackResource):
    """Verdicts, filtered, sorted and in pages."""

    @docs.doc("qa_feedback_query", description="Verdicts, filtered, sorted and in pages.")
    @docs.expect(documented(docs, schemas.FeedbackQuery), validate=False)
    @docs.response(200, "A page of verdicts", documented(docs, schemas.FoundEnvelope))
    def post(self) -> Response:
        query = schemas.parse_query(json_object(request))
        return envelope_response(presentation.listed(query, self._service.query(TENANT, query)))


@docs.response(400, "Nothing to change, or a wrong value", failure)
@docs.response(403, "Only administrators may change verdicts: TRAINING_TRUST is reviewed or admin", failure)
@docs.response(404, "No such verdict", failure)
@docs.response(413, "The body is too large", failure)
@docs.response(503, AWAY, failure)
class QaFeedbackUpdate(FeedbackResource):
    """Changes of a verdict."""

    @docs.doc("qa_feedback_update", description="Change a verdict; training data made from it stays as it is.")
    @docs.expect(documented(docs, schemas.FeedbackChange), validate=False)
    @docs.response(200, "What was changed", documented(docs, schemas.UpdatedEnvelope))
    def put(self, feedback_id: int) -> Response:
        self._services.training_trust.demand_change(request)
        change = schemas.parse_change(json_object(request))
        self._service.update(TENANT, feedback_id, change)
        return envelope_response(presentation.updated(feedback_id, change))


@docs.response(404, "No such verdict", failure)
@docs.response(503, AWAY, failure)
class QaFeedbackDelete(FeedbackResource):
    """Deletes a verdict."""

    @docs.doc("qa_feedback_delete", description="Forget a verdict; training data made from it stays.")
    @docs.response(200, "What was deleted", documented(docs, schemas.DeletedEnvelope))
    def delete(self, feedback_id: int) -> Response:
        self._service.delete(TENANT, feedback_id)
        return envelope_response(presentation.deleted(feedback_id))


@docs.response(400, "No list of ids", failure)
@docs.response(403, "Only administrators may train", failure)
@docs.response(404, "None of the ids is there", failure)
@docs.response(413, "The body is too large", failure)
@docs.response(503, "The platform database or the embedding service cannot be reached, or read-only mode", failure)
class QaFeedbackAddToTraining(FeedbackResource):
    """Verdicts that become training data."""

    @docs.doc("qa_feedback_add_to_training", description="Right answers become sql, wrong ones error_sql records.")
    @docs.expect(documented(docs, schemas.TrainingRequest), validate=False)
    @docs.response(200, "What became of each; also when all failed", documented(docs, schemas.TrainedEnvelope))
    def post(self) -> Response:
        standing = self._services.training_trust.standing_of(request)
        ids = schemas.parse_training(json_object(request))
        return envelope_response(presentation.trained(ids, self._service.add_to_training(TENANT, ids, standing)))


class QaFeedbackStats(FeedbackResource):
    """Counts of verdicts."""

    @docs.doc("qa_feedback_stats", description="How many verdicts, right and wrong, trained or not.")
    @docs.response(200, "The counts", documented(docs, schemas.CountedEnvelope))
    @docs.response(503, "The platform database cannot be reached", failure)
    def get(self) -> Response:
        return envelope_response(presentation.counted(self._service.stats(TENANT)))


ROUTES = (
    Route("/api/v0/qa_feedback/add", docs, QaFeedbackAdd, Access.PUBLIC, writes=("POST",), work=Work.TRAINING),
    Route("/api/v0/qa_feedback/query", docs, QaFeedbackQuery, Access.PUBLIC),
    Route("/api/v0/qa_feedback/stats", docs, QaFeedbackStats, Access.PUBLIC),
    Route(
        "/api/v0/qa_feedback/update/<int:feedback_id>",
        docs,
        QaFeedbackUpdate,
        Access.PUBLIC,
        writes=("PUT",),
        work=Work.TRAINING,
    ),
    Route("/api/v0/qa_feedback/delete/<int:feedback_id>", docs, QaFeedbackDelete, Access.ADMIN, writes=("DELETE",)),
    Route(
        "/api/v0/qa_feedback/add_to_training",
        docs,
        QaFeedbackAddToTraining,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.TRAINING,
    ),
)

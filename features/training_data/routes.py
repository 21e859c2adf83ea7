"""The training data routes that existing clients know: parse, let the services decide, render."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from common.errors import BadRequestError
from common.tenant import DEFAULT_TENANT_NAME
from core.vector_store.origin import Standing
from features.training_data.answers import bad_request
from features.training_data.bundle import TrainingServices
from features.training_data.schemas import (
    CombineRequest,
    CreateRequest,
    DeleteRequest,
    PairRequest,
    QueryRequest,
    TrainingEnvelope,
    UpdateRequest,
)
from features.wire.bodies import parse_body
from features.wire.envelopes import ErrorEnvelope
from features.wire.http import Access, Route, ServiceResource, Work, documented, envelope_response, json_object

docs = Namespace("training_data", description="What the question services learn from")
answer = documented(docs, TrainingEnvelope)
failure = documented(docs, ErrorEnvelope)
UPLOAD = {
    "file": {"in": "formData", "type": "file", "description": "At most 500 KB; UTF-8, UTF-16 or GB18030"},
    "file_type": {"in": "formData", "type": "string", "description": "ddl, markdown, sql_pair_json, sql_pair or sql"},
}


class TrainingResource(ServiceResource[TrainingServices], service="training"):
    """A route on the training services."""

    @property
    def _standing(self) -> Standing:
        """What the caller's records may; raises `ForbiddenError` when he may train nothing."""
        return self._service.standing_of(request)


class TrainingDataStats(TrainingResource):
    """How much there is."""

    @docs.doc("training_data_stats", description="Records by kind; those waiting for approval are counted apart.")
    @docs.response(200, "The counts", answer)
    @docs.response(503, "The platform database cannot be reached", failure)
    def get(self) -> Response:
        return envelope_response(self._service.data.stats(DEFAULT_TENANT_NAME))


class TrainingDataQuery(TrainingResource):
    """A page of records."""

    @docs.doc("training_data_query", description="Records by kind and keyword, a page at a time.")
    @docs.expect(documented(docs, QueryRequest), validate=False)
    @docs.response(200, "A page", answer)
    @docs.response(400, "A parameter is wrong", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(503, "The platform database cannot be reached", failure)
    def post(self) -> Response:
        wanted = parse_body(QueryRequest, json_object(request))
        return envelope_response(self._service.data.query(DEFAULT_TENANT_NAME, wanted))


class TrainingDataCreate(TrainingResource):
    """New records."""

    @docs.doc("training_data_create", description="Keep one record or up to 50, each with its own outcome.")
    @docs.expect(documented(docs, CreateRequest), validate=False)
    @docs.response(200, "All were kept", answer)
    @docs.response(207, "Some were kept: data.results", answer)
    @docs.response(400, "None was kept, or a parameter is missing or wrong", failure)
    @docs.response(403, "Only administrators may train", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(429, "The day's model usage is spent", failure)
    @docs.response(503, "The platform database or the model cannot be reached; nothing was kept", failure)
    def post(self) -> Response:
        wanted = parse_body(CreateRequest, json_object(request))
        return envelope_response(self._service.data.create(DEFAULT_TENANT_NAME, wanted, self._standing))


class TrainingDataDelete(TrainingResource):
    """Records that go."""

    @docs.doc("training_data_delete", description="Delete up to 50 records, each with its own outcome.")
    @docs.expect(documented(docs, DeleteRequest), validate=False)
    @docs.response(200, "All were deleted", answer)
    @docs.response(207, "Some were deleted: data.failed_details", answer)
    @docs.response(400, "None was deleted, or a parameter is missing or wrong", failure)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(503, "The platform database cannot be reached", failure)
    def post(self) -> Response:
        wanted = parse_body(DeleteRequest, json_object(request))
        return envelope_response(self._service.data.delete(DEFAULT_TENANT_NAME, wanted))


class TrainingDataUpdate(TrainingResource):
    """A record that takes another's place."""

    @docs.doc("training_data_update", description="Replace a record, with all of the change or none of it.")
    @docs.expect(documented(docs, UpdateRequest), validate=False)
    @docs.response(200, "It was replaced; it has a new id", answer)
    @docs.response(400, "A parameter is missing or wrong, or the record is absent; nothing was changed", failure)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(429, "The day's model usage is spent", failure)
    @docs.response(503, "The platform database or the model cannot be reached; nothing was changed", failure)
    def post(self) -> Response:
        wanted = parse_body(UpdateRequest, json_object(request))
        return envelope_response(self._service.data.update(DEFAULT_TENANT_NAME, wanted, self._standing))


class TrainingDataUpload(TrainingResource):
    """A file full of records."""

    @docs.doc("training_data_upload", description="Keep the records of a file.", params=UPLOAD)
    @docs.response(200, "The file was taken: data.items_created, items_failed, item_errors", answer)
    @docs.response(400, "The file was refused, or none of its records was kept", failure)
    @docs.response(403, "Only administrators may train", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(429, "The day's model usage is spent", failure)
    @docs.response(503, "The platform database or the model cannot be reached; nothing was kept", failure)
    def post(self) -> Response:
        standing = self._standing
        file = request.files.get("file")
        envelope = self._service.uploads.upload(
            DEFAULT_TENANT_NAME,
            None if file is None else file.stream,  # type: ignore[arg-type]  # IO[bytes]
            None if file is None else file.filename,
            request.form.get("file_type"),
            standing,
        )
        return envelope_response(envelope, self._service.historical_status(envelope))


class TrainingDataCombine(TrainingResource):
    """Duplicates."""

    @docs.doc("training_data_combine", description="Find duplicates; with dry_run false, delete them (administrators).")
    @docs.expect(documented(docs, CombineRequest), validate=False)
    @docs.response(200, "The duplicates", answer)
    @docs.response(400, "A parameter is missing or wrong", failure)
    @docs.response(403, "dry_run is false and the caller is not an administrator", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(503, "The platform database cannot be reached; nothing was changed", failure)
    def post(self) -> Response:
        try:
            body = json_object(request)
        except BadRequestError as error:
            envelope = bad_request(error.message)
        else:
            if not CombineRequest.model_validate(body).only_tells:
                self._service.require_admin(request)
            envelope = self._service.combining.combine(DEFAULT_TENANT_NAME, body)
        return envelope_response(envelope, self._service.historical_status(envelope))


class CituTrainQuestionSql(TrainingResource):
    """One right pair."""

    @docs.doc("citu_train_question_sql", description="Keep a pair; a missing question is written by the model.")
    @docs.expect(documented(docs, PairRequest), validate=False)
    @docs.response(200, "It was kept", answer)
    @docs.response(400, "A parameter is missing or wrong, or no question could be written", failure)
    @docs.response(403, "Only administrators may train", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(429, "The day's model usage is spent", failure)
    @docs.response(503, "The platform database or the model cannot be reached; nothing was kept", failure)
    def post(self) -> Response:
        wanted = parse_body(PairRequest, json_object(request))
        return envelope_response(self._service.pairs.train(DEFAULT_TENANT_NAME, wanted, self._standing))


class TrainingErrorQuestionSql(TrainingResource):
    """One wrong pair."""

    @docs.doc("training_error_question_sql", description="Keep a pair that shows how not to answer.")
    @docs.expect(documented(docs, PairRequest), validate=False)
    @docs.response(200, "It was kept", answer)
    @docs.response(400, "A parameter is missing or wrong", failure)
    @docs.response(403, "Only administrators may train", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(429, "The day's model usage is spent", failure)
    @docs.response(503, "The platform database or the model cannot be reached; nothing was kept", failure)
    def post(self) -> Response:
        wanted = parse_body(PairRequest, json_object(request))
        return envelope_response(self._service.pairs.train_wrong(DEFAULT_TENANT_NAME, wanted, self._standing))


ROUTES = (
    Route("/api/v0/training_data/stats", docs, TrainingDataStats, Access.PUBLIC),
    Route("/api/v0/training_data/query", docs, TrainingDataQuery, Access.PUBLIC),
    Route(
        "/api/v0/training_data/create", docs, TrainingDataCreate, Access.PUBLIC, writes=("POST",), work=Work.TRAINING
    ),
    Route("/api/v0/training_data/delete", docs, TrainingDataDelete, Access.ADMIN, writes=("POST",)),
    Route("/api/v0/training_data/update", docs, TrainingDataUpdate, Access.ADMIN, writes=("POST",), work=Work.TRAINING),
    Route("/api/v0/training_data/upload", docs, TrainingDataUpload, Access.PUBLIC, writes=("POST",), work=Work.UPLOAD),
    Route(
        "/api/v0/training_data/combine",
        docs,
        TrainingDataCombine,
        Access.PUBLIC,
        writes=("POST",),
        is_json_only=True,
        work=Work.TRAINING,
    ),
    Route(
        "/api/v0/citu_train_question_sql",
        docs,
        CituTrainQuestionSql,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.TRAINING,
    ),
    Route(
        "/api/v0/training_error_question_sql",
        docs,
        TrainingErrorQuestionSql,
        Access.PUBLIC,
        writes=("POST",),
        is_json_only=True,
        work=Work.TRAINING,
    ),
)

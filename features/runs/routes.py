"""`/api/v0/runs`: parses requests, lets the service decide, renders envelopes and event streams."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from features.runs.schemas import RunEnvelope, RunRequest
from features.runs.service import RunService
from features.wire.bodies import parse_body
from features.wire.envelopes import ErrorEnvelope
from features.wire.http import (
    Access,
    Route,
    ServiceResource,
    Work,
    caller_left,
    documented,
    envelope_response,
    event_stream,
    json_object,
    last_event_id,
)

docs = Namespace("runs", description="Questions answered in the background, watched and stopped from anywhere")
question = documented(docs, RunRequest)
run = documented(docs, RunEnvelope)
failure = documented(docs, ErrorEnvelope)


class _RunResource(ServiceResource[RunService], service="runs"):
    """A resource that asks the runs' service."""


class Runs(_RunResource):
    """New runs."""

    @docs.doc("create_run", description="Answer a question in the background.")
    @docs.expect(question, validate=False)
    @docs.param("Idempotency-Key", "A repeated request with it finds the first one's run", _in="header")
    @docs.response(202, "The run", run)
    @docs.response(200, "The run that the idempotency key made before", run)
    @docs.response(400, "A parameter is missing or wrong", failure)
    @docs.response(409, "The conversation is busy and when_busy is reject", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(422, "The idempotency key was used for another request", failure)
    @docs.response(429, "The user has as many unfinished runs as one may have", failure)
    @docs.response(503, "No room now, or Redis cannot be reached", failure)
    def post(self) -> Response:
        body = json_object(request)
        key = request.headers.get("Idempotency-Key")
        wanted = parse_body(RunRequest, body if key is None else {**body, "idempotency_key": key})
        return envelope_response(self._service.create(wanted))


class RunState(_RunResource):
    """One run."""

    @docs.doc("get_run", description="The run as it is now, with its result once it has ended.")
    @docs.param("user_id", "Whose run it is; another user's is answered like an unknown one")
    @docs.response(200, "The run", run)
    @docs.response(404, "There is no such run, or it has expired", failure)
    @docs.response(503, "Redis cannot be reached", failure)
    def get(self, run_id: str) -> Response:
        return envelope_response(self._service.state(run_id, request.args.get("user_id")))


class RunEvents(_RunResource):
    """The events of one run."""

    @docs.doc("watch_run", description="Server-sent events: progress, text, and one last event of the final state.")
    @docs.produces(["text/event-stream", "application/json"])
    @docs.param("user_id", "Whose run it is; another user's is answered like an unknown one")
    @docs.param("Last-Event-ID", "Go on after this event", _in="header")
    @docs.param("last_event_id", "The same, for clients that cannot set headers")
    @docs.param("tokens", "1: send the answer's text as it is written")
    @docs.response(200, "The events")
    @docs.response(400, "Last-Event-ID is no number", failure)
    @docs.response(404, "There is no such run, or it has expired", failure)
    @docs.response(503, "Redis cannot be reached", failure)
    def get(self, run_id: str) -> Response:
        tokens = request.args.get("tokens") == "1"
        user_id = request.args.get("user_id")
        frames = self._service.events(
            run_id, last_event_id(request), user_id, tokens=tokens, leaving=caller_left(request)
        )
        return event_stream(frames)


class RunStop(_RunResource):
    """Stopping one run."""

    @docs.doc("stop_run", description="Stop the run, its model call and its SQL statement; an ended run stays.")
    @docs.param("user_id", "Whose run it is; another user's is answered like an unknown one")
    @docs.response(200, "The run", run)
    @docs.response(404, "There is no such run, or it has expired", failure)
    @docs.response(503, "Redis cannot be reached", failure)
    def post(self, run_id: str) -> Response:
        return envelope_response(self._service.stop(run_id, request.args.get("user_id")))


ROUTES = (
    Route("/api/v0/runs", docs, Runs, Access.PUBLIC, is_json_only=True, work=Work.QUESTION),
    Route("/api/v0/runs/<run_id>", docs, RunState, Access.PUBLIC),
    Route("/api/v0/runs/<run_id>/events", docs, RunEvents, Access.PUBLIC),
    Route("/api/v0/runs/<run_id>/stop", docs, RunStop, Access.PUBLIC),
)

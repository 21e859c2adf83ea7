"""`POST /api/v0/ask` and `/ask_cached`: parse the request, let the service decide, render the envelope."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from features.ask.direct.schemas import CachedAskEnvelope, DirectAskEnvelope, DirectAskRequest
from features.ask.direct.service import DirectAskService
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
    json_object,
)

docs = Namespace("direct_ask", description="Questions straight to the database")
question = documented(docs, DirectAskRequest)
answer = documented(docs, DirectAskEnvelope)
kept_answer = documented(docs, CachedAskEnvelope)
failure = documented(docs, ErrorEnvelope)
FAILURES = {
    "400": ("A parameter is missing or wrong", failure),
    "413": ("The body is too large", failure),
    "422": ("No SQL was written, or it was not admitted", failure),
    "429": ("The tenant or the user has used the day's model tokens", failure),
    "500": ("The database refused the statement or broke it off", failure),
    "503": ("Model, store or business database cannot be reached", failure),
}


class Ask(ServiceResource[DirectAskService], service="direct_ask"):
    """One question, its SQL and rows."""

    @docs.doc(
        "ask", description="Answer a question with SQL, rows and a summary, without conversation.", responses=FAILURES
    )
    @docs.expect(question, validate=False)
    @docs.response(200, "The answer", answer)
    def post(self) -> Response:
        wanted = parse_body(DirectAskRequest, json_object(request))
        return envelope_response(self._service.ask(wanted, caller_left(request)))


class AskCached(ServiceResource[DirectAskService], service="direct_ask"):
    """The same, from the cache when it was asked before."""

    @docs.doc("ask_cached", description="Like ask, but an answer found before is given again.", responses=FAILURES)
    @docs.expect(question, validate=False)
    @docs.response(200, "The answer", kept_answer)
    def post(self) -> Response:
        wanted = parse_body(DirectAskRequest, json_object(request))
        return envelope_response(self._service.ask_cached(wanted, caller_left(request)))


ROUTES = (
    Route("/api/v0/ask", docs, Ask, Access.PUBLIC, work=Work.QUESTION),
    Route("/api/v0/ask_cached", docs, AskCached, Access.PUBLIC, work=Work.QUESTION),
)

"""`POST /api/v0/ask_agent`: parses the request, lets the service decide, renders the envelope."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from features.ask.schemas import AskEnvelope, AskRequest
from features.ask.service import AskService
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

docs = Namespace("ask", description="Questions in natural language")
question = documented(docs, AskRequest)
answer = documented(docs, AskEnvelope)
failure = documented(docs, ErrorEnvelope)


class AskAgent(ServiceResource[AskService], service="ask"):
    """The classic agent: one question, one answer."""

    @docs.doc("ask_agent", description="Answer a question with SQL, rows and text, or by chatting.")
    @docs.expect(question, validate=False)
    @docs.response(200, "The answer", answer)
    @docs.response(400, "A parameter is missing or wrong", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(422, "No valid SQL could be produced", failure)
    @docs.response(429, "The tenant or the user has used the day's model tokens", failure)
    @docs.response(500, "The query failed", failure)
    @docs.response(503, "Model, store or business database cannot be reached", failure)
    def post(self) -> Response:
        wanted = parse_body(AskRequest, json_object(request))
        return envelope_response(self._service.ask(wanted, caller_left(request)))


ROUTES = (Route("/api/v0/ask_agent", docs, AskAgent, Access.PUBLIC, work=Work.QUESTION),)

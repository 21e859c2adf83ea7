"""The historical event streams: parses the query and returns the service's stream."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from features.runs.streams.react_form import REACT_FORM
from features.runs.streams.service import CLASSIC_FORM, StreamForm, StreamRequest, StreamService
from features.wire.http import Access, Route, ServiceResource, Work, caller_left, event_stream

docs = Namespace("streams", description="Questions answered as event streams")


class _Stream(ServiceResource[StreamService], service="streams"):
    def _events(self, form: StreamForm) -> Response:
        wanted = StreamRequest(request.args.to_dict(), request.headers.get("Last-Event-ID"))
        frames = self._service.events(form, wanted, caller_left(request))
        return event_stream(frames)


class AskAgentStream(_Stream):
    """The classic agent, step by step."""

    @docs.doc("ask_agent_stream", description="Answer a question, telling each step. Errors are events: always 200.")
    @docs.produces(["text/event-stream"])
    @docs.param("question", "What is to be found out", required=True)
    @docs.param("user_id", "Defaults to the owner of conversation_id, else guest")
    @docs.param("conversation_id", "Continue this conversation")
    @docs.param("session_id", "Without a user_id, whose conversations are gone on with")
    @docs.param("continue_conversation", "true: continue the newest conversation of the user")
    @docs.param("routing_mode", "database_direct, chat_direct, hybrid or llm_only")
    @docs.param("tokens", "1: send the answer's text as it is written")
    @docs.param("on_disconnect", "cancel: stop when the client leaves")
    @docs.param("Last-Event-ID", "Go on with the run this event belongs to", _in="header")
    @docs.response(200, "The events")
    def get(self) -> Response:
        return self._events(CLASSIC_FORM)


class AskReactAgentStream(_Stream):
    """The ReAct agent, step by step."""

    @docs.doc("ask_react_agent_stream", description="Answer in steps with tools, telling each. Errors are events: 200.")
    @docs.produces(["text/event-stream"])
    @docs.param("question", "What is to be found out; at most 2000 characters", required=True)
    @docs.param("user_id", "Defaults to the owner of thread_id, else guest")
    @docs.param("thread_id", "Go on in this thread; a new one begins under an unknown id")
    @docs.param("conversation_id", "The same as thread_id, when that is not given")
    @docs.param("session_id", "Without a user_id, whose conversations are gone on with")
    @docs.param("tokens", "1: send the answer's text as it is written")
    @docs.param("on_disconnect", "cancel: stop when the client leaves")
    @docs.param("Last-Event-ID", "Go on with the run this event belongs to", _in="header")
    @docs.response(200, "The events")
    def get(self) -> Response:
        return self._events(REACT_FORM)


ROUTES = (
    Route("/api/v0/ask_agent_stream", docs, AskAgentStream, Access.PUBLIC, is_starting=True, work=Work.STREAM),
    Route(
        "/api/v0/ask_react_agent_stream", docs, AskReactAgentStream, Access.PUBLIC, is_starting=True, work=Work.STREAM
    ),
)

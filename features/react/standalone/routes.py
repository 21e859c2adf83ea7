"""The routes of the stand-alone ReAct service (docs/react_service.md), beside those of `features.react.chat.routes`."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from common.messages import react_api as texts
from features.react.chat.routes import ChatResource, answered
from features.react.schemas import AskReactEnvelope, AskReactFailure, AskReactRequest, BareAnswer
from features.react.standalone.service import StandaloneReactService
from features.wire.http import ServiceResource, caller_left, documented, envelope_response, json_response
from features.wire.values import lenient_int

docs = Namespace("react_api", description="The ReAct agent on its own")
question = documented(docs, AskReactRequest)
answer = documented(docs, AskReactEnvelope)
failure = documented(docs, AskReactFailure)
bare = documented(docs, BareAnswer)


class _Standalone(ServiceResource[StandaloneReactService], service="standalone_react"):
    """What the routes of the stand-alone service share."""


@docs.response(400, "Not this user's thread", bare)
@docs.response(404, "No such thread", bare)
@docs.response(500, "The store cannot be reached", bare)
class _ThreadsOfStandalone(_Standalone):
    """What the routes about threads share."""


class StandaloneHome(_Standalone):
    """What runs here."""

    @docs.doc("standalone_home", description="The name of the service.")
    @docs.response(200, "The service runs")
    def get(self) -> Response:
        return json_response({"message": texts.RUNNING})


class StandaloneHealth(ChatResource):
    """Whether questions can be answered."""

    @docs.doc("standalone_health", description="The state of the agent and of what it stands on.")
    @docs.response(200, "Questions can be answered")
    @docs.response(503, "They cannot")
    def get(self) -> Response:
        return answered(self._service.health())


class StandaloneChat(_Standalone):
    """The ReAct question in this service's envelope."""

    @docs.doc("standalone_chat", description="Answer a question in steps with tools; the thread remembers.")
    @docs.expect(question, validate=False)
    @docs.response(200, "The answer", answer)
    @docs.response(400, "A parameter is missing or wrong", failure)
    @docs.response(500, "The question could not be answered", failure)
    @docs.response(503, "Model, store or business database cannot be reached", failure)
    def post(self) -> Response:
        body = request.get_data(cache=False)
        return envelope_response(self._service.chat(body, caller_left(request)))


class StandaloneUserConversations(_ThreadsOfStandalone):
    """A user's threads."""

    @docs.doc("standalone_user_conversations", description="A user's newest threads.")
    @docs.response(200, "The threads", bare)
    def get(self, user_id: str) -> Response:
        return answered(self._service.conversations(user_id, _limit()))


class StandaloneUserConversation(_ThreadsOfStandalone):
    """The messages of a user's thread."""

    @docs.doc("standalone_user_conversation", description="The messages of a thread.")
    @docs.response(200, "The messages", bare)
    def get(self, user_id: str, thread_id: str) -> Response:
        return answered(self._service.conversation(user_id, thread_id, include_tools=_wants_tools()))


class StandaloneDirectUserConversations(_ThreadsOfStandalone):
    """A user's threads, those without messages included."""

    @docs.doc("standalone_direct_user_conversations", description="A user's newest threads.")
    @docs.response(200, "The threads", bare)
    def get(self, user_id: str) -> Response:
        return answered(self._service.direct_conversations(user_id, _limit()))


class StandaloneDirectConversation(_ThreadsOfStandalone):
    """A thread with counts."""

    @docs.doc("standalone_direct_conversation", description="A thread with counts.")
    @docs.response(200, "The thread", bare)
    def get(self, thread_id: str) -> Response:
        user_id = request.args.get("user_id")
        return answered(self._service.detail(thread_id, user_id, include_tools=_wants_tools()))


class StandaloneDirectCompare(_ThreadsOfStandalone):
    """Both modes of a thread."""

    @docs.doc("standalone_direct_compare", description="A thread with and without its tool calls.")
    @docs.response(200, "The comparison", bare)
    def get(self, thread_id: str) -> Response:
        return answered(self._service.compare(thread_id))


class StandaloneDirectSummary(_ThreadsOfStandalone):
    """Counts and previews of a thread."""

    @docs.doc("standalone_direct_summary", description="Counts and previews of a thread.")
    @docs.response(200, "The summary", bare)
    def get(self, thread_id: str) -> Response:
        return answered(self._service.summary(thread_id, include_tools=_wants_tools()))


def _limit() -> int | None:
    return lenient_int(request.args.get("limit"))


def _wants_tools() -> bool:
    return request.args.get("include_tools", "").lower() == "true"

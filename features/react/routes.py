"""The ReAct agent's routes: parse the request, let the services decide (docs/contract/react.md)."""

from __future__ import annotations

from typing import Any, Protocol

from flask import Response, request
from flask_restx import Namespace

from features.react.checkpoints import CheckpointsService
from features.react.schemas import (
    AnyEnvelope,
    AskReactEnvelope,
    AskReactFailure,
    AskReactRequest,
    BareAnswer,
    CleanupRequest,
)
from features.react.service import AskReactService
from features.react.threads import ThreadsService
from features.wire.http import (
    Access,
    Route,
    ServiceResource,
    Work,
    caller_left,
    documented,
    envelope_response,
    json_object,
    json_response,
)
from features.wire.values import lenient_int

docs = Namespace("react", description="The agent for harder questions, and its threads")
question = documented(docs, AskReactRequest)
answer = documented(docs, AskReactEnvelope)
failure = documented(docs, AskReactFailure)
envelope = documented(docs, AnyEnvelope)
bare = documented(docs, BareAnswer)
cleanup = documented(docs, CleanupRequest)

LIMIT = {"limit": {"in": "query", "type": "string", "description": "1 to 50, default 10; no number counts as none"}}
TOOLS = {"include_tools": {"in": "query", "type": "string", "description": "true: tool calls and outputs too"}}
USER = {"user_id": {"in": "query", "type": "string"}}


class ReactServices(Protocol):
    """The services of these routes."""

    @property
    def ask(self) -> AskReactService: ...

    @property
    def threads(self) -> ThreadsService: ...

    @property
    def upkeep(self) -> CheckpointsService: ...


class _ReactResource(ServiceResource[ReactServices], service="react"):
    """What these routes share."""


@docs.response(404, "No such thread", envelope)
@docs.response(500, "The store cannot be reached", envelope)
class _ThreadResource(_ReactResource):
    """What the routes about threads share."""


class AskReactAgent(_ReactResource):
    """The ReAct agent: one question, answered in steps, remembered by thread."""

    @docs.doc("ask_react_agent", description="Answer a question in steps with tools; the thread remembers.")
    @docs.expect(question, validate=False)
    @docs.response(200, "The answer", answer)
    @docs.response(400, "A parameter is missing or wrong", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(429, "The day's model tokens, or the day's new threads, are used up", failure)
    @docs.response(500, "The question could not be answered", failure)
    @docs.response(503, "Model, store or business database cannot be reached", failure)
    def post(self) -> Response:
        body = request.get_data(cache=False)
        found = self._service.ask.ask(body, caller_left(request))
        response = envelope_response(found)
        wait = found["data"].get("retry_after_seconds")
        if response.status_code == 503 or wait is not None:
            response.headers["Retry-After"] = str(wait or 1)
        return response


class ReactStatus(_ThreadResource):
    """What a thread is doing."""

    @docs.doc("react_status", description="Whether the newest turn of a thread has ended, and what it does.")
    @docs.response(200, "The status", envelope)
    def get(self, thread_id: str) -> Response:
        return _json_answer(self._service.threads.status(thread_id, is_direct=False))


class ReactDirectStatus(_ThreadResource):
    """The same, with details about a thread that has no messages."""

    @docs.doc("react_direct_status", description="Whether the newest turn of a thread has ended, and what it does.")
    @docs.response(200, "The status", envelope)
    def get(self, thread_id: str) -> Response:
        return _json_answer(self._service.threads.status(thread_id, is_direct=True))


class ReactUserConversations(_ThreadResource):
    """A user's threads."""

    @docs.doc("react_user_conversations", description="A user's newest threads.", params=LIMIT)
    @docs.response(200, "The threads", envelope)
    def get(self, user_id: str) -> Response:
        return _json_answer(self._service.threads.conversations(user_id, _limit(), is_direct=False))


class ReactDirectUserConversations(_ThreadResource):
    """A user's threads, those without messages included."""

    @docs.doc("react_direct_user_conversations", description="A user's newest threads.", params=LIMIT)
    @docs.response(200, "The threads", envelope)
    def get(self, user_id: str) -> Response:
        return _json_answer(self._service.threads.conversations(user_id, _limit(), is_direct=True))


class ReactConversation(_ThreadResource):
    """A thread's messages."""

    @docs.doc("react_conversation", description="The messages of a thread.", params=TOOLS)
    @docs.response(200, "The messages", envelope)
    def get(self, thread_id: str) -> Response:
        return _json_answer(self._service.threads.conversation(thread_id, include_tools=_wants_tools()))


class ReactDirectConversation(_ThreadResource):
    """A thread's messages with counts."""

    @docs.doc("react_direct_conversation", description="A thread with counts.", params={**TOOLS, **USER})
    @docs.response(200, "The thread", envelope)
    @docs.response(400, "Not a thread id, or another user's", bare)
    def get(self, thread_id: str) -> Response:
        user_id = request.args.get("user_id")
        return _json_answer(self._service.threads.detail(thread_id, user_id, include_tools=_wants_tools()))


class ReactDirectCompare(_ThreadResource):
    """Both modes of a thread."""

    @docs.doc("react_direct_compare", description="A thread with and without its tool calls.")
    @docs.response(200, "The comparison", bare)
    @docs.response(404, "No such thread", bare)
    def get(self, thread_id: str) -> Response:
        return _json_answer(self._service.threads.compare(thread_id))


class ReactDirectSummary(_ThreadResource):
    """Counts and previews of a thread."""

    @docs.doc("react_direct_summary", description="Counts and previews of a thread.", params=TOOLS)
    @docs.response(200, "The summary", envelope)
    @docs.response(400, "Not a thread id", envelope)
    def get(self, thread_id: str) -> Response:
        return _json_answer(self._service.threads.summary(thread_id, include_tools=_wants_tools()))


class CheckpointCleanup(_ReactResource):
    """Deletes old checkpoints."""

    @docs.doc("checkpoint_cleanup", description="Delete all but the newest checkpoints of threads.")
    @docs.expect(cleanup, validate=False)
    @docs.response(200, "What was deleted", envelope)
    @docs.response(400, "A parameter is wrong", envelope)
    @docs.response(413, "The body is too large", envelope)
    @docs.response(500, "The store cannot be reached", envelope)
    def post(self) -> Response:
        is_given = request.get_data(cache=True).strip() not in (b"", b"null")
        return _json_answer(self._service.upkeep.clean_up(json_object(request) if is_given else {}))


class CheckpointStats(_ReactResource):
    """Counts checkpoints."""

    @docs.doc("checkpoint_stats", description="Checkpoints by thread and user.", params=USER)
    @docs.response(200, "The counts", envelope)
    @docs.response(404, "The user has none", envelope)
    @docs.response(500, "The store cannot be reached", envelope)
    def get(self) -> Response:
        return _json_answer(self._service.upkeep.stats(request.args.get("user_id")))


class TestRedis(_ReactResource):
    """Whether the checkpoint store answers."""

    @docs.doc("test_redis", description="Whether the checkpoint store answers, and what is in it.")
    @docs.response(200, "It answers", bare)
    @docs.response(500, "It does not", bare)
    def get(self) -> Response:
        return _json_answer(self._service.upkeep.look())


def _json_answer(answered: tuple[int, dict[str, Any]]) -> Response:
    status, body = answered
    return json_response(body, status)


def _limit() -> int | None:
    return lenient_int(request.args.get("limit"))


def _wants_tools() -> bool:
    return request.args.get("include_tools", "").lower() == "true"


ROUTES = (
    Route("/api/v0/ask_react_agent", docs, AskReactAgent, Access.PUBLIC, work=Work.QUESTION),
    Route("/api/v0/react/status/<thread_id>", docs, ReactStatus, Access.PUBLIC),
    Route("/api/v0/react/direct/status/<thread_id>", docs, ReactDirectStatus, Access.PUBLIC),
    Route("/api/v0/react/users/<user_id>/conversations", docs, ReactUserConversations, Access.PUBLIC),
    Route("/api/v0/react/conversations/<thread_id>", docs, ReactConversation, Access.PUBLIC),
    Route("/api/v0/react/direct/users/<user_id>/conversations", docs, ReactDirectUserConversations, Access.PUBLIC),
    Route("/api/v0/react/direct/conversations/<thread_id>", docs, ReactDirectConversation, Access.PUBLIC),
    Route("/api/v0/react/direct/conversations/<thread_id>/compare", docs, ReactDirectCompare, Access.PUBLIC),
    Route("/api/v0/react/direct/conversations/<thread_id>/summary", docs, ReactDirectSummary, Access.PUBLIC),
    Route(
        "/api/v0/checkpoint/direct/cleanup", docs, CheckpointCleanup, Access.ADMIN, writes=("POST",), is_json_only=True
    ),
    Route("/api/v0/checkpoint/direct/stats", docs, CheckpointStats, Access.ADMIN),
    Route("/api/test/redis", docs, TestRedis, Access.ADMIN),
)

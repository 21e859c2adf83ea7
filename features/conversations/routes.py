"""The conversation routes: parse the request, let the service decide, render the envelope."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from common.tenant import DEFAULT_TENANT_NAME as TENANT
from features.conversations.schemas import (
    CleanupRequest,
    ConversationEnvelope,
    LimitRequest,
    parse_cleanup,
    parse_limits,
)
from features.conversations.service import ConversationService
from features.wire.bodies import declared_json_object
from features.wire.envelopes import ErrorEnvelope
from features.wire.http import Access, Route, ServiceResource, documented, envelope_response
from features.wire.values import lenient_int

docs = Namespace("conversations", description="What is kept of conversations")
cleanup = documented(docs, CleanupRequest)
limits = documented(docs, LimitRequest)
answer = documented(docs, ConversationEnvelope)
failure = documented(docs, ErrorEnvelope)


def _number(text: str) -> dict[str, str]:
    return {"in": "query", "type": "string", "description": f"{text}; what is no integer counts as not given"}


class _ConversationResource(ServiceResource[ConversationService], service="conversation_service"):
    """What these routes share."""


class UserConversations(_ConversationResource):
    """A user's conversations with their titles."""

    @docs.doc(
        "user_conversations",
        description="A user's conversations, newest first; none when the user is unknown.",
        params={"limit": _number("At most so many")},
    )
    @docs.response(200, "The conversations", answer)
    @docs.response(500, "Redis refused", failure)
    def get(self, user_id: str) -> Response:
        return envelope_response(self._service.list_of_user(TENANT, user_id, _argument("limit")))


class UserConversationsFull(_ConversationResource):
    """A user's conversations with their messages."""

    @docs.doc(
        "user_conversations_full",
        description="A user's conversations, newest first, with their messages, oldest first.",
        params={
            "conversation_limit": _number("At most so many conversations"),
            "message_limit": _number("At most so many messages of each, the newest; 0 for all"),
        },
    )
    @docs.response(200, "The conversations", answer)
    @docs.response(500, "Redis refused", failure)
    def get(self, user_id: str) -> Response:
        wanted = (_argument("conversation_limit"), _argument("message_limit"))
        return envelope_response(self._service.full_of_user(TENANT, user_id, *wanted))


class ConversationMessages(_ConversationResource):
    """The messages of one conversation."""

    @docs.doc(
        "conversation_messages",
        description="A conversation's messages, oldest first; none when it is unknown.",
        params={"limit": _number("At most so many, the newest; 0 for all")},
    )
    @docs.response(200, "The messages", answer)
    @docs.response(500, "Redis refused", failure)
    def get(self, conversation_id: str) -> Response:
        return envelope_response(self._service.messages_of(TENANT, conversation_id, _argument("limit")))


class ConversationContext(_ConversationResource):
    """The last rounds of one conversation as text."""

    @docs.doc(
        "conversation_context",
        description="The last rounds as lines `User: ...` and `Assistant: ...`; empty when there are none.",
        params={"count": _number("Rounds of question and answer; 0 for all")},
    )
    @docs.response(200, "The dialogue", answer)
    def get(self, conversation_id: str) -> Response:
        return envelope_response(self._service.context_of(TENANT, conversation_id, _argument("count")))


class ConversationStats(_ConversationResource):
    """How much is kept."""

    @docs.doc("conversation_stats", description="How much is kept; available: false without Redis.")
    @docs.response(200, "The figures", answer)
    def get(self) -> Response:
        return envelope_response(self._service.stats(TENANT))


class ConversationCleanup(_ConversationResource):
    """Removes conversations or references to ended ones."""

    @docs.doc("conversation_cleanup", description="Remove a user's conversations, one, all, or dead references.")
    @docs.expect(cleanup, validate=False)
    @docs.response(200, "What was removed", answer)
    @docs.response(400, "No mode or several", failure)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(500, "Redis is away or refused", failure)
    def post(self) -> Response:
        wanted = parse_cleanup(declared_json_object(request.get_data(cache=False), request.content_type))
        return envelope_response(self._service.clean_up(TENANT, wanted))


class ConversationLimitEnforcement(_ConversationResource):
    """Brings users down to the limits."""

    @docs.doc("conversation_limit_enforcement", description="Keep the newest conversations and messages only.")
    @docs.expect(limits, validate=False)
    @docs.response(200, "What was removed, or would be", answer)
    @docs.response(400, "A limit is wrong", failure)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(500, "Redis is away or refused", failure)
    def post(self) -> Response:
        wanted = parse_limits(declared_json_object(request.get_data(cache=False), request.content_type))
        return envelope_response(self._service.enforce_limits(TENANT, wanted))


def _argument(name: str) -> int | None:
    return lenient_int(request.args.get(name))


ROUTES = (
    Route("/api/v0/user/<user_id>/conversations", docs, UserConversations, Access.PUBLIC),
    Route("/api/v0/user/<user_id>/conversations/full", docs, UserConversationsFull, Access.PUBLIC),
    Route("/api/v0/conversation/<conversation_id>/messages", docs, ConversationMessages, Access.PUBLIC),
    Route("/api/v0/conversation/<conversation_id>/context", docs, ConversationContext, Access.PUBLIC),
    Route("/api/v0/conversation_stats", docs, ConversationStats, Access.PUBLIC),
    Route("/api/v0/conversation_cleanup", docs, ConversationCleanup, Access.ADMIN, writes=("POST",)),
    Route("/api/v0/conversation_limit_enforcement", docs, ConversationLimitEnforcement, Access.ADMIN, writes=("POST",)),
)

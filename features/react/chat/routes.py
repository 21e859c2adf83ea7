"""`POST /chat` and `POST /redis/direct`: parse the request, let the service decide (docs/react_service.md)."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from features.react.chat.schemas import ChatAnswer, ChatRequest, DirectRequest
from features.react.chat.service import Answered, ChatService
from features.wire.http import Access, Route, ServiceResource, Work, caller_left, documented, json_object, json_response

docs = Namespace("chat", description="The ReAct agent as a plain chat, without the envelope")
message = documented(docs, ChatRequest)
answer = documented(docs, ChatAnswer)
direct = documented(docs, DirectRequest)


class ChatResource(ServiceResource[ChatService], service="chat"):
    """What the routes of this service share."""


class Chat(ChatResource):
    """One message, answered in a thread that remembers."""

    @docs.doc("chat", description="Answer a message in its thread.")
    @docs.expect(message, validate=False)
    @docs.response(200, "The answer", answer)
    @docs.response(400, "A parameter is missing or wrong", answer)
    @docs.response(413, "The body is too large", answer)
    @docs.response(429, "The tenant or the user has used the day's model tokens", answer)
    @docs.response(500, "The question could not be answered", answer)
    @docs.response(503, "Model, store or business database cannot be reached", answer)
    def post(self) -> Response:
        body = request.get_data(cache=False)
        return answered(self._service.chat(body, caller_left(request)))


class RedisDirect(ChatResource):
    """Keys under this service's own prefix; administrators only, off by default."""

    @docs.doc("redis_direct", description="Set, get or delete one key under the service's own prefix.")
    @docs.expect(direct, validate=False)
    @docs.response(200, "Done", answer)
    @docs.response(400, "A parameter is wrong: this service's own body; malformed JSON: the envelope")
    @docs.response(403, "Not an administrator, or switched off", answer)
    @docs.response(413, "The body is too large", answer)
    @docs.response(503, "Redis cannot be reached", answer)
    def post(self) -> Response:
        return answered(self._service.redis_direct(json_object(request)))


def answered(found: Answered) -> Response:
    """A service's status and body as a response; what may be tried again says when."""
    status, body = found
    response = json_response(body, status)
    wait = body.get("retry_after_seconds")
    if status == 503 or wait is not None:
        response.headers["Retry-After"] = str(wait or 1)
    return response


ROUTES = (
    Route("/chat", docs, Chat, Access.PUBLIC, work=Work.QUESTION),
    Route("/redis/direct", docs, RedisDirect, Access.ADMIN, writes=("POST",), is_json_only=True),
)

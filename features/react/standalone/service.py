"""What the stand-alone ReAct service answers otherwise than the unified entry (docs/contract/react.md).

It asks the same services and puts their answers into its own bodies: `{success, data, timestamp}` and
`{success: false, error, timestamp}` about threads, and the categories of its own `/api/chat`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from common.cancellation import CancelSignal
from common.errors import CituError
from common.messages import react as react_texts
from common.messages import react_api as texts
from common.result import Envelope, local_timestamp
from core.logging import get_app_logger
from features.react.schemas import RefusedQuestionError, parse_json
from features.react.service import AskReactService
from features.react.threads import ThreadsService
from react_agent.thread_ids import owner_of

logger = get_app_logger("react_api")

Answered = tuple[int, Envelope]
AGENT_VERSION: Final = "custom_react_v1_async"
_UNAVAILABLE: Final = 503


class StandaloneReactService:
    """See the module.

    Args:
        ask: answers questions; threads: reads what was said.
    """

    def __init__(self, *, ask: AskReactService, threads: ThreadsService) -> None:
        self._ask = ask
        self._threads = threads

    def chat(self, body: bytes, caller_left: CancelSignal | None = None) -> Envelope:
        """`POST /api/chat`: the ReAct question with this service's own categories; `code` is the HTTP status."""
        try:
            opened = self._ask.open(parse_json(body))
        except RefusedQuestionError as error:
            return _refused(error)
        try:
            return {**self._ask.answer(opened, caller_left=caller_left), "message": texts.ANSWERED}
        except CituError as error:
            logger.warning("answered %s %s", error.status, error.error_type, exc_info=error.__cause__)
            return _failed(error, opened.conversation_id, opened.user_id)

    def conversations(self, user_id: str, limit: int | None) -> Answered:
        """A user's newest threads with messages."""
        return _bare(lambda: self._threads.conversations(user_id, limit, is_direct=False))

    def direct_conversations(self, user_id: str, limit: int | None) -> Answered:
        """A user's newest threads in the shorter items of the direct list."""
        status, body = _bare(lambda: self._threads.conversations(user_id, limit, is_direct=True))
        if body["success"]:
            items = body["data"]["conversations"]
            body["data"]["conversations"] = [_direct_item(item) for item in items]
            body["data"]["method"] = "simple_redis_query"
        return status, body

    def conversation(self, user_id: str, thread_id: str, *, include_tools: bool) -> Answered:
        """The messages of a thread of this user; another user's is a 400."""
        if owner_of(thread_id) != user_id or ":" not in thread_id:
            text = texts.THREAD_NOT_OF_USER.format(thread_id=thread_id, user_id=user_id)
            return 400, _bare_failure(text)
        status, body = _bare(lambda: self._threads.conversation(thread_id, include_tools=include_tools))
        if body["success"]:
            names = ("user_id", "thread_id", "message_count", "messages")
            body["data"] = {name: body["data"][name] for name in names}
        return status, body

    def detail(self, thread_id: str, user_id: str | None, *, include_tools: bool) -> Answered:
        """A thread with counts."""
        return _bare(lambda: self._threads.detail(thread_id, user_id, include_tools=include_tools))

    def compare(self, thread_id: str) -> Answered:
        """Both modes of a thread."""
        return self._threads.compare(thread_id)

    def summary(self, thread_id: str, *, include_tools: bool) -> Answered:
        """Counts and previews of a thread."""
        return _bare(lambda: self._threads.summary(thread_id, include_tools=include_tools))


def _bare(read: Callable[[], Answered]) -> Answered:
    try:
        status, envelope = read()
    except CituError as error:
        return error.status, _bare_failure(error.message)
    if "code" not in envelope:
        return status, envelope
    data = dict(envelope.get("data") or {})
    if not envelope["success"]:
        return status, _bare_failure(str(data.get("response") or envelope["message"]))
    timestamp = data.pop("timestamp", local_timestamp())
    data.pop("response", None)
    return status, {"success": True, "data": data, "timestamp": timestamp}


def _bare_failure(text: str) -> Envelope:
    return {"success": False, "error": text, "timestamp": local_timestamp()}


def _direct_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "thread_id": item["thread_id"],
        "user_id": item["user_id"],
        "timestamp": item["created_at"],
        "message_count": item["message_count"],
        "conversation_preview": item["conversation_title"],
    }


def _refused(error: RefusedQuestionError) -> Envelope:
    """The first problem names the category."""
    starts = {
        texts.NOT_YOUR_THREAD: texts.NOT_YOUR_THREAD,
        react_texts.THREAD_ID_MALFORMED: texts.THREAD_ID_INVALID,
    }
    found = next((category for start, category in starts.items() if error.message.startswith(start)), None)
    is_format = error.category == react_texts.FORMAT_WRONG
    envelope: Envelope = {
        "code": 400,
        "success": False,
        "message": found or (react_texts.FORMAT_WRONG if is_format else texts.PARAMETERS_WRONG),
        "error": error.message,
        "error_type": "validation_error",
        "timestamp": local_timestamp(),
    }
    return envelope if error.details is None else {**envelope, "details": error.details}


def _failed(error: CituError, conversation_id: str, user_id: str) -> Envelope:
    meta = {"thread_id": conversation_id, "agent_version": AGENT_VERSION, "execution_path": ["error"]}
    data = {
        **error.data,
        "conversation_id": conversation_id,
        "user_id": user_id,
        "react_agent_meta": meta,
        "error_type": error.error_type,
        "timestamp": local_timestamp(),
    }
    is_retry = error.status == _UNAVAILABLE
    return {
        "code": error.status,
        "success": False,
        "message": react_texts.TRY_AGAIN if is_retry else react_texts.FAILED,
        "error": error.message,
        "retry_suggested": bool(error.can_retry),
        "data": data,
    }

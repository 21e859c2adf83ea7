"""`/chat`, its health and `/redis/direct` (docs/react_service.md); answers are a status and a body (no envelope).

Called by the unified entry and by the stand-alone one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from common import messages
from common.caller import set_caller_user
from common.cancellation import CancelSignal
from common.errors import (
    AnswerStoppedError,
    AnswerTimedOutError,
    BadRequestError,
    CituError,
    ForbiddenError,
    ServiceUnavailableError,
)
from common.messages import react_api as texts
from common.result import local_timestamp
from common.tenant import DEFAULT_TENANT_NAME
from core.async_bridge import CallerLeftError, run_in_request_loop
from core.logging import get_app_logger, set_log_context
from features.react.chat.schemas import DirectOperation, Message, read_message, read_operation
from features.react.schemas import parse_json
from features.react.service import EarlierRuns, nobody_waits
from react_agent.async_resources import AsyncResourceManager
from react_agent.thread_ids import new_thread_id

logger = get_app_logger("chat")

Answered = tuple[int, dict[str, Any]]
HEALTH_SECONDS: Final = 10.0
DIRECT_SECONDS: Final = 5.0


class ChatService:
    """See the module.

    Args:
        resources: the agent and Redis, built at the first message.
        timeout_seconds: what an answer may take.
        default_user_id: who asks when nobody is named.
        allows_direct_redis: whether `/redis/direct` is switched on.
        earlier_runs: what a message waits for first.
        new_thread: the id of a new thread, given tenant and user.
    """

    def __init__(
        self,
        *,
        resources: AsyncResourceManager,
        timeout_seconds: float,
        default_user_id: str = "guest",
        allows_direct_redis: bool = False,
        earlier_runs: EarlierRuns = nobody_waits,
        new_thread: Callable[[str, str], str] = lambda _tenant, user_id: new_thread_id(user_id),
    ) -> None:
        self._earlier_runs = earlier_runs
        self._new_thread = new_thread
        self._resources = resources
        self._timeout_seconds = timeout_seconds
        self._default_user_id = default_user_id
        self._allows_direct_redis = allows_direct_redis

    def chat(self, body: bytes, caller_left: CancelSignal | None = None) -> Answered:
        """`{status: success, response, thread_id, iterations}`, or `{status: error, message, error_type}`."""
        try:
            message = read_message(parse_json(body), self._default_user_id)
            asked = message.asked
            thread = asked.thread_id or self._new_thread(DEFAULT_TENANT_NAME, asked.user_id)
            set_log_context(user_id=asked.user_id, conversation_id=thread)
            set_caller_user(asked.user_id)
            found = self._in_loop(message, thread, caller_left)
        except CituError as error:
            return _failed(error)
        shown = message.shown_thread or thread
        return 200, {"status": "success", **found, "thread_id": shown}

    def health(self) -> Answered:
        """200 while questions can be answered, else 503 (docs/react_service.md)."""
        try:
            found = run_in_request_loop(self._agent_health, timeout_seconds=HEALTH_SECONDS)
        except TimeoutError:
            found = {"status": "unhealthy", "error": messages.REQUEST_TIMED_OUT}
        except CituError as error:
            found = {"status": "unhealthy", "error": error.message}
        is_able = found["status"] != "unhealthy"
        body = {
            "status": found["status"],
            "agent_initialized": found.get("graph") == "compiled",
            "agent_status": found,
            "timestamp": local_timestamp(),
        }
        if not is_able:
            body["error"] = texts.UNHEALTHY.format(reason=found.get("error") or found.get("sql"))
        return 200 if is_able else 503, body

    def redis_direct(self, body: Mapping[str, Any]) -> Answered:
        """`{status: success, message}` or `{status: success, value}`; only under this service's own prefix."""
        try:
            if not self._allows_direct_redis:
                raise ForbiddenError(texts.DIRECT_REDIS_OFF)
            operation = read_operation(body)
            found = run_in_request_loop(lambda: self._operate(operation), timeout_seconds=DIRECT_SECONDS)
        except TimeoutError:
            return _failed(AnswerTimedOutError(messages.REQUEST_TIMED_OUT))
        except CituError as error:
            return _failed(error)
        return 200, {"status": "success", **found}

    def _in_loop(self, message: Message, thread: str, caller_left: CancelSignal | None) -> dict[str, Any]:
        """
        Raises:
            CituError: what the agent raises, or a time-out.
        """

        asked = message.asked

        async def answered() -> dict[str, Any]:
            async with self._resources.get_agent() as agent:
                await self._earlier_runs(DEFAULT_TENANT_NAME, thread)
                return await agent.process_message(asked.text, thread, user_id=asked.user_id, asker=asked.asker)

        try:
            return run_in_request_loop(answered, timeout_seconds=self._timeout_seconds, cancel=caller_left)
        except TimeoutError as error:
            raise AnswerTimedOutError(messages.REQUEST_TIMED_OUT) from error
        except CallerLeftError as error:
            raise AnswerStoppedError(messages.CALLER_LEFT) from error

    async def _agent_health(self) -> dict[str, Any]:
        async with self._resources.get_agent() as agent:
            return await agent.health_check()

    async def _operate(self, wanted: DirectOperation) -> dict[str, Any]:
        redis = await self._resources.get_redis_api()
        if wanted.operation == "set":
            await redis.set_data(wanted.key, wanted.value, wanted.ttl)
            return {"message": texts.KEY_SET}
        if wanted.operation == "delete":
            return {"message": texts.KEY_DELETED if await redis.delete_data(wanted.key) else texts.KEY_ABSENT}
        return {"value": await redis.get_data(wanted.key)}


def _failed(error: CituError) -> Answered:
    logger.warning("answered %s %s", error.status, error.error_type, exc_info=error.__cause__)
    body: dict[str, Any] = {"status": "error", "message": error.message, "error_type": error.error_type}
    if error.can_retry is not None:
        body["can_retry"] = error.can_retry
    if isinstance(error, ServiceUnavailableError) and error.retry_after_seconds is not None:
        body["retry_after_seconds"] = error.retry_after_seconds
    if isinstance(error, BadRequestError) and error.invalid_params:
        body["invalid_params"] = error.invalid_params
    return error.status, body

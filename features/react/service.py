"""Asks the ReAct agent: checks the question, finds its thread, answers in an envelope of its own.

The envelope: docs/contract/react.md.
Called by the HTTP route; runs and streams take `open` and `answer`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from common import messages
from common.answering import Question, ResultSet, Watch, nobody_watches
from common.askers import INSIDER, Asker
from common.caller import set_caller_user
from common.cancellation import CancelSignal
from common.errors import (
    AnswerStoppedError,
    AnswerTimedOutError,
    BadRequestError,
    CituError,
    ServiceUnavailableError,
)
from common.messages import react as texts
from common.result import Envelope, local_timestamp
from common.tenant import DEFAULT_TENANT_NAME
from core.async_bridge import CallerLeftError, run_in_request_loop
from core.logging import get_app_logger, set_log_context
from features.react.schemas import RefusedQuestionError, parse_json, read_question
from features.wire.rows import rows_on_the_wire
from react_agent.outcome import AGENT_VERSION, ReactAnswer
from react_agent.thread_ids import new_thread_id

logger = get_app_logger("ask_react")

TENANT: Final = DEFAULT_TENANT_NAME
ROUTE: Final = "ask_react_agent"
_UNAVAILABLE: Final = 503


EarlierRuns = Callable[[str, str], Awaitable[None]]
"""Waits until the runs that a tenant's thread is busy with now have ended."""


async def nobody_waits(_tenant: str, _thread_id: str) -> None:
    """For processes that know of no runs."""


class ReactEngine(Protocol):
    """What the service needs of the agent."""

    async def answer(self, question: Question, watch: Watch = nobody_watches) -> ReactAnswer: ...


@dataclass(frozen=True)
class OpenThread:
    """A question found valid, with its user and its thread; `continues` says that the asker named the thread."""

    text: str
    user_id: str
    conversation_id: str
    asker: Asker = INSIDER
    continues: bool = True


class AskReactService:
    """See the module.

    Args:
        engine: the agent, built when first asked for.
        timeout_seconds: what an answer may take, waiting for the thread's earlier turn included.
        default_user_id: who asks when nobody is named.
        earlier_runs: what a question that is no run waits for first.
        new_thread: the id of a new thread, given tenant and user.
    """

    def __init__(
        self,
        *,
        engine: Callable[[], ReactEngine],
        timeout_seconds: float,
        default_user_id: str = "guest",
        earlier_runs: EarlierRuns = nobody_waits,
        new_thread: Callable[[str, str], str] = lambda _tenant, user_id: new_thread_id(user_id),
    ) -> None:
        self._engine = engine
        self._earlier_runs = earlier_runs
        self._new_thread = new_thread
        self._timeout_seconds = timeout_seconds
        self._default_user_id = default_user_id

    def ask(self, body: bytes, caller_left: CancelSignal | None = None) -> Envelope:
        """The whole of `POST /api/v0/ask_react_agent`; its failures are envelopes too, `code` is the HTTP status."""
        try:
            opened = self.open(parse_json(body))
        except RefusedQuestionError as error:
            return _refusal(error)
        try:
            return self.answer(opened, caller_left=caller_left)
        except BadRequestError as error:
            return _refusal(RefusedQuestionError(texts.VALIDATION_FAILED, error.message))
        except CituError as error:
            return _failure(error, opened)

    def open(self, asked: Any) -> OpenThread:
        """Check a question and name its thread; nothing is stored yet.

        Args:
            asked: a JSON body, `{question[, user_id][, thread_id | conversation_id]}`.

        Raises:
            RefusedQuestionError: a rule is broken.
        """
        found = read_question(asked, self._default_user_id)
        thread = found.thread_id or self._new_thread(TENANT, found.user_id)
        return OpenThread(found.text, found.user_id, thread, found.asker, continues=bool(found.thread_id))

    def answer(
        self,
        opened: OpenThread,
        *,
        watch: Watch = nobody_watches,
        caller_left: CancelSignal | None = None,
        wants_tokens: bool = False,
        route: str = ROUTE,
        is_run: bool = False,
    ) -> Envelope:
        """The success envelope.

        Args:
            is_run: whether its turn among the thread's runs has come already.

        Raises:
            CituError: what the agent raises, or a time-out.
        """
        set_log_context(tenant=TENANT, user_id=opened.user_id, conversation_id=opened.conversation_id)
        set_caller_user(opened.user_id)
        question = Question(
            text=opened.text,
            tenant=TENANT,
            user_id=opened.user_id,
            conversation_id=opened.conversation_id,
            route=route,
            wants_tokens=wants_tokens,
            asker=opened.asker,
            continues=opened.continues,
        )
        engine = self._engine()

        async def answered() -> ReactAnswer:
            if not is_run:
                await self._earlier_runs(TENANT, opened.conversation_id)
            return await engine.answer(question, watch)

        try:
            answer = run_in_request_loop(answered, timeout_seconds=self._timeout_seconds, cancel=caller_left)
        except TimeoutError as error:
            raise AnswerTimedOutError(messages.REQUEST_TIMED_OUT) from error
        except CallerLeftError as error:
            raise AnswerStoppedError(messages.CALLER_LEFT) from error
        return _success(answer, opened)


def records_on_the_wire(result: ResultSet) -> dict[str, Any]:
    """The contract's `records` (docs/contract/react.md); it has no `row_count`."""
    return {name: value for name, value in rows_on_the_wire(result).items() if name != "row_count"}


def _success(answer: ReactAnswer, opened: OpenThread) -> Envelope:
    data: dict[str, Any] = {
        "response": answer.response,
        "conversation_id": opened.conversation_id,
        "user_id": opened.user_id,
        "react_agent_meta": dict(answer.meta),
        "timestamp": local_timestamp(),
    }
    if answer.sql:
        data["sql"] = answer.sql
    if answer.records is not None:
        data["records"] = records_on_the_wire(answer.records)
    if answer.provenance:
        data["provenance"] = dict(answer.provenance)
    if not answer.is_kept:
        data["read_only"] = True
    return {"code": 200, "success": True, "message": texts.PROCESSED, "data": data}


def _refusal(error: RefusedQuestionError) -> Envelope:
    envelope: Envelope = {"code": 400, "success": False, "message": error.category, "error": error.message}
    if error.details is not None:
        envelope["details"] = error.details
    data = {"response": error.message, "error_type": error.error_type, "timestamp": local_timestamp()}
    return {**envelope, "data": data}


def _failure(error: CituError, opened: OpenThread) -> Envelope:
    """The contract's three members in `data`, and beside them what every error of ours says."""
    known: Mapping[str, Any] = {
        "conversation_id": opened.conversation_id,
        "user_id": opened.user_id,
        "timestamp": local_timestamp(),
        "response": error.message,
        "error_type": error.error_type,
        "can_retry": bool(error.can_retry),
        "agent_version": AGENT_VERSION,
    }
    logger.warning("answered %s %s", error.status, error.error_type, exc_info=error.__cause__)
    if isinstance(error, ServiceUnavailableError) and error.retry_after_seconds is not None:
        known = {**known, "retry_after_seconds": error.retry_after_seconds}
    return {
        "code": error.status,
        "success": False,
        "message": texts.TRY_AGAIN if error.status == _UNAVAILABLE else texts.FAILED,
        "error": error.message,
        "retry_suggested": bool(error.can_retry),
        "data": {**error.data, **known},
    }

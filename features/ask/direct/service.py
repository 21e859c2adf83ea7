"""Answers a question with SQL, rows and a summary, past classification and conversations; called by both entries.

The thinking is the agent's own in its direct database mode: same retrieval, brain, guard and executor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from common import messages
from common.answering import Answer, AnswerEngine, Question, ResultSet
from common.caller import set_caller_user
from common.cancellation import CancelSignal
from common.errors import AnswerFailedError, AnswerStoppedError, AnswerTimedOutError, BadRequestError
from common.messages import direct_ask as texts
from common.redis_conversation_manager import GUEST, RedisConversationManager
from common.result import Envelope, success_response
from common.tenant import DEFAULT_TENANT_NAME
from core.async_bridge import CallerLeftError, run_in_request_loop
from core.logging import get_app_logger, set_log_context
from features.ask.answering import CachedAnswering, ServedAnswer
from features.ask.direct.failures import as_told_here, without_sql
from features.ask.direct.schemas import DirectAskRequest
from features.caches.session_cache import AnsweredQuestion, SessionCache
from features.wire.rows import rows_on_the_wire

logger = get_app_logger("direct_ask")

TENANT = DEFAULT_TENANT_NAME
ASK, ASK_CACHED = "ask", "ask_cached"
ROUTING_MODE = "database_direct"
Train = Callable[[str, str, str], None]


@dataclass(frozen=True)
class DirectAskLimits:
    """Bounds of one question: characters and seconds."""

    max_question_chars: int
    timeout_seconds: float


class DirectAskService:
    """See the module.

    Args:
        cached: what `ask_cached` looks answers up with; in use whatever `ask_agent` does.
        sessions: remembers what `ask_cached` answered.
        train: told tenant, question and SQL of every fresh answer with rows; None trains nothing.
    """

    def __init__(
        self,
        *,
        engine: Callable[[], AnswerEngine],
        conversations: RedisConversationManager,
        limits: DirectAskLimits,
        cached: CachedAnswering,
        sessions: SessionCache,
        train: Train | None = None,
    ) -> None:
        self._engine = engine
        self._conversations = conversations
        self._limits = limits
        self._cached = cached
        self._sessions = sessions
        self._train = train

    def ask(self, wanted: DirectAskRequest, caller_left: CancelSignal | None = None) -> Envelope:
        """A fresh answer in the contract's envelope.

        Raises:
            BadRequestError: a parameter is wrong.
            ValidationFailedError: no SQL was written; the text says why.
            AnswerFailedError: the SQL written was not admitted.
            SqlExecutionError: the database refused admitted SQL or broke it off.
            ServiceUnavailableError: model, store or business database cannot be reached.
        """
        question = self._question(wanted, ASK, wanted.conversation_id)
        given, records = self._answer_with_rows(question, texts.ASK_OTHERWISE, caller_left)
        return success_response(*_rendered(question, given.answer, records))

    def ask_cached(self, wanted: DirectAskRequest, caller_left: CancelSignal | None = None) -> Envelope:
        """A kept answer or a fresh one, which is kept; raises like `ask`. The conversation is always a new one."""
        question = self._question(wanted, ASK_CACHED, None)
        given, records = self._answer_with_rows(question, texts.ASK_CACHED_OTHERWISE, caller_left, self._cached)
        answered = AnsweredQuestion(
            question.text, str(given.answer.sql), records, given.answer.summary, given.cache_name
        )
        self._sessions.remember(TENANT, question.user_id, question.conversation_id, answered)
        response, data = _rendered(question, given.answer, records)
        data["cached"] = given.is_from_cache
        if given.age_seconds is not None:
            data["cache_age_seconds"] = given.age_seconds
        return success_response(response, data)

    def _question(self, wanted: DirectAskRequest, route: str, conversation_id: str | None) -> Question:
        limit = self._limits.max_question_chars
        if len(wanted.question) > limit:
            text = messages.QUESTION_TOO_LONG.format(limit=limit, length=len(wanted.question))
            raise BadRequestError(text, invalid_params=["question"])
        user_id = wanted.user_id or GUEST
        conversation_id = conversation_id or self._conversations.new_id(user_id)
        set_log_context(tenant=TENANT, user_id=user_id, conversation_id=conversation_id)
        set_caller_user(user_id)
        return Question(
            text=wanted.question,
            tenant=TENANT,
            user_id=user_id,
            conversation_id=conversation_id,
            routing_mode=ROUTING_MODE,
            route=route,
        )

    def _answer_with_rows(
        self,
        question: Question,
        ask_otherwise: str,
        caller_left: CancelSignal | None,
        cached: CachedAnswering | None = None,
    ) -> tuple[ServedAnswer, ResultSet]:
        """An answer that has rows, maybe none of them."""
        try:
            given = self._ask_engine(question, caller_left, cached)
        except AnswerFailedError as error:
            raise as_told_here(error, ask_otherwise) from error
        except TimeoutError as error:
            raise AnswerTimedOutError(messages.REQUEST_TIMED_OUT) from error
        except CallerLeftError as error:
            raise AnswerStoppedError(messages.CALLER_LEFT) from error
        if given.answer.records is None:
            raise without_sql(given.answer, ask_otherwise)
        if self._train and given.answer.records.rows and not given.is_from_cache:
            self._train(question.tenant, question.text, str(given.answer.sql))
        return given, given.answer.records

    def _ask_engine(
        self, question: Question, caller_left: CancelSignal | None, cached: CachedAnswering | None
    ) -> ServedAnswer:
        def think(seconds: float) -> Answer:
            answer = self._engine().answer
            return run_in_request_loop(lambda: answer(question), timeout_seconds=seconds, cancel=caller_left)

        seconds = self._limits.timeout_seconds
        if cached is None:
            return ServedAnswer(think(seconds))
        return cached.answer(question, think, timeout_seconds=seconds, caller_left=caller_left)


def _rendered(question: Question, answer: Answer, records: ResultSet) -> tuple[str, dict[str, Any]]:
    """The text to show and the members both routes have; a summary that was lost is absent."""
    data: dict[str, Any] = {
        "sql": answer.sql,
        "query_result": rows_on_the_wire(records),
        "conversation_id": question.conversation_id,
    }
    if answer.summary:
        data["summary"] = answer.summary
    if answer.provenance:
        data["provenance"] = dict(answer.provenance)
    return answer.summary or texts.DONE, data

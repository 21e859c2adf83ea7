"""Answers one question within its conversation: who asks, where it belongs, what the engine says, what is kept.

Called by the HTTP route and by `scripts.ask`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from common import messages
from common.answering import ROUTING_MODES, Answer, AnswerEngine, Question, Watch, nobody_watches
from common.askers import Asker, asker_of
from common.caller import current_caller, set_caller_user
from common.cancellation import CancelSignal
from common.errors import AnswerStoppedError, AnswerTimedOutError, BadRequestError, CituError
from common.redis_conversation_manager import RedisConversationManager, ResolvedConversation
from common.result import AGENT_VERSION, Envelope, agent_success_response
from common.tenant import DEFAULT_TENANT_NAME
from core.async_bridge import CallerLeftError, run_in_request_loop
from core.logging import get_app_logger, set_log_context
from features.ask.answering import CachedAnswering, ServedAnswer
from features.ask.rendering import records_on_the_wire, stored_text
from features.ask.schemas import AskRequest

logger = get_app_logger("ask")

TENANT = DEFAULT_TENANT_NAME
ROUTE = "ask_agent"


@dataclass(frozen=True)
class AskLimits:
    """Bounds of one question: characters, seconds, and the routing mode when the caller names none."""

    max_question_chars: int
    timeout_seconds: float
    default_routing_mode: str


@dataclass(frozen=True)
class OpenQuestion:
    """A question that was found valid, with its user and its conversation; `routing_source` says who chose the mode."""

    wanted: AskRequest
    user_id: str
    conversation: ResolvedConversation
    routing_mode: str
    routing_source: str

    @property
    def conversation_id(self) -> str:
        return self.conversation.conversation_id


@dataclass(frozen=True)
class AskDoor:
    """What differs between the doors a question comes through.

    Attributes:
        route: model usage is reported by it.
        keeps_classification: the stored answer says how the question was classified.
        wants_tokens: the watcher is told the answer's text as it is written.
    """

    route: str = ROUTE
    keeps_classification: bool = False
    wants_tokens: bool = False


PLAIN_DOOR = AskDoor()


class AskService:
    """Decides everything about a question that is not thinking. Without `cached` every question is thought about."""

    def __init__(
        self,
        *,
        engine: Callable[[], AnswerEngine],
        conversations: RedisConversationManager,
        limits: AskLimits,
        cached: CachedAnswering | None = None,
    ) -> None:
        self._engine = engine
        self._conversations = conversations
        self._limits = limits
        self._cached = cached

    def ask(self, wanted: AskRequest, caller_left: CancelSignal | None = None) -> Envelope:
        """The answer in the contract's envelope.

        Raises:
            BadRequestError: a parameter is wrong.
            CituError: what the engine raises, with `conversation_id` and `user_id` added to its `data`.
        """
        return self.answer(self.open(wanted), caller_left=caller_left)

    def user_of(self, wanted: AskRequest) -> str:
        """Who asks. Raises BadRequestError when user and conversation do not belong together."""
        user_id = self._conversations.resolve_user_id(wanted.user_id, wanted.conversation_id)
        return self._conversations.acting_user(TENANT, user_id, wanted.conversation_id, _asker(wanted))

    def open(self, wanted: AskRequest) -> OpenQuestion:
        """Check a question and find its user and conversation; nothing is thought and no message kept yet.

        Raises:
            BadRequestError: a parameter is wrong.
        """
        routing_mode, source = self._routing_mode(wanted)
        self._check_length(wanted.question)
        user_id = self.user_of(wanted)
        conversation = self._conversations.resolve_conversation_id(
            TENANT,
            user_id,
            wanted.conversation_id,
            continue_conversation=wanted.continue_conversation,
            asker=_asker(wanted),
        )
        return OpenQuestion(wanted, user_id, conversation, routing_mode, source)

    def answer(
        self,
        opened: OpenQuestion,
        *,
        door: AskDoor = PLAIN_DOOR,
        watch: Watch = nobody_watches,
        caller_left: CancelSignal | None = None,
    ) -> Envelope:
        """Answer an open question within its conversation; both messages are kept before this returns.

        Raises:
            CituError: what the engine raises, with `conversation_id` and `user_id` added to its `data`.
            AnswerTimedOutError: it took too long.
            AnswerStoppedError: `caller_left` was set first.
        """
        conversation_id = opened.conversation_id
        set_log_context(tenant=TENANT, user_id=opened.user_id, conversation_id=conversation_id)
        set_caller_user(opened.user_id)
        is_continued = opened.conversation.status == "continue"
        context = self._conversations.get_context(TENANT, conversation_id) if is_continued else ""
        self._conversations.save_message(TENANT, conversation_id, "user", opened.wanted.question)
        question = Question(
            text=opened.wanted.question,
            tenant=TENANT,
            user_id=opened.user_id,
            conversation_id=conversation_id,
            routing_mode=opened.routing_mode,
            context=context,
            route=door.route,
            wants_tokens=door.wants_tokens,
        )
        given = self._answer(question, watch, caller_left)
        self._remember(opened.conversation, given, door)
        envelope = _envelope(opened, question, given)
        if self._conversations.is_read_only():
            envelope["data"]["read_only"] = True
        return envelope

    def _answer(self, question: Question, watch: Watch, caller_left: CancelSignal | None) -> ServedAnswer:
        def think(seconds: float) -> Answer:
            answer = self._engine().answer
            return run_in_request_loop(lambda: answer(question, watch), timeout_seconds=seconds, cancel=caller_left)

        seconds = self._limits.timeout_seconds
        try:
            if self._cached is None:
                return ServedAnswer(think(seconds))
            return self._cached.answer(question, think, timeout_seconds=seconds, caller_left=caller_left)
        except CituError as error:
            known = {"conversation_id": question.conversation_id, "user_id": question.user_id}
            error.data = {**known, "agent_version": AGENT_VERSION, **error.data}
            raise
        except TimeoutError as error:
            raise AnswerTimedOutError(messages.REQUEST_TIMED_OUT) from error
        except CallerLeftError as error:
            raise AnswerStoppedError(messages.CALLER_LEFT) from error

    def _remember(self, conversation: ResolvedConversation, given: ServedAnswer, door: AskDoor) -> None:
        answer = given.answer
        metadata: dict[str, Any] = {"from_cache": True}
        if not given.is_from_cache:
            path = list(answer.execution_path)
            metadata = {"type": answer.question_type, "sql": answer.sql, "execution_path": path}
            if door.keeps_classification:
                metadata["classification_info"] = answer.classification.as_wire()
        is_kept = self._conversations.save_message(
            TENANT, conversation.conversation_id, "assistant", stored_text(answer), metadata
        )
        if not is_kept:
            logger.warning("the answer could not be added to its conversation")

    def _routing_mode(self, wanted: AskRequest) -> tuple[str, str]:
        if not wanted.routing_mode:
            return self._limits.default_routing_mode, "config"
        if wanted.routing_mode not in ROUTING_MODES:
            text = messages.INVALID_ROUTING_MODE.format(value=wanted.routing_mode, allowed=list(ROUTING_MODES))
            raise BadRequestError(text, invalid_params=["routing_mode"])
        return wanted.routing_mode, "api"

    def _check_length(self, question: str) -> None:
        limit = self._limits.max_question_chars
        if len(question) > limit:
            text = messages.QUESTION_TOO_LONG.format(limit=limit, length=len(question))
            raise BadRequestError(text, invalid_params=["question"])


def _asker(wanted: AskRequest) -> Asker:
    return asker_of(wanted.user_id, wanted.session_id, current_caller().address)


def _envelope(opened: OpenQuestion, question: Question, given: ServedAnswer) -> Envelope:
    answer, is_from_cache, conversation = given.answer, given.is_from_cache, opened.conversation
    return agent_success_response(
        answer.question_type,
        conversation_id=conversation.conversation_id,
        execution_path=answer.execution_path,
        classification_info=answer.classification.as_wire(),
        response=answer.response,
        sql=answer.sql,
        records=records_on_the_wire(answer.records),
        summary=answer.summary,
        session_id=opened.wanted.session_id,
        user_id=question.user_id,
        is_guest_user=question.user_id == "guest",
        context_used=bool(question.context),
        from_cache=is_from_cache,
        cache_age_seconds=given.age_seconds,
        conversation_status=conversation.status,
        conversation_message=messages.CONVERSATION_STATUS[conversation.status],
        requested_conversation_id=conversation.requested_conversation_id,
        routing_mode_used=None if is_from_cache else question.routing_mode,
        routing_mode_source=None if is_from_cache else opened.routing_source,
        provenance={**answer.provenance, "from_cache": is_from_cache},
    )

"""Answers from the cache: looks a question up, lets one caller find a missing answer, keeps what is worth keeping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from common.answering import Answer, Question
from common.cancellation import CancelSignal
from common.errors import CituError
from common.question_answer_cache import AnswerKey, KeptAnswer, QuestionAnswerCache
from core.logging import get_app_logger
from core.single_flight import SharedJob, SingleFlight

logger = get_app_logger("ask")

Think = Callable[[float], Answer]
_FAILED_CLASSIFICATION: Final = frozenset({"llm_context_error", "llm_error", "llm_parse_error"})


@dataclass(frozen=True)
class ServedAnswer:
    """An answer for one caller; `age_seconds` is None when it was found for this caller.

    `cache_name` is the key it is kept under, if it is; empty when there is no cache before it.
    """

    answer: Answer
    age_seconds: int | None = None
    cache_name: str = ""

    @property
    def is_from_cache(self) -> bool:
        return self.age_seconds is not None


class CachedAnswering:
    """Puts the cache and the single flight in front of thinking.

    Args:
        origin: for a tenant, everything besides the question that an answer of now depends on.
        expects_summary: an answer with rows but no summary has lost something, so it is not kept.
    """

    def __init__(
        self,
        *,
        cache: QuestionAnswerCache,
        flights: SingleFlight,
        origin: Callable[[str], Mapping[str, Any]],
        expects_summary: bool,
    ) -> None:
        self._cache = cache
        self._flights = flights
        self._origin = origin
        self._expects_summary = expects_summary

    def answer(
        self, question: Question, think: Think, *, timeout_seconds: float, caller_left: CancelSignal | None
    ) -> ServedAnswer:
        """The kept answer, or what `think` finds within the seconds it is given; raises what `think` raises.

        Raises:
            TimeoutError: another caller was still finding the answer when the time was over.
            CallerLeftError: the caller left while waiting for that.
        """
        try:
            key = AnswerKey.of(question, self._origin(question.tenant))
        except CituError as error:
            logger.info("answering past the cache: %s", error.error_type)
            return ServedAnswer(think(timeout_seconds))
        work = SharedJob(
            find=lambda: self._cache.get_cached_answer(key),
            make=lambda seconds: self._store_answer(key, question, think(seconds)),
            may_share=lambda kept: self._is_worth_keeping(kept.answer),
        )
        landed = self._flights.run(key.lock_name, work, timeout_seconds=timeout_seconds, cancel=caller_left)
        if landed.is_own:
            return ServedAnswer(landed.value.answer, cache_name=key.name)
        return ServedAnswer(landed.value.answer, self._cache.age_seconds(landed.value), key.name)

    def _store_answer(self, key: AnswerKey, question: Question, answer: Answer) -> KeptAnswer:
        if self._is_worth_keeping(answer):
            return self._cache.cache_answer(key, question, answer)
        return KeptAnswer(answer, stored_at=0)

    def _is_worth_keeping(self, answer: Answer) -> bool:
        """A chat, or rows with all that belongs to them: no explanation why there are none, nothing degraded."""
        if answer.provenance.get("notes") or answer.classification.method in _FAILED_CLASSIFICATION:
            return False
        if answer.question_type == "CHAT":
            return bool(answer.response)
        if answer.records is None:
            return False
        return bool(answer.summary) or not answer.records.rows or not self._expects_summary

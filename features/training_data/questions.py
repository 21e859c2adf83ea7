"""Questions for SQL that came without one: asked of the brain, several at a time, never invented here."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from common.answering import Question
from common.errors import ModelUnavailableError
from common.messages import training_data as texts
from core.async_bridge import run_in_request_loop
from features.training_data.records import MAX_QUESTION_CHARS, RecordRefusedError

_AT_ONCE: Final = 8
_QUOTES: Final = " \t\r\n\"'`*\u201c\u201d\u2018\u2019\u300c\u300d"
_LABEL: Final = re.compile(rf"^\s*(?:question|q|{texts.QUESTION_LABEL})\s*[:\uff1a]\s*", re.IGNORECASE)
_GUEST: Final = "guest"


class QuestionBrain(Protocol):
    """What is needed of `common.answering.Brain`."""

    def on_behalf_of(self, question: Question) -> QuestionBrain: ...

    async def write_question(self, sql: str) -> str: ...


class QuestionSource:
    """Writes questions with the service's brain.

    Args:
        brain: asked for at the first use, so that a service without a model starts.
        timeout_seconds: how long all questions of a call may take together.
        charge: told how many questions the model is about to be asked for the caller; raises when those are too many.
    """

    def __init__(
        self,
        *,
        brain: Callable[[], QuestionBrain],
        timeout_seconds: float,
        charge: Callable[[int], None] = lambda _number: None,
    ) -> None:
        self._brain = brain
        self._charge = charge
        self._timeout_seconds = timeout_seconds

    def questions_for(
        self, tenant: str, statements: Sequence[str], route: str
    ) -> Mapping[str, str | RecordRefusedError | ModelUnavailableError]:
        """A question for each statement, or why there is none. Nothing is raised for a single one.

        Raises:
            RateLimitedError: the caller has had too many written; the model was not asked.
        """
        found: dict[str, str | RecordRefusedError | ModelUnavailableError] = {}
        unwritten = list(dict.fromkeys(statements))
        if not unwritten:
            return found
        self._charge(len(unwritten))
        asker = Question(text="", tenant=tenant, user_id=_GUEST, conversation_id="", route=route)
        brain = self._brain().on_behalf_of(asker)

        async def write_all() -> None:
            gate = asyncio.Semaphore(_AT_ONCE)

            async def write_one(sql: str) -> None:
                async with gate:
                    try:
                        found[sql] = _question(await brain.write_question(sql))
                    except (RecordRefusedError, ModelUnavailableError) as error:
                        found[sql] = error

            await asyncio.gather(*map(write_one, unwritten))

        try:
            run_in_request_loop(write_all, timeout_seconds=self._timeout_seconds)
        except TimeoutError:
            late = ModelUnavailableError(texts.QUESTION_MODEL_FAILED)
            found.update({sql: late for sql in unwritten if sql not in found})
        return found


def _question(text: str) -> str:
    """The first line of a reply as a question.

    Raises:
        RecordRefusedError: there is none.
    """
    line = next((line for line in text.replace("\0", "").splitlines() if line.strip(_QUOTES)), "")
    question = _LABEL.sub("", line.strip(_QUOTES)).strip(_QUOTES)
    if not question or len(question) > MAX_QUESTION_CHARS:
        raise RecordRefusedError(texts.QUESTION_NOT_WRITTEN, missing=("question",))
    return question if question.endswith(texts.QUESTION_MARKS) else question + texts.QUESTION_MARKS[0]

"""Searches the questions and answers of the same user's earlier threads; never those of the shared guest user.

Relevance is the share of the query's character pairs that a round (question and answer) has: no extension, no model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from langchain_core.messages import AnyMessage, HumanMessage
from pydantic import BaseModel, Field

from common.askers import INSIDER, Asker
from common.messages import react_api as texts
from core.async_bridge import run_blocking
from core.llm.messages import ToolSpec
from react_agent.checkpoints.records import CheckpointRecords, StoredThread
from react_agent.state import Turn, is_answer, text_of
from react_agent.thread_ids import stored_id
from react_agent.tools.toolbox import ToolOutcome, read_arguments, spec_of

SEARCH_TOOL: Final = "redis_search"
MAX_THREADS: Final = 20
MAX_HITS: Final = 5
SHOWN_CHARS: Final = 300
LEAST_SCORE: Final = 0.2


class SearchArguments(BaseModel):
    query: str = Field(description="What to look for, a few words", max_length=500)


@dataclass(frozen=True)
class Round:
    """A question of an earlier thread with its answer; `score` 0..1."""

    asked: str
    answered: str
    score: float


class EarlierConversations:
    """The tool `redis_search`.

    Args:
        records: where threads are remembered.
        shared_user: who everybody is that gives no name: such threads belong to nobody in particular.
    """

    spec: ToolSpec = spec_of(
        SEARCH_TOOL,
        "Look up earlier conversations of this user. Use it when the user refers to something said before that is not "
        "in this conversation.",
        SearchArguments,
    )

    def __init__(self, *, records: Callable[[], CheckpointRecords], shared_user: str) -> None:
        self._records = records
        self._shared_user = shared_user

    async def call(self, arguments: Mapping[str, Any], turn: Turn, messages: Sequence[AnyMessage]) -> ToolOutcome:
        """Raises `StoreUnavailableError` when the store cannot be reached."""
        query = read_arguments(SearchArguments, arguments).query
        question = turn.question
        user, thread = question.user_id, question.conversation_id
        found = await run_blocking(self.search, query, question.tenant, user, thread, question.asker)
        if not found:
            return ToolOutcome(texts.NOTHING_SAID_EARLIER, {"kind": "earlier", "count": 0})
        rounds = [{"question": hit.asked[:SHOWN_CHARS], "answer": hit.answered[:SHOWN_CHARS]} for hit in found]
        return ToolOutcome(json.dumps(rounds, ensure_ascii=False), {"kind": "earlier", "count": len(rounds)})

    def search(
        self, query: str, tenant: str, user_id: str, current_thread: str = "", asker: Asker = INSIDER
    ) -> list[Round]:
        """The best rounds of the asker's newest other threads, best first."""
        wanted = _pairs(query)
        if user_id == self._shared_user or not user_id or not wanted:
            return []
        records = self._records()
        prefix, current = stored_id(tenant, f"{user_id}:"), stored_id(tenant, current_thread)
        newest = sorted(records.counts(prefix), reverse=True)
        chosen = [stored for stored in newest if stored != current][:MAX_THREADS]
        threads = [records.latest(stored) for stored in chosen]
        rounds = [found for thread in threads if _is_own(thread, asker) for found in _rounds(thread, wanted)]
        return sorted(rounds, key=lambda found: found.score, reverse=True)[:MAX_HITS]


def _is_own(thread: StoredThread | None, asker: Asker) -> TypeGuard[StoredThread]:
    return thread is not None and asker.may_continue(thread.begun)


def _rounds(thread: StoredThread, wanted: frozenset[str]) -> Iterator[Round]:
    asked = ""
    for message in thread.messages:
        if isinstance(message, HumanMessage):
            asked = text_of(message)
        elif asked and is_answer(message):
            answered = text_of(message)
            score = len(wanted & _pairs(f"{asked}\n{answered}")) / len(wanted)
            if score >= LEAST_SCORE:
                yield Round(asked, answered, score)


def _pairs(text: str) -> frozenset[str]:
    """Neighbouring characters of each word; a single character is its own pair."""
    words = "".join(character if character.isalnum() else " " for character in text.casefold()).split()
    return frozenset(word[index : index + 2] for word in words for index in range(max(1, len(word) - 1)))

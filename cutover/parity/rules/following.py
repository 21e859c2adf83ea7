"""What follows for an exchange from earlier ones, as functions for the conditions of rows.

The state behind them is in `conversation_turns` and `training_store`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules import conversation_turns as turns
from cutover.parity.rules import training_store as store
from cutover.parity.rules.recorded import body_of, old_answer, old_stream

AGENT_CALLS = r"/api/v0/ask_react_agent(_stream)?"
CLOSED_LOOP = "Redis连接问题，请重试"


def follow_ups(exchange: Exchange) -> dict[str, Callable[..., Any]]:
    """The functions about the recorded exchange and those before it."""
    asked = cache(lambda: turns.turns_before(exchange))

    def begun() -> Mapping[str, Any]:
        """Conversations of each user that may be missing now, or new, and the users who asked."""
        fewer, more = turns.begun_otherwise(asked())
        return {"fewer": fewer, "more": more, "users": {turn.user for turn in asked()}}

    return {
        "turns": asked,
        "begun": cache(begun),
        "said": turns.are_said,
        "stored": turns.is_explained,
        "made_of": _is_made_of,
        "other_threads": lambda user: _other_threads(exchange, user),
        "kept_now": store.is_kept_now,
        "was_kept": store.was_kept,
        "items": lambda: store.items_of(exchange),
        "records": lambda: list(store.pairs_of(exchange)),
        "total_then": lambda: store.total_of(exchange, old_answer(exchange)),
        "lost_by_update": lambda one: _lost_by_update(one["exchange"]),
    }


def follow_up_answers(exchange: Exchange, answer: Answer) -> dict[str, Callable[..., Any]]:
    """The functions that compare the new answer with what is to be expected after the exchanges before it."""
    effects = cache(lambda: store.effects_on(exchange))

    def total_follows() -> bool:
        drift = store.drift_before(exchange) + store.change_by(exchange, answer)
        return drift.explains(store.total_of(exchange, old_answer(exchange)), store.total_of(exchange, answer))

    return {
        "drifted": lambda old, new: store.drift_before(exchange).explains(old, new),
        "total_follows": total_follows,
        "sizes_explained": lambda old, new: effects().explain(old, new),
        "rows_explained": lambda old, new: store.rows_explained(effects(), old, new),
        "groups_explained": lambda old, new: store.groups_explained(effects(), old, new),
        "listed_as_begun": lambda is_unlimited: turns.is_list_of_what_was_begun(exchange, answer, is_unlimited),
    }


def _is_made_of(lines: list[str], text: str) -> bool:
    """Whether a dialogue is made of these lines, each any number of times."""
    one = "|".join(map(re.escape, lines))
    return re.fullmatch(rf"((({one})\n)*({one}))?", text, re.DOTALL) is not None


def _lost_by_update(exchange: Exchange) -> bool:
    return exchange.response["status"] != 200 and store.removed_by_update(exchange, old_answer(exchange))[0] < 0


def _other_threads(exchange: Exchange, user: str) -> int:
    """How many threads of a user, or of all for "", exist today only, or existed then only."""
    calls = (one for one in exchange.earlier() if one.received and re.fullmatch(AGENT_CALLS, one.request["path"]))
    others = [one for one in calls if _has_thread(old_stream(one)) is not _has_thread(one.received[-1])]
    return sum(not user or _caller(one) == user for one in others)


def _has_thread(answer: Answer) -> bool:
    """Whether a call left a thread behind, as far as its answer says."""
    if answer.events:
        named = [event["data"]["data"] for event in answer.events]
        return any(data.get("thread_id") or data.get("conversation_id") for data in named)
    error = answer.body.get("error") if isinstance(answer.body, Mapping) else None
    return bool(answer.data.get("conversation_id")) and error != CLOSED_LOOP


def _caller(exchange: Exchange) -> str:
    given = body_of(exchange) or exchange.request.get("query") or {}
    thread = str(given.get("thread_id") or given.get("conversation_id") or "")
    return str(given.get("user_id") or thread.partition(":")[0] or "guest")

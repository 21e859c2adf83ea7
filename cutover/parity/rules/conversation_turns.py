"""What was asked in which conversation, then and now, as far as earlier exchanges tell."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.rule import body_of, old_answer
from cutover.parity.rules.training_effects import answer_now

QUESTIONS = ("/api/v0/ask_agent", "/api/v0/ask_agent_stream")


@dataclass(frozen=True)
class Side:
    """What one service did with a question.

    Attributes:
        conversation: where it went; None when the answer does not say.
        is_open: whether it may have gone somewhere although the answer does not say.
        least, most: how many messages were stored.
        text: what is kept of the answer.
    """

    conversation: str | None
    is_open: bool
    least: int
    most: int
    text: str


@dataclass(frozen=True)
class Turn:
    """A question of `user`, as the old service cut the name out of its keys, and what became of it."""

    user: str
    question: str
    then: Side
    now: Side

    @property
    def is_changed(self) -> bool:
        """Whether other things are stored of it than were."""
        stored = [(side.least, side.most, side.text) for side in (self.then, self.now)]
        return stored[0] != stored[1]


def turns_before(exchange: Exchange) -> list[Turn]:
    """The questions of the same phase before it, oldest first."""
    asked = [one for one in exchange.earlier() if one.request["path"] in QUESTIONS]
    return [_turn(one) for one in reversed(asked)]


def begun_otherwise(turns: Sequence[Turn]) -> tuple[Counter[str], Counter[str]]:
    """Of each user: conversations that were begun then and may not exist now, and the reverse."""
    fewer, more = Counter[str](), Counter[str]()
    known_then, known_now = set[str | None]({None}), set[str | None]({None})
    for turn in turns:
        is_new_then, is_new_now = turn.then.conversation not in known_then, turn.now.conversation not in known_now
        is_silent = turn.then.is_open and turn.now.is_open
        fewer[turn.user] += not is_silent and not is_new_now and (is_new_then or turn.then.is_open)
        more[turn.user] += not is_silent and not is_new_then and (is_new_now or turn.now.is_open)
        known_then.add(turn.then.conversation)
        known_now.add(turn.now.conversation)
    return +fewer, +more


def stored_otherwise(turns: Sequence[Turn]) -> tuple[int, int]:
    """How many messages of these questions may be missing now, and how many may be new."""
    fewer = sum(max(0, turn.then.most - turn.now.least) for turn in turns)
    return fewer, sum(max(0, turn.now.most - turn.then.least) for turn in turns)


def _turn(exchange: Exchange) -> Turn:
    asked: Mapping[str, Any] = body_of(exchange) or exchange.request.get("query") or {}
    question = asked.get("question")
    text = question if isinstance(question, str) else json.dumps(question)
    old = old_answer(exchange)
    then = Answer(old.status, old.body, events=exchange.response.get("events") or ())
    return Turn(_user(asked), text, _side(then, exchange.is_stream), _side(answer_now(exchange), exchange.is_stream))


def _user(asked: Mapping[str, Any]) -> str:
    """Who asked, or whose the conversation is; a name ended at its first colon."""
    name, conversation = asked.get("user_id"), asked.get("conversation_id")
    if not name and conversation and ":" not in str(conversation):
        return "unknown"
    return str(name or conversation or "guest").partition(":")[0]


def _side(answer: Answer, is_stream: bool) -> Side:
    envelope = answer.events[-1]["data"] if answer.events else answer.body
    envelope = envelope if isinstance(envelope, Mapping) else {}
    found = envelope.get("data")
    data: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    conversation, text = data.get("conversation_id"), _stored_text(data)
    if conversation is None:
        is_open = answer.status in (200, 500, 503)
        return Side(None, is_open, 0, 2 * is_open, text)
    is_success = answer.status == 200 and envelope.get("success") is True
    least = 2 if is_success and not is_stream else 1
    return Side(str(conversation), False, least, 2 if is_success else 1, text)


def _stored_text(data: Mapping[str, Any]) -> str:
    """What is kept of an answer: its text, or that there are rows."""
    if data.get("response") or data.get("summary"):
        return str(data.get("response") or data["summary"])
    rows = data.get("records") or data.get("query_result")
    return f"查询执行完成，共返回 {rows['row_count']} 条记录。" if isinstance(rows, Mapping) else "数据库查询已处理。"

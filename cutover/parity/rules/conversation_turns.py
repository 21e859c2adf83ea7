"""What was asked in which conversation, then and now, as far as earlier exchanges tell.

This is code and no row, because it folds the whole history of a phase instead of reading one exchange.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.readings import title_of
from cutover.parity.rules.recorded import answer_now, body_of, old_answer, old_stream

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
    then, now = (_side(answer, exchange.is_stream) for answer in (old_stream(exchange), answer_now(exchange)))
    return Turn(_user(asked), text, then, now)


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


def _listed(answer: Answer) -> dict[str, Mapping[str, Any]]:
    return {str(one["conversation_id"]): one for one in answer.data["conversations"]}


def is_list_of_what_was_begun(exchange: Exchange, answer: Answer, is_unlimited: Callable[[], object]) -> bool:
    """The recorded conversations that were begun now, in their order, and in place of others older ones."""
    old, new, turns = _listed(old_answer(exchange)), _listed(answer), turns_before(exchange)
    partners = {turn.then.conversation: turn.now.conversation for turn in turns if turn.then.conversation}
    known_now = {turn.now.conversation for turn in turns}
    kept = [partners[one] for one in old if partners.get(one)]
    same = [one for one in new if one in partners.values()]
    shown = min(len(kept), len(same))
    is_known = old.keys() <= partners.keys() and new.keys() <= known_now
    is_ordered = kept[:shown] == same[:shown] and len(new) >= len(kept)
    most = len(old) + sum(begun_otherwise(turns)[1].values())
    is_bounded = len(new) <= most or bool(is_unlimited())
    is_counted = answer.data.get("total_count", answer.data.get("total_conversations")) == len(new)
    is_each = all(_is_conversation(exchange, old.get(_old_id(turns, one)), new[one], turns) for one in new)
    if answer.status == 200 and _is_the_same(old, new, partners):
        return True
    return answer.status == 200 and is_known and is_ordered and is_bounded and is_counted and is_each


def _is_the_same(
    old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]], partners: Mapping[str, str | None]
) -> bool:
    is_paired = all(partners.get(before, after) == after for before, after in zip(old, new, strict=False))
    return is_paired and [*map(_plain, old.values())] == [*map(_plain, new.values())]


def _plain(conversation: Mapping[str, Any]) -> tuple[Any, ...]:
    said = [message.get("content") for message in conversation.get("messages", ())]
    return conversation.get("conversation_title"), conversation.get("message_count"), said


def _old_id(turns: Sequence[Turn], conversation: str) -> str:
    return next((str(turn.then.conversation) for turn in turns if turn.now.conversation == conversation), "")


def _is_conversation(
    exchange: Exchange, old: Mapping[str, Any] | None, new: Mapping[str, Any], turns: Sequence[Turn]
) -> bool:
    """Its title is its first question, and its messages are those of its questions."""
    own = [turn for turn in turns if turn.now.conversation == new["conversation_id"]]
    title, first = new.get("conversation_title"), title_of(own[0].question) if own else None
    is_titled = title == first or title is None or (old is not None and title == old.get("conversation_title"))
    said = new.get("messages", [])
    is_said = are_said(said, own, (old or {}).get("messages", []))
    if old is None or "message_limit" in (exchange.request.get("query") or {}):
        return is_titled and is_said
    return is_titled and is_said and is_explained(int(old["message_count"]), int(new["message_count"]), own)


def is_explained(old: int, new: int, turns: Sequence[Turn]) -> bool:
    fewer, more = stored_otherwise(turns)
    return -more <= old - new <= fewer


def are_said(
    messages: Sequence[Mapping[str, Any]], turns: Sequence[Turn], recorded: Sequence[Mapping[str, Any]]
) -> bool:
    """Each one is a question that was asked there, or an answer that was given to one."""
    told = {"user": {turn.question for turn in turns}, "assistant": {turn.now.text for turn in turns}}
    for message in recorded:
        told.setdefault(str(message.get("role")), set()).add(str(message.get("content")))
    return all(message.get("content") in told.get(str(message.get("role")), ()) for message in messages)

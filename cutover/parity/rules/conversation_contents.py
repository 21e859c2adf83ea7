"""Intended differences of what conversations hold (docs/contract/conversations.md): what follows from questions
that are answered, refused or failed otherwise today, titles that stay, and limits below 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from common.conversation_layout import title_of
from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.conversation_turns import Turn, begun_otherwise, stored_otherwise, turns_before
from cutover.parity.rules.rule import Rule, old_answer
from cutover.parity.rules.training_effects import answer_now

LISTS = r"/api/v0/user/[^/]+/conversations(/full)?"
MESSAGES = r"/api/v0/conversation/[^/]+/messages"
CONTEXT = r"/api/v0/conversation/[^/]+/context"
STATS = "/api/v0/conversation_stats"
LIMITS = ("limit", "conversation_limit", "message_limit", "count")


def _limits_below_0(exchange: Exchange) -> list[str]:
    given: Mapping[str, Any] = exchange.request.get("query") or {}
    return [name for name in LIMITS if re.fullmatch(r"\s*-\d+\s*", str(given.get(name, "")))]


def _was_told(exchange: Exchange, member: str) -> bool:
    return exchange.response["status"] == 200 and member in old_answer(exchange).data


def _listed(answer: Answer) -> dict[str, Mapping[str, Any]]:
    return {str(one["conversation_id"]): one for one in answer.data["conversations"]}


def _is_list_of_what_there_is(exchange: Exchange, answer: Answer) -> bool:
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
    is_bounded = len(new) <= most or bool(_limits_below_0(exchange))
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
    is_said = _are_said(said, own, (old or {}).get("messages", []))
    if old is None or "message_limit" in (exchange.request.get("query") or {}):
        return is_titled and is_said
    return is_titled and is_said and _is_explained(int(old["message_count"]), int(new["message_count"]), own)


def _is_explained(old: int, new: int, turns: Sequence[Turn]) -> bool:
    fewer, more = stored_otherwise(turns)
    return -more <= old - new <= fewer


def _are_said(
    messages: Sequence[Mapping[str, Any]], turns: Sequence[Turn], recorded: Sequence[Mapping[str, Any]]
) -> bool:
    """Each one is a question that was asked there, or an answer that was given to one."""
    told = {"user": {turn.question for turn in turns}, "assistant": {turn.now.text for turn in turns}}
    for message in recorded:
        told.setdefault(str(message.get("role")), set()).add(str(message.get("content")))
    return all(message.get("content") in told.get(str(message.get("role")), ()) for message in messages)


def _turns_of(exchange: Exchange) -> list[Turn]:
    asked = str(old_answer(exchange).data.get("conversation_id"))
    return [turn for turn in turns_before(exchange) if turn.then.conversation == asked]


def _holds_otherwise(exchange: Exchange) -> bool:
    return bool(_limits_below_0(exchange)) or any(turn.is_changed for turn in _turns_of(exchange))


def _are_its_messages(exchange: Exchange, answer: Answer) -> bool:
    old, new, turns = old_answer(exchange).data["messages"], answer.data["messages"], _turns_of(exchange)
    is_counted = answer.data.get("message_count") == len(new)
    is_limited = "limit" in (exchange.request.get("query") or {})
    is_as_many = len(new) >= len(old) if _limits_below_0(exchange) else True
    is_explained = is_limited or _is_explained(len(old), len(new), turns)
    is_all = answer.status == 200 and is_counted and is_as_many and is_explained
    return is_all and _are_said(new, turns, old) and _has_right_meta(exchange, answer, turns)


def _has_right_meta(exchange: Exchange, answer: Answer, turns: Sequence[Turn]) -> bool:
    old, new = (one.data.get("conversation_meta", {}).get("message_count") for one in (old_answer(exchange), answer))
    return old == new or _is_explained(int(old), int(new), turns)


def _is_its_dialogue(exchange: Exchange, answer: Answer) -> bool:
    """Lines of questions that were asked there and answers that were given to them."""
    lines = [line for turn in _turns_of(exchange) for line in _lines(turn)]
    if answer.data["context"] == old_answer(exchange).data["context"]:
        return True
    one = "|".join(map(re.escape, lines))
    is_said = re.fullmatch(rf"((({one})\n)*({one}))?", answer.data["context"], re.DOTALL) is not None
    return answer.status == 200 and bool(lines) and is_said


def _lines(turn: Turn) -> Iterator[str]:
    yield f"User: {turn.question}"
    yield f"Assistant: {turn.now.text}"


def _counts_what_was_begun(exchange: Exchange, answer: Answer) -> bool:
    """As many as recorded, but for conversations that were begun by other questions, or removed with their user."""
    fewer, more = (sum(one.values()) for one in begun_otherwise(turns_before(exchange)))
    fewer += sum(int(answer_now(one).data.get("evicted_conversations_deleted", 0)) for one in exchange.earlier())
    old, new = old_answer(exchange).data, answer.data
    is_explained = all(-more <= old[name] - new[name] <= fewer for name in ("total_users", "total_conversations"))
    return answer.status == 200 and new.get("available") is True and is_explained


RULES = (
    Rule(
        "conversations-begun-today",
        "a list had conversations of questions refused today, titles drifted, and a limit below 0 cut the oldest off",
        LISTS,
        was=lambda exchange: _was_told(exchange, "conversations"),
        became=_is_list_of_what_there_is,
        covers=r"\$\.data\.(conversations.*|total_\w+)",
    ),
    Rule(
        "messages-stored-today",
        "apologies were kept as answers, and a limit below 0 cut the oldest off; now answers are kept, and all shown",
        MESSAGES,
        was=lambda exchange: _was_told(exchange, "messages") and _holds_otherwise(exchange),
        became=_are_its_messages,
        covers=r"\$\.data\.(messages.*|message_count|conversation_meta\.message_count)",
    ),
    Rule(
        "dialogue-stored-today",
        "the same in the dialogue",
        CONTEXT,
        was=lambda exchange: _was_told(exchange, "context") and _holds_otherwise(exchange),
        became=_is_its_dialogue,
        covers=r"\$\.data\.context",
    ),
    Rule(
        "conversations-counted-today",
        "the same conversations in the figures",
        STATS,
        was=lambda exchange: _was_told(exchange, "total_conversations"),
        became=_counts_what_was_begun,
        covers=r"\$\.data\.total_(users|conversations)",
    ),
)

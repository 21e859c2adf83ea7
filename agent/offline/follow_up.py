"""Completes a follow-up question from the question before it: 那上饶分公司呢 asks the same of somebody else.

Used by `OfflineBrain` for classification and for SQL. Only the last `User:` line of the context counts.
"""

from __future__ import annotations

import re
from datetime import date

from agent.offline.composer import Composer
from agent.offline.normalise import normalise
from agent.offline.scanner import Token

_STARTS = ("那", "那么", "还有", "换成", "改成", "再看", "再查", "and ", "what about", "how about")
_ENDS = ("呢", "呢?", "怎么样", "如何", "的呢", "的呢?")
_MOST_CHARACTERS = 1_000
_SPLIT = re.compile(
    r"(?:那|再|请)?[按每](?P<unit>年|季度|月|周|日|天)(?:拆开|拆分|分开|分组|统计|汇总|看)?(?:看看|一下|呢|吧)?\??"
)
_SLOTS = ("period", "value", "number", "measure", "concept")


def with_context(question: str, context: str, composer: Composer, today: date) -> str:
    """The question made complete; unchanged when it stands by itself, nothing fits or the earlier one is very long."""
    previous = _last_question(context)
    text = normalise(question)
    if previous and len(previous) <= _MOST_CHARACTERS and (split := _SPLIT.fullmatch(text)):
        return f"{normalise(previous).rstrip('?。')}按{split['unit']}统计"
    if not previous or len(previous) > _MOST_CHARACTERS or not (text.startswith(_STARTS) or text.endswith(_ENDS)):
        return question
    asked = [token for token in composer.tokens(text, today) if token.kind in _SLOTS]
    earlier = composer.tokens(previous, today)
    kinds = {token.kind for token in asked}
    if not asked or {"measure", "concept"} <= kinds:
        return question
    return _replaced(normalise(previous), earlier, asked) or question


def _replaced(previous: str, earlier: list[Token], asked: list[Token]) -> str:
    """The earlier question with its slots exchanged; text that has no place there is put in front."""
    text = previous
    for token in asked:
        same = [old for old in earlier if old.kind == token.kind]
        if len(same) > 1 and token.kind == "value":
            keys = {match.column.key for match in token.values}
            same = [old for old in same if keys & {match.column.key for match in old.values}] or same
        if same:
            text = text.replace(same[0].text, token.text, 1)
        elif token.kind in ("period", "value"):
            text = token.text + text
        else:
            return ""
    return text


def _last_question(context: str) -> str:
    lines = [line for line in context.splitlines() if line.startswith("User:")]
    return lines[-1].removeprefix("User:").strip() if lines else ""

"""Follow-ups: completes a question from the one before it, slot by slot.

The question before is the last one of the context that can be answered, itself completed from those before it; a
question that failed leaves no trace. 那9月呢 keeps the year,
按公司分一下 adds a group, 换成车流量 exchanges the figure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from offline.engine import Engine
from offline.periods import Period
from offline.text import fold, has_cjk
from offline.time_grammar import Clock
from offline.tokens import Token

_CURRENT = "\n[CURRENT]\n"
_LEADS = (
    "那么",
    "那",
    "换成",
    "改成",
    "换",
    "只看",
    "仅看",
    "再看",
    "再查",
    "还有",
    "按",
    "and ",
    "what about",
    "how about",
    "only ",
    "just ",
    "same for",
    "now ",
    "by ",
)
_ENDS = re.compile(r"(?:的)?呢\s*[?!.]*$")
_MOST_TURNS, _MOST_CHARACTERS, _SHORT = 6, 600, 5
_ADDED_TEXT = """
previous year_before share growth decline first last high low day week month quarter year weekday
which_day high_first low_first daily monthly running
"""
_ADDED = frozenset(_ADDED_TEXT.split())


def current_part(question: str) -> str:
    """The text that is asked now, without the earlier turns an enhanced question carries."""
    return question.rpartition(_CURRENT)[2].strip() if _CURRENT in question else question.strip()


def complete(question: str, context: str, engine: Engine, today: date) -> str:
    """The question made complete from the conversation; unchanged when it stands by itself."""
    turns = [line.removeprefix("User:").strip() for line in context.splitlines() if line.startswith("User:")]
    before = ""
    for turn in turns[-_MOST_TURNS:]:
        if len(turn) > _MOST_CHARACTERS:
            continue
        merged = _merged(turn, before, engine, today)
        if engine.compose(merged, today).sql:
            before = merged
    return _merged(question, before, engine, today) if before else question


def _merged(question: str, before: str, engine: Engine, today: date) -> str:
    if not before or len(question) > _MOST_CHARACTERS:
        return question
    earlier = engine.tokeniser.tokens(before, Clock(today))
    stated = next(
        (t.period.stated_year for t in reversed(earlier) if t.period is not None and t.period.stated_year), None
    )
    asked = [t for t in engine.tokeniser.tokens(question, Clock(today, stated)) if not t.is_filler]
    if not _is_follow_up(question, asked, engine, today):
        return question
    return _with_slots(before, earlier, asked, fold(question), today) or question


def _is_follow_up(question: str, asked: Sequence[Token], engine: Engine, today: date) -> bool:
    """A word that leans on what was said, or too little to be a question of its own."""
    text = fold(question)
    content = [t for t in asked if not t.is_break]
    leans = text.startswith(_LEADS) or bool(_ENDS.search(text))
    if not leans and len(content) > _SHORT:
        return False
    figures = [t for t in content if any(n.field is not None and n.field.is_measure for n in t.names[:1])]
    tables = [t for t in content if any(n.kind == "table" for n in t.names)]
    if leans and not (figures and (tables or any(t.values for t in content)) and len(content) > _SHORT):
        return True
    return not leans and not figures and not tables and bool(content) and not engine.compose(question, today).sql


def _with_slots(before: str, earlier: Sequence[Token], asked: Sequence[Token], question: str, today: date) -> str:
    pieces = [token.text for token in earlier]
    added: list[str] = []
    front: list[str] = []
    drops_groups = any(t.has("sum") for t in asked) and not any(t.names for t in asked)
    for token in asked:
        if token.period is not None:
            text = period_text(token, today)
            target = _place(earlier, lambda t: t.period is not None)
        elif token.values and not token.names:
            text, target = token.literal or token.text, _value_place(earlier, token)
        elif token.names and _is_figure(token) and not token.has("group"):
            text, target = token.text, _place(earlier, _is_figure)
        elif token.names:
            grouped = "按" if has_cjk(question) else " by "
            added.append(f"{grouped}{token.text}")
            continue
        elif token.number is not None or token.tags & _ADDED:
            added.append(token.text)
            continue
        elif token.tags or token.is_break:
            continue
        else:
            return ""
        if target is None:
            front.append(text)
        else:
            pieces[target] = text
    if drops_groups:
        pieces = [
            text
            for text, token in zip(pieces, earlier, strict=True)
            if not token.has("group", "day", "month", "week", "first", "high", "low")
        ]
    joiner = "" if has_cjk(before) else " "
    return joiner.join([*front, *[p for p in pieces if p not in ("?", ".")], *added]).strip()


def _place(earlier: Sequence[Token], fits: Callable[[Token], bool]) -> int | None:
    return next((i for i, token in enumerate(earlier) if fits(token)), None)


def _value_place(earlier: Sequence[Token], token: Token) -> int | None:
    fields = {link.field for link in token.values}
    return _place(
        earlier, lambda t: bool(t.values) and not t.names and bool(fields & {link.field for link in t.values})
    )


def _is_figure(token: Token) -> bool:
    return any(name.field is not None and name.field.is_measure for name in token.names[:1])


def period_text(token: Token, today: date) -> str:
    """A period in words that need no year from elsewhere."""
    period = token.period
    assert period is not None  # noqa: S101 - asked only of periods
    first, end = period.bounds(today)
    if first is None or end is None or not _is_absolute(period):
        return token.text
    last = end - timedelta(days=1)
    if first == last:
        return first.isoformat()
    return (
        f"{first.isoformat()}到{last.isoformat()}"
        if has_cjk(token.text)
        else f"from {first.isoformat()} to {last.isoformat()}"
    )


def _is_absolute(period: Period) -> bool:
    return bool(period.start and period.start.day and period.end and period.end.day)

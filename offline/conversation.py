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
from offline.periods import Period, add_months
from offline.text import fold, has_cjk, is_english
from offline.time_grammar import Clock
from offline.time_patterns import SHIFT_BACK, SHIFT_ON
from offline.tokens import Token

_NUMBERING = re.compile(
    r"^\s*(?:[(（]\d{1,2}[)）]|\d{1,2}(?:[)）、]|[.．](?!\d))|[QqＱ问][:：]|[(（][一二三四五六七八九十]+[)）]|[一二三四五六七八九十]+、)\s*"
)
"""What stands before a question in a list of questions."""
_CURRENT = "\n[CURRENT]\n"
_LEADS = (
    "那么",
    "那",
    "换成",
    "改成",
    "换",
    "只看",
    "不要",
    "不含",
    "除了",
    "去掉",
    "排除",
    "仅看",
    "再看",
    "再查",
    "还有",
    "按",
    "and ",
    "what about",
    "how about",
    "only ",
    "without ",
    "except ",
    "excluding ",
    "just ",
    "same for",
    "now ",
    "by ",
)
_PRESENTING = re.compile(r"图|表格|导出|chart|plot|table|export|excel")
"""Only another way to show the same answer is asked for."""
_LISTING = re.compile(
    r"(?:都|分别)?(?:有|是)(?:哪些|哪几个|谁|什么)|(?:列|说)(?:一下|出来?)"
    r"|which (?:ones|are they)|what are they|list them"
)
"""Asks for the things themselves after they were counted."""
_PRONOUN = re.compile(
    r"^\W*(?:在|那|并且|其中)?(?:它们?|他们|她们)"
    r"|^\W*(?:and |of )?(?:they|it (?:is|was|has|had|belongs?))\b|\b(?:them|those|these)\W*$"
)
_DEMONSTRATIVE = re.compile(
    r"^\W*(?:在|那|并且|其中)?[这那](?:些|[两二三四五六七八九十几\d]*[个家条位座所])|^\W*(?:and |of )?(?:these|those)\b"
)
"""Words that stand for the result of the question before: alone, or before a noun of the schema."""
_EXCLUDING = re.compile(r"^\W*(?:不要|不含|除了|除去|去掉|排除|不包括|without|except|excluding)")
_ENDS = re.compile(r"(?:的)?呢\s*[?!.]*$")
_MOST_TURNS, _MOST_CHARACTERS, _SHORT, _SHORTEST = 6, 600, 5, 3
_ADDED_TEXT = """
previous year_before share growth decline first last high low day week month quarter year weekday
which_day high_first low_first daily monthly running
"""
_COMPARING = frozenset({"higher", "lower", "which", "equal"})
_ADDED = frozenset(_ADDED_TEXT.split())


def current_part(question: str) -> str:
    """The text that is asked now, without earlier turns and without its number in a list."""
    current = question.rpartition(_CURRENT)[2] if _CURRENT in question else question
    return _NUMBERING.sub("", current).strip()


def points_back(question: str, engine: Engine, today: date) -> bool:
    """Whether a question speaks of what an earlier one found: by a pronoun, or by 这些, `those` before a noun.

    这个月 and 这个数据库 stand for themselves: a time is no noun of the schema, and a database is none of its tables.
    """
    text = fold(question)
    if _PRONOUN.search(text):
        return True
    found = _DEMONSTRATIVE.match(text)
    if found is None:
        return False
    named = (
        token for token in engine.tokens(question, Clock(today)) if token.end > found.end() and not token.is_filler
    )
    following = next(named, None)
    return following is not None and following.period is None and bool(following.names)


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
    earlier = engine.tokens(before, Clock(today))
    stated = next(
        (t.period.stated_year for t in reversed(earlier) if t.period is not None and t.period.stated_year), None
    )
    asked = [t for t in engine.tokens(question, Clock(today, stated)) if not t.is_filler]
    if not _is_follow_up(question, asked, engine, today):
        return question
    return _with_slots(before, earlier, asked, fold(question), today) or question


def _is_follow_up(question: str, asked: Sequence[Token], engine: Engine, today: date) -> bool:
    """A word that leans on what was said, or too little to be a question of its own."""
    text = fold(question)
    content = [t for t in asked if not t.is_break]
    if not content:
        return _PRESENTING.search(text) is not None
    figures = any(_is_figure(t) for t in content)
    things = any(n.kind == "table" for t in content for n in t.names) or any(t.values for t in content)
    if _leans(text):
        return not (figures and things and len(content) > _SHORT)
    if len(content) > _SHORT or any(t.period is not None for t in content):
        return False
    is_bare = not things or not engine.compose(question, today).sql
    if figures or any(t.has("count") for t in content):
        return is_bare and len(content) <= _SHORTEST and not any(t.has("group") for t in content)
    return not engine.compose(question, today).sql


def _leans(text: str) -> bool:
    """Whether a folded question begins, ends or moves in time like the second half of another."""
    if text.startswith(_LEADS) or _ENDS.search(text) or _LISTING.fullmatch(text.strip(" ?!.")):
        return True
    return SHIFT_BACK.search(text) is not None or SHIFT_ON.search(text) is not None


def _with_slots(before: str, earlier: Sequence[Token], asked: Sequence[Token], question: str, today: date) -> str:
    """The question before with the asked slots; empty when something asked has no place."""
    slots = _Slots(earlier, is_english=is_english(before))
    if shifted := _shifted(earlier, question, today):
        slots.put(shifted, lambda t: t.period is not None)
        asked = [token for token in asked if not _is_of_time(token)]
    if _LISTING.fullmatch(question.strip(" ?!.")):
        slots.list_counted()
    elif _only_compares(asked):
        return ""
    if _EXCLUDING.search(question):
        asked = slots.exclude(asked)
    return slots.text() if slots.take_all(asked, today) else ""


def _is_of_time(token: Token) -> bool:
    return token.period is not None or token.number is not None or token.has("month", "year", "day", "nth")


def _only_compares(asked: Sequence[Token]) -> bool:
    """哪个更多: a comparison within the answer before, which no question can be made of."""
    return bool(asked) and all(token.tags & _COMPARING or token.is_break for token in asked)


class _Slots:
    """The pieces of the earlier question, with what is put in place of them, before and after them."""

    def __init__(self, earlier: Sequence[Token], *, is_english: bool) -> None:
        self._earlier = earlier
        self._pieces = [token.text for token in earlier]
        self._front: list[str] = []
        self._added: list[str] = []
        self._is_english = is_english

    def take_all(self, asked: Sequence[Token], today: date) -> bool:
        """Find a place for every asked token; False when one has none."""
        if not all(self.take(token, today) for token in asked):
            return False
        if any(t.has("sum") for t in asked) and not any(t.names for t in asked):
            self.drop_groups()
        return True

    def take(self, token: Token, today: date) -> bool:
        """Find a place for an asked token; False when it has none."""
        if token.period is not None:
            self.put(period_text(token, today), lambda t: t.period is not None)
        elif token.values and not token.names:
            fields = {link.field for link in token.values}
            self.put(
                token.literal or token.text,
                lambda t: bool(t.values) and not t.names and bool(fields & {v.field for v in t.values}),
            )
        elif token.names and _is_figure(token):
            self.put(token.text, _is_figure)
        elif token.names:
            self._added.append(f" by {token.text}" if self._is_english else f"按{token.text}")
        elif token.number is not None:
            self._take_number(token)
        elif token.has("high", "low", "last", "newest"):
            self._take_rank(token)
        elif token.tags & _ADDED:
            self._added.append(token.text)
        else:
            return bool(token.tags) or token.is_break
        return True

    def _take_number(self, token: Token) -> None:
        """A number takes the place of the number of rows that was asked for."""
        place = _place(self._earlier, lambda t: t.number is not None)
        if place is not None:
            self._pieces[place] = token.text
            self._added = [text for text in self._added if text not in ("前", "top", "first")]
        else:
            self._added.append(token.text)

    def exclude(self, asked: Sequence[Token]) -> list[Token]:
        """不要“其他”: everything but the values asked for; returns the other tokens."""
        values = [token.text for token in asked if token.values]
        self._added += [f" except {text}" if self._is_english else f"，除了“{text}”" for text in values]
        return [token for token in asked if not token.values]

    def list_counted(self) -> None:
        """都有哪些: the things that were counted."""
        place = _place(self._earlier, lambda t: t.has("count"))
        if place is not None:
            self._pieces[place] = "which" if self._is_english else "有哪些"

    def _take_rank(self, token: Token) -> None:
        cut = _place(self._earlier, lambda t: t.has("first"))
        if cut is not None and token.has("last", "newest"):
            self._pieces[cut] = "bottom" if self._is_english else "倒数"
            return
        place = _place(self._earlier, lambda t: t.has("high", "low"))
        if place is not None:
            self._pieces[place] = token.text
        elif self._is_english and not token.has("first"):
            self._front.append(token.text)
        else:
            self._added.append(token.text)

    def put(self, text: str, fits: Callable[[Token], bool]) -> None:
        """Exchange the first piece that fits, else stand in front."""
        target = _place(self._earlier, fits)
        if target is None:
            self._front.append(text)
        else:
            self._pieces[target] = text

    def drop_groups(self) -> None:
        """合计多少: the groups and the ranking are left out, the figure stays."""
        skips = ("group", "day", "month", "week", "first", "high", "low")
        for place, token in enumerate(self._earlier):
            follows = place > 0 and self._earlier[place - 1].has("group") and bool(token.names)
            if token.has(*skips) or follows:
                self._pieces[place] = ""

    def text(self) -> str:
        """The whole question; Latin words keep their distance."""
        result = ""
        for piece in [*self._front, *(p for p in self._pieces if p not in ("?", ".")), *self._added]:
            needs_space = (
                result
                and piece
                and (self._is_english or (result[-1].isascii() and piece[0].isascii() and result[-1].isalnum()))
            )
            result += (" " if needs_space else "") + piece
        return result.strip()


def _shifted(earlier: Sequence[Token], question: str, today: date) -> str:
    """上一个月, `the day after`: the period of the earlier question, moved by its length; empty when it had none."""
    back = SHIFT_BACK.search(fold(question))
    match = back or SHIFT_ON.search(fold(question))
    before = next((t.period for t in earlier if t.period is not None), None)
    if match is None or before is None or before.start is None:
        return ""
    first, end = before.bounds(today)
    if first is None or end is None:
        return ""
    sign = -1 if back else 1
    months = sign * _months_of(match, before)
    days = 0 if months else sign * (end - first).days
    start, stop = add_months(first, months) + timedelta(days=days), add_months(end, months) + timedelta(days=days)
    return f"{start.isoformat()}到{(stop - timedelta(days=1)).isoformat()}"


def _months_of(match: re.Match[str], before: Period) -> int:
    """How many months a shift is; 0 when it is counted in days."""
    return 12 if match["year"] else 1 if match["month"] and before.months else 0


def _place(earlier: Sequence[Token], fits: Callable[[Token], bool]) -> int | None:
    return next((i for i, token in enumerate(earlier) if fits(token)), None)


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

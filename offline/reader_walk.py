"""Walking over the tokens of a question: what stands before and after, and which tokens are nouns and values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from offline.links import ENDS_SO, Link
from offline.reader_words import FORMS_OVER_NAMES, PURPOSES, STRONG_NAME, SURE_NAME
from offline.reading import Mention, PeriodMention, Reading, ValueMention
from offline.text import is_english, key
from offline.tokens import Token

_DONE_OR_NOT = frozenset({"已", "已经", "未", "没", "没有", "尚未", "还没", "还没有", "还未"})
"""Before the name of a moment these say that it came, or did not: 已完成, 未缴."""


class TokenWalk:
    """The tokens of one question with the reading that grows from them."""

    def __init__(self, question: str, tokens: Sequence[Token]) -> None:
        self._tokens = [self._settled(tokens, place) for place in range(len(tokens))]
        self._reading = Reading(self._tokens, is_english(question))
        self._by_place: dict[int, Mention] = {}
        self._used: set[int] = set()
        self._divisors: list[Mention] = []

    def _settled(self, tokens: Sequence[Token], place: int) -> Token:
        """A token whose phrase is both a form and a name becomes one of them, by what stands beside it."""
        token = tokens[place]
        if not token.is_link or token.literal:
            return token
        best = max((link.score for link in token.names), default=0.0)
        values = tuple(link for link in token.values if not link.needs_column)
        figures = tuple(link for link in token.names if link.field is not None and link.field.is_measure)
        if token.values and _is_participle(token, next(iter(tokens[place + 1 : place + 2]), None)):
            return replace(token, values=())
        ends = not _leads(next(iter(tokens[place + 1 : place + 2]), None))
        if figures and token.has("count") and ends:
            if _counts_things(next((t for t in reversed(tokens[:place]) if t.text != "的"), None), figures):
                return replace(token, names=())
            return replace(token, tags=frozenset(), names=figures)
        has_form = bool((token.tags & FORMS_OVER_NAMES) or token.adjectives)
        following = next((t for t in tokens[place + 1 : place + 4] if not t.is_filler), None)
        before = next((t for t in reversed(tokens[max(0, place - 2) : place]) if not t.is_filler), None)
        if (
            has_form
            and (best < 1.0 or _leads(following))
            and not values
            and not _is_noun_place(before, following, best)
        ):
            return replace(token, names=(), values=())
        if _is_moment(token) and any(t.text in _DONE_OR_NOT for t in tokens[max(0, place - 1) : place]):
            return replace(token, tags=frozenset())
        if token.tags and not has_form and best < SURE_NAME and not values:
            return replace(token, names=())
        if token.names and values and best >= STRONG_NAME and not _is_named(before):
            return replace(token, values=tuple(link for link in values if link.reason == ENDS_SO))
        if token.number is not None:
            return token
        return token

    def _next_link(self, place: int, *, reach: int = 6) -> int | None:
        """The place of the next noun or value; a break or another noun's form ends the search."""
        for number in range(place + 1, min(len(self._tokens), place + 1 + reach)):
            token = self._tokens[number]
            if token.is_link:
                return number
            if token.text in ".?!;" or token.period is not None:
                return None
            if token.text == "," or token.has("order", "gt", "lt", "ge", "le"):
                return None
        return None

    def _next_mention(self, place: int, *, reach: int = 6) -> Mention | None:
        number = self._next_link(place, reach=reach)
        while number is not None and number not in self._by_place:
            number = self._next_link(number, reach=3)
        return self._by_place.get(number) if number is not None else None

    def _previous_mention(self, place: int, *, reach: int = 4, skips_values: bool = False) -> Mention | None:
        for number in range(place - 1, max(-1, place - 1 - reach), -1):
            token = self._tokens[number]
            if number in self._by_place:
                return self._by_place[number]
            if token.text in ".?!;," or (token.is_link and not skips_values) or token.is_unknown:
                return None
        return None

    def _next_content(self, place: int) -> int | None:
        return next((n for n in range(place + 1, len(self._tokens)) if not self._tokens[n].is_filler), None)

    def _previous_content(self, place: int) -> int | None:
        return next((n for n in range(place - 1, -1, -1) if not self._tokens[n].is_filler), None)

    def _skip_asides(self) -> None:
        """A purpose (用于…) and a remark in brackets that names nothing restrict nothing."""
        tokens = self._tokens
        for place, token in enumerate(tokens):
            if token.text in PURPOSES and (not place or tokens[place - 1].text in ",("):
                stops = ",.?!;" if not place else ")" if tokens[place - 1].text == "(" else ".?!;"
                end = next((n for n in range(place, len(tokens)) if tokens[n].text in stops), len(tokens))
                self._hush(place, end)
            elif token.text == "(":
                end = next((n for n in range(place, len(tokens)) if tokens[n].text == ")"), place)
                inside = tokens[place + 1 : end]
                says = any(t.period is not None or t.number is not None or t.values or t.literal for t in inside)
                if any(t.is_unknown for t in inside) and not says:
                    self._hush(place + 1, end)

    def _hush(self, start: int, end: int) -> None:
        for place in range(start, end):
            token = self._tokens[place]
            self._tokens[place] = Token(token.text, token.start, token.end, frozenset({"filler"}))

    def _collect(self) -> None:
        """Mentions, values, periods and unknown words, in order."""
        reading = self._reading
        for place, token in enumerate(self._tokens):
            if token.period is not None:
                reading.periods.append(PeriodMention(token.period, place, token.text))
            elif (token.literal and (not token.names or self._follows_value_form(place))) or (
                token.values
                and not token.names
                and (not all(link.needs_column for link in token.values) or self._qualifies(place))
            ):
                reading.values.append(ValueMention(token, place, () if token.name_part else token.values))
            elif token.derived is not None and not token.derived.upper:
                self._divide_by(token, place)
            elif token.names:
                is_counted = key(token.text).startswith(("numberof", "howmany", "countof"))
                mention = Mention(token, place, is_whole=self._is_whole(place), is_counted=is_counted)
                if _says_total(token):
                    mention.aggregate = "sum"
                    reading.mark("sum", place)
                reading.mentions.append(mention)
                self._by_place[place] = mention
                if kinds := tuple(link for link in token.values if link.reason == ENDS_SO):
                    reading.values.append(ValueMention(token, place, kinds))
            elif token.values and not token.tags and token.number is None:
                reading.values.append(ValueMention(token, place, token.values))
            elif token.is_unknown and token.text not in ('"', "'"):
                reading.unknown.append(token.text)

    def _divide_by(self, token: Token, place: int) -> None:
        """每辆车: the figure that others are divided by; it stands last among the figures."""
        mention = Mention(token, place, aggregate="sum")
        self._divisors.append(mention)
        self._reading.mark("ratio", place)
        self._reading.mark("per_unit", place)

    def _follows_value_form(self, place: int) -> bool:
        before = self._previous_content(place)
        return before is not None and self._tokens[before].has("starts", "equal")

    def _is_whole(self, place: int) -> bool:
        """所有, `all` right before the noun."""
        before = self._tokens[place - 1] if place else None
        return before is not None and before.text in (
            "所有",
            "全部",
            "all",
            "所有的",
            "全部的",
            "all the",
            "every one of",
        )

    def _qualifies(self, place: int) -> bool:
        """A value that is a common word stands right before the noun of its own table, or is said to be so.

        `sell transactions`, `orders that are not shipped`.
        """
        token = self._tokens[place]
        before = self._previous_content(place)
        if (
            before is not None
            and before == place - 1
            and self._tokens[before].has("equal", "unequal", "negation")
            and len(token.text) > 2
        ):
            return token.tags <= {"filler"} and token.number is None
        following = self._tokens[place + 1] if place + 1 < len(self._tokens) else None
        if following is None or len(token.text) < 3 or not token.tags <= {"filler"} or token.number is not None:
            return False
        return any(
            name.relation is link.relation and name.kind == "table" for name in following.names for link in token.values
        )


def _leads(following: Token | None) -> bool:
    """What follows is what a form would be about."""
    return following is not None and (following.is_link or following.number is not None)


def _says_total(token: Token) -> bool:
    """`total amount` for a column `amount`: the word for adding up is part of the phrase, not of the column's name."""
    if not token.text.startswith(("total ", "总")) or token.derived is not None:
        return False
    best = max(link.score for link in token.names)
    figures = [link.field for link in token.names if link.score >= best - 0.05 and link.field is not None]
    return bool(figures) and all(
        field.role == "measure" and "总" not in field.title and "total" not in field.stem for field in figures
    )


def _counts_things(before: Token | None, figures: Sequence[Link]) -> bool:
    """客户数量 counts customers, 各订单状态的数量 orders, where the column 数量 belongs to none of the tables named."""
    if before is None or not before.names or (before.names[0].field is not None and before.names[0].field.is_measure):
        return False
    best = before.names[0].score
    near = [link for link in before.names if link.score >= best - (0.3 if link.kind == "table" else 0.05)]
    tables = {link.relation.number for link in near}
    return not any(link.relation.number in tables for link in figures)


def _is_noun_place(before: Token | None, following: Token | None, best: float) -> bool:
    """The phrase is the noun itself: `by total` at the end, `average count`."""
    leads = before is not None and before.has("group", "avg", "sum", "max", "min", "high", "low", "order")
    ends = following is None or following.is_break or following.has("gt", "ge", "lt", "le", "equal")
    return best >= 0.6 and ((leads and not _leads(following)) or (ends and best >= 0.95))


def _is_named(before: Token | None) -> bool:
    return before is not None and (before.has("equal") or bool(before.names))


def _is_participle(token: Token, following: Token | None) -> bool:
    """`shipped via Speedy Post` says by whom, not that the state of the order is `shipped`."""
    return (
        token.has("filler")
        and token.text.endswith("ed")
        and following is not None
        and following.text in ("via", "by", "through", "with")
    )


def _is_moment(token: Token) -> bool:
    return any(link.field is not None and link.field.is_moment for link in token.names)

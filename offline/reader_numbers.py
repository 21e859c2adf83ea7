"""Numbers in a question: limits, places, spans, comparisons, and values for the noun before them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from offline.reader_walk import TokenWalk
from offline.reader_words import ALSO_VERBS, OPERATORS
from offline.reading import ConditionMention, Mention, ValueMention
from offline.text import has_cjk
from offline.tokens import Token

_PASSED = frozenset({"过", "上"})
"""营收过万, 上百个: right before a number these say that it is passed; anywhere else they are particles."""


class NumberReader(TokenWalk):
    """Reads numbers and what compares with them."""

    def _read_limit(self, place: int, token: Token) -> bool:
        number = self._number_after(place)
        if number is None or self._tokens[number].is_percent:
            return False
        self._used.add(number)
        self._set_limit(int(self._tokens[number].number or 0), place)
        is_last = "last" in token.tags
        self._reading.direction = self._reading.direction or ("low" if is_last else "")
        self._reading.mark("last" if is_last else "first", place)
        return True

    def _set_limit(self, count: int, place: int) -> None:
        if self._reading.limit is not None and self._reading.limit != count:
            self._reading.unread.append(str(count))
        self._reading.limit, self._reading.limit_position = count, place

    def _number_after(self, place: int) -> int | None:
        following = self._next_content(place)
        return following if following is not None and self._tokens[following].number is not None else None

    def _read_between(self, place: int, token: Token) -> bool:
        low = self._number_after(place)
        if low is None or low > place + 2:
            return False
        high = self._second_number(low)
        if high is None:
            return False
        self._add_between(low, high)
        return True

    def _second_number(self, low: int) -> int | None:
        """The number that ends a span which starts with another: 50万到100万, `5 and 10`, `5 - 10`."""
        for number in range(low + 1, min(len(self._tokens), low + 4)):
            token = self._tokens[number]
            if token.number is not None:
                return number
            if not (token.is_filler or token.has("and") or token.text in ("-", "~", "to")):
                return None
        return None

    def _add_between(self, low: int, high: int) -> None:
        self._used |= {low, high}
        first, second = self._tokens[low], self._tokens[high]
        self._reading.conditions.append(
            ConditionMention(
                low, "between", _value(first), _value(second), is_percent=second.is_percent,
                subject=self._subject_of(low),
            )
        )  # fmt: skip

    def _read_comparison(self, place: int, token: Token) -> bool:
        tag = next(tag for tag in OPERATORS if tag in token.tags)
        operator = OPERATORS[tag]
        number = self._number_after(place)
        if number is not None:
            self._used.add(number)
            found = self._tokens[number]
            condition = ConditionMention(place, operator, _value(found), is_percent=found.is_percent)  # type: ignore[arg-type]
            self._attach(condition, place, number)
            self._reading.conditions.append(condition)
            return True
        following = self._next_content(place)
        if following is not None and self._tokens[following].has("avg", "daily", "monthly", "yearly"):
            self._used.add(following)
            condition = ConditionMention(place, operator, against_average=True)  # type: ignore[arg-type]
            condition.subject = self._previous_mention(place) or self._next_mention(following)
            self._reading.conditions.append(condition)
            return True
        if (figures := self._figures_beside(place)) is not None:
            subject, other = figures
            self._reading.conditions.append(ConditionMention(place, operator, subject=subject, other=other))  # type: ignore[arg-type]
            return True
        if not token.has("filler", "high", "higher", "lower") and token.text not in ALSO_VERBS:
            self._reading.unread.append(token.text)
            return True
        return False

    def _figures_beside(self, place: int) -> tuple[Mention, Mention] | None:
        """现金支付超过微信支付的服务区: two figures that are compared with each other."""
        before, after = self._previous_mention(place, reach=3), self._by_place.get(place + 1)
        if before is None or after is None or not (is_figure(before) and is_figure(after)):
            return None
        return before, after

    def _attach(self, condition: ConditionMention, place: int, number: int) -> None:
        """The noun a comparison is about: the one counted right after the number, else the one before."""
        after = self._by_place.get(number + 1) or (
            self._by_place.get(number + 2)
            if self._tokens[min(number + 1, len(self._tokens) - 1)].text in "个家名种条位座项款"
            else None
        )
        before = self._previous_mention(place, reach=5)
        is_counting = after is not None and (
            before is None or self._reading.is_english or not _is_adjacent(self._tokens, before.position, place)
        )
        if is_counting and after is not None:
            after.is_counted = True
            condition.subject, condition.is_counting = after, True
            after.names_value = False
        else:
            condition.subject = before or self._subject_of(place)

    def _subject_of(self, place: int) -> Mention | None:
        return self._previous_mention(place, reach=8, skips_values=True) or self._next_mention(place)

    def _read_bound(self, place: int, token: Token) -> bool:
        before = place - 1
        while before >= 0 and self._tokens[before].text in "个家名种条位":
            before -= 1
        if before < 0 or self._tokens[before].number is None:
            return False
        found = self._tokens[before]
        existing = next((c for c in self._reading.conditions if c.position in (before, before - 1)), None)
        if existing is not None:
            return True
        if before in self._used:
            return False
        self._used.add(before)
        operator = ">=" if "and_up" in token.tags else "<="
        condition = ConditionMention(before, operator, _value(found), is_percent=found.is_percent)  # type: ignore[arg-type]
        condition.subject = self._subject_of(before)
        self._reading.conditions.append(condition)
        return True

    def _read_number(self, place: int, token: Token) -> None:
        """A number no form has taken: a span, a bound, a limit, a place of the ranking, or the value of a noun."""
        if place and self._tokens[place - 1].text in _PASSED and self._subject_of(place - 1) is not None:
            condition = ConditionMention(place, ">", _value(token), is_percent=token.is_percent)
            self._attach(condition, place - 1, place)
            self._reading.conditions.append(condition)
            return
        second = self._second_number(place)
        if second is not None and second not in self._used and self._is_span(place, second):
            self._add_between(place, second)
            return
        before = self._previous_content(place)
        if before is not None and self._tokens[before].has("nth"):
            self._read_place(place)
            return
        if self._is_limit(place):
            self._set_limit(int(token.number or 0), place)
            return
        after = self._by_place.get(place + 1)
        if self._reading.is_english and after is not None and is_figure(after):  # reviews with 5 stars
            self._reading.conditions.append(ConditionMention(place, "=", _value(token), subject=after))
            return
        named = self._previous_mention(place, reach=4)
        if named is not None and not has_cjk(token.text[:1]):
            self._reading.values.append(ValueMention(token, place, token.values, named))
            named.names_value = True
            return
        if not (has_cjk(token.text) and token.number in (1, 2)) and token.text != "one":
            self._reading.unread.append(token.text)

    def _is_span(self, low: int, high: int) -> bool:
        after = self._next_content(high)
        says_between = after is not None and self._tokens[after].text in ("之间", "间")
        joined = self._tokens[low + 1 : high]
        return says_between or any(token.text in ("-", "~", "到", "至", "to") for token in joined)

    def _read_place(self, place: int) -> None:
        """第10名到第20名 are rows ten to twenty; 排名第二 is the second row."""
        reading = self._reading
        first = int(self._tokens[place].number or 1)
        if reading.has("place"):
            reading.limit = first - reading.offset
            return
        reading.offset, reading.limit, reading.limit_position = first - 1, 1, place
        reading.mark("place", place)

    def _is_limit(self, place: int) -> bool:
        """A number right before a ranking word or its noun, or right after one: 5个最高的, the 3 longest, 最高的3个."""
        token = self._tokens[place]
        if (
            token.is_percent
            or token.number is None
            or token.number != int(token.number)
            or not 0 < token.number <= 1000
        ):
            return False
        after, before = self._next_content(place), self._previous_content(place)
        ranks = [
            number is not None
            and (
                self._tokens[number].has("high", "low", "rank_word", "newest", "oldest")
                or bool(self._tokens[number].adjectives)
            )
            for number in (after, before)
        ]
        if any(ranks):
            return True
        is_counted_noun = after is not None and after in self._by_place
        return is_counted_noun and any(t.has("high", "low") or t.adjectives for t in self._tokens)


def is_figure(mention: Mention) -> bool:
    """Whether a noun is a figure: something is computed of it, or its best meaning is a column of figures."""
    return bool(mention.aggregate) or any(n.field is not None and n.field.is_measure for n in mention.names[:1])


def may_be_figure(mention: Mention) -> bool:
    """Whether a column of figures is among the best meanings of a noun."""
    best = mention.names[0].score - 0.05
    return any(n.field is not None and n.field.is_measure and n.score >= best for n in mention.names)


def _value(token: Token) -> Decimal:
    return token.number if token.number is not None else Decimal(0)


def _is_adjacent(tokens: Sequence[Token], first: int, second: int) -> bool:
    return all(token.is_filler for token in tokens[first + 1 : second])

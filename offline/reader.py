"""From tokens to a reading: attaches each form word to the noun, value or number it belongs to.

Chinese puts 数量 and 最高 after the noun, English puts `number of` and `highest` before it; a form looks first where
its language puts it. Called by the engine for each question; holds no state between questions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from offline.links import Link
from offline.reading import Aggregate, ConditionMention, Direction, Grain, Mention, PeriodMention, Reading, ValueMention
from offline.text import has_cjk, is_english, key
from offline.tokens import Token

_GRAINS: Final[dict[str, Grain]] = {
    "day": "day", "week": "week", "month": "month", "quarter": "quarter", "year": "year", "weekday": "weekday",
    "hour": "hour", "which_day": "day",
}  # fmt: skip
_OPERATORS: Final = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_PLAIN_FORMS: Final = (
    "share", "ratio", "difference", "growth", "decline", "previous", "year_before", "running", "trend", "spread",
    "contrast", "rank", "both", "or", "several", "weekend", "workday", "higher", "lower", "with_today", "records",
    "blocking", "tables", "columns", "in_which_table", "up_to", "list", "nth", "alphabetical", "respective",
)  # fmt: skip
_COUNT_AFTER: Final = frozenset({"数量", "个数", "总数", "总数量", "数目", "家数", "计数", "数", "人数", "次数", "频次", "出现频次", "总人数", "count", "counts"})  # fmt: skip
_PURPOSES: Final = frozenset({"用于", "用以", "以便", "辅助", "为了", "综合", "综合评估", "支撑"})
_ALSO_VERBS: Final = frozenset({"达到", "达", "满", "超", "up to"})
_BEFORE_LITERAL: Final = frozenset({"of", "in", "the", "for", "with", "from", "to", "at", "on", "called", "'", '"', "`", "的", "叫", "为", "是", "id"})
_SURE_NAME, _STRONG_NAME = 0.8, 0.9
_FORMS_OVER_NAMES: Final = frozenset({"sum", "avg", "max", "min", "count", "high", "low", "first", "last", "group", "gt", "lt", "ge", "le", "which", "higher", "lower", "day", "week", "month", "quarter", "year", "list", "share", "ratio", "records", "newest", "oldest", "order", "hour", "weekday"})  # fmt: skip


class Reader:
    """Reads one question. Make a new one for each."""

    def __init__(self, question: str, tokens: Sequence[Token]) -> None:
        self._tokens = [self._settled(tokens, place) for place in range(len(tokens))]
        self._reading = Reading(self._tokens, is_english(question))
        self._by_place: dict[int, Mention] = {}
        self._used: set[int] = set()

    def read(self) -> Reading:
        """The reading of all tokens."""
        self._skip_asides()
        self._collect()
        for place, token in enumerate(self._tokens):
            if place in self._used or token.is_link or token.is_filler:
                continue
            if token.number is not None:
                self._read_number(place, token)
            elif token.tags or token.adjectives:
                self._read_form(place, token)
        self._name_values()
        self._read_orders()
        self._spread_listing()
        self._read_ratio()
        return self._reading

    def _settled(self, tokens: Sequence[Token], place: int) -> Token:
        """A token whose phrase is both a form and a name becomes one of them, by what stands beside it."""
        token = tokens[place]
        if not token.is_link or token.literal:
            return token
        best = max((link.score for link in token.names), default=0.0)
        values = tuple(link for link in token.values if not link.needs_column)
        has_form = bool((token.tags & _FORMS_OVER_NAMES) or token.adjectives)
        following = next((t for t in tokens[place + 1 : place + 4] if not t.is_filler), None)
        before = next((t for t in reversed(tokens[max(0, place - 2) : place]) if not t.is_filler), None)
        if has_form and (best < 1.0 or _leads(following)) and not values and not _is_noun_place(before, following, best):
            return replace(token, names=(), values=())
        if token.tags and not has_form and best < _SURE_NAME and not values:
            return replace(token, names=(), values=())
        if token.names and values and best >= _STRONG_NAME and not _is_named(before):
            return replace(token, values=())
        if token.number is not None:
            return token
        return token

    def _skip_asides(self) -> None:
        """A purpose (用于…) and a remark in brackets that names nothing restrict nothing."""
        tokens = self._tokens
        for place, token in enumerate(tokens):
            if token.text in _PURPOSES and place and tokens[place - 1].text == ",":
                end = next((n for n in range(place, len(tokens)) if tokens[n].text in ".?!;"), len(tokens))
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
            elif token.literal and not token.names:
                reading.values.append(ValueMention(token, place, token.values))
            elif token.values and not token.names and (not all(link.needs_column for link in token.values) or self._qualifies(place)):
                reading.values.append(ValueMention(token, place, token.values))
            elif token.names:
                mention = Mention(token, place, is_whole=self._is_whole(place))
                reading.mentions.append(mention)
                self._by_place[place] = mention
            elif token.values and not token.tags and token.number is None:
                reading.values.append(ValueMention(token, place, token.values))
            elif token.is_unknown and token.text not in ('"', "'"):
                reading.unknown.append(token.text)

    def _is_whole(self, place: int) -> bool:
        """所有, `all` right before the noun."""
        before = self._tokens[place - 1] if place else None
        return before is not None and before.text in ("所有", "全部", "all", "所有的", "全部的", "all the", "every one of")

    def _qualifies(self, place: int) -> bool:
        """A value that is a common word stands right before the noun of its own table: `sell transactions`."""
        token = self._tokens[place]
        following = self._tokens[place + 1] if place + 1 < len(self._tokens) else None
        if following is None or len(token.text) < 3 or not token.tags <= {"filler"} or token.number is not None:
            return False
        return any(name.relation is link.relation and name.kind == "table" for name in following.names for link in token.values)

    def _read_form(self, place: int, token: Token) -> None:
        for tag, read in self._handlers():
            if tag in token.tags and read(place, token):
                return
        if token.adjectives and self._read_rank(place, token):
            return
        for tag in _PLAIN_FORMS:
            if tag in token.tags:
                self._reading.mark(tag, place)
                return

    def _handlers(self) -> tuple[tuple[str, Callable[[int, Token], bool]], ...]:
        return (
            ("first", self._read_limit), ("last", self._read_limit), ("between", self._read_between),
            ("gt", self._read_comparison), ("ge", self._read_comparison), ("lt", self._read_comparison),
            ("le", self._read_comparison), ("and_up", self._read_bound), ("and_down", self._read_bound),
            ("count", self._read_count), ("daily", self._read_per), ("monthly", self._read_per),
            ("yearly", self._read_per), *((tag, self._read_grain) for tag in _GRAINS),
            ("group", self._read_group), ("newest", self._read_newest), ("oldest", self._read_newest),
            ("high", self._read_rank), ("low", self._read_rank), ("sum", self._read_aggregate),
            ("avg", self._read_aggregate), ("max", self._read_aggregate), ("min", self._read_aggregate),
            ("how_much", self._read_how_much), ("which", self._read_which), ("back", self._read_back), ("list", self._read_list),
            ("negation", self._read_negation), ("unequal", self._read_negation), ("except", self._read_negation),
            ("except_after", self._read_except_after), ("distinct", self._read_distinct),
            ("is_null", self._read_null), ("not_null", self._read_null), ("high_first", self._read_direction),
            ("low_first", self._read_direction),
        )  # fmt: skip

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
        tag = next(tag for tag in _OPERATORS if tag in token.tags)
        operator = _OPERATORS[tag]
        number = self._number_after(place)
        if number is not None:
            self._used.add(number)
            found = self._tokens[number]
            condition = ConditionMention(place, operator, _value(found), is_percent=found.is_percent)  # type: ignore[arg-type]
            self._attach(condition, place, number)
            self._reading.conditions.append(condition)
            return True
        following = self._next_content(place)
        if following is not None and self._tokens[following].has("avg"):
            self._used.add(following)
            condition = ConditionMention(place, operator, against_average=True)  # type: ignore[arg-type]
            condition.subject = self._previous_mention(place) or self._next_mention(following)
            self._reading.conditions.append(condition)
            return True
        if not token.has("filler", "high", "higher", "lower") and token.text not in _ALSO_VERBS:
            self._reading.unread.append(token.text)
            return True
        return False

    def _attach(self, condition: ConditionMention, place: int, number: int) -> None:
        """The noun a comparison is about: the one counted right after the number, else the one before."""
        after = self._by_place.get(number + 1) or (
            self._by_place.get(number + 2) if self._tokens[min(number + 1, len(self._tokens) - 1)].text in "个家名种条位座项款" else None
        )
        before = self._previous_mention(place, reach=5)
        is_counting = after is not None and (before is None or self._reading.is_english or not _is_adjacent(self._tokens, before.position, place))
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

    def _read_count(self, place: int, token: Token) -> bool:
        before = self._previous_mention(place, reach=2)
        after = self._next_mention(place)
        is_after_form = key(token.text) in _COUNT_AFTER
        target = (before or after) if is_after_form else (after or self._previous_mention(place, reach=4))
        if not is_after_form and target is after and after is not None and before is not None and self._is_clause_end(place, after):
            target = before
        if target is None:
            self._reading.mark("count", place)
            return True
        target.is_counted = True
        self._reading.mark("count", place)
        return True

    def _is_clause_end(self, place: int, after: Mention) -> bool:
        """A comma or a joining word stands between a count and the next noun: the count was about the one before."""
        between = self._tokens[place + 1 : after.position]
        return any(token.text == "," or token.has("and") for token in between)

    def _read_per(self, place: int, token: Token) -> bool:
        self._reading.per = "day" if "daily" in token.tags else "month" if "monthly" in token.tags else "year"
        return True

    def _read_grain(self, place: int, token: Token) -> bool:
        grain = next(_GRAINS[tag] for tag in _GRAINS if tag in token.tags)
        following = self._next_content(place)
        if following is not None and self._tokens[following].has("avg") and not self._reading.is_english:
            self._used.add(following)
            self._reading.per = grain
            return True
        before = self._previous_content(place)
        if before is not None and self._tokens[before].has("avg") and not self._reading.is_english and before == place - 1:
            self._reading.per = grain
            return True
        if self._reading.grain and self._reading.grain != grain:
            self._reading.mark("second_grain", place)
        self._reading.grain, self._reading.grain_position = grain, place
        if "which_day" in token.tags or token.text.startswith(("哪", "几", "which", "what")):
            self._reading.mark("which_grain", place)
        return True

    def _read_group(self, place: int, token: Token) -> bool:
        following = self._next_content(place)
        if following is None:
            return token.has("filler")
        target = self._by_place.get(following) or self._next_mention(place, reach=3)
        if token.text in ("by", "across") and (self._follows_participle(place) or self._has_clause(target)):
            return True
        if target is None:
            if not token.has("filler", "distinct"):
                self._reading.unread.append(token.text)
            return True
        if token.text == "by" and self._is_order(place, target):
            target.order = "plain"
            return True
        target.is_grouped = True
        if token.has("distinct"):
            target.is_distinct = True
        self._spread_group(target)
        return True

    def _spread_group(self, target: Mention) -> None:
        """The second noun of `by A and B`, 按A和B, 各A、B is grouped too."""
        place = target.position + 1
        if place + 1 >= len(self._tokens) or not self._tokens[place].has("and"):
            return
        second = self._by_place.get(place + 1)
        if second is not None and all(link.field is None or not link.field.is_measure for link in second.names[:1]):
            second.is_grouped = True

    def _has_clause(self, target: Mention | None) -> bool:
        """`by users who joined`: a clause says which ones; it groups nothing."""
        following = self._tokens[target.position + 1] if target is not None and target.position + 1 < len(self._tokens) else None
        return following is not None and following.text in ("who", "that", "which", "whose")

    def _follows_participle(self, place: int) -> bool:
        """`written by authors` tells who wrote; it groups nothing."""
        before = self._tokens[place - 1].text if place else ""
        return before.endswith(("en", "ed")) or before in ("made", "taught", "held", "sold", "bought", "paid", "led", "won")

    def _is_order(self, place: int, target: Mention) -> bool:
        return self._reading.limit is not None or any(token.has("order") for token in self._tokens[max(0, place - 2) : place])

    def _read_newest(self, place: int, token: Token) -> bool:
        if token.has("first", "last") and self._number_after(place) is not None:
            return False
        target = self._next_mention(place, reach=4) or self._previous_mention(place, reach=2)
        if target is None:
            return False
        target.is_newest = "high" if "newest" in token.tags else "low"
        self._reading.mark("newest", place)
        return True

    def _read_rank(self, place: int, token: Token) -> bool:
        direction: Direction = "high" if "high" in token.tags else "low"
        if token.adjectives and not token.has("high", "low"):
            direction = "high" if token.adjectives[0].is_high else "low"
        before, after = self._previous_mention(place, reach=2), self._next_mention(place)
        comes_before = not self._reading.is_english and before is not None and not token.adjectives
        target = before if comes_before else (after or before)
        self._reading.mark("rank_word", place)
        if target is None:
            self._reading.direction = self._reading.direction or direction
            return True
        if target.rank and target.rank != direction:
            self._reading.mark("both_ends", place)
            return True
        target.rank = direction
        if token.adjectives:
            names = tuple(name for adjective in token.adjectives for name in adjective.names)
            target.token = replace(target.token, adjectives=token.adjectives) if names else target.token
        return True

    def _read_aggregate(self, place: int, token: Token) -> bool:
        aggregate: Aggregate = next(tag for tag in ("avg", "sum", "max", "min") if tag in token.tags)  # type: ignore[assignment]
        after = self._next_mention(place)
        before = self._previous_mention(place, reach=3)
        target = after or before
        if after is not None and before is not None and not self._reading.is_english and key(token.text).endswith(("值", "和", "计")):
            target = before
        if target is None:
            self._reading.mark(aggregate, place)
            return not token.has("filler") or True
        if not target.aggregate or target.aggregate == "sum":
            target.aggregate = aggregate
        self._reading.mark(aggregate, place)
        self._spread_aggregate(target, aggregate, place)
        return True

    def _spread_aggregate(self, target: Mention, aggregate: Aggregate, place: int) -> None:
        """`total A and B` asks for both totals."""
        following = target.position + 1
        if aggregate in ("sum", "avg") and following + 1 < len(self._tokens) and self._tokens[following].has("and"):
            second = self._by_place.get(following + 1)
            if second is not None and not second.aggregate and not second.is_grouped:
                second.aggregate = aggregate

    def _read_how_much(self, place: int, token: Token) -> bool:
        """多少地块: right before the name of a thing it counts."""
        target = self._by_place.get(place + 1)
        if token.text != "多少" or target is None:
            return False
        target.is_counted = True
        return True

    def _read_which(self, place: int, token: Token) -> bool:
        if token.text in ("who", "whose", "whom", "which", "that") and self._previous_mention(place, reach=2) is not None:
            return True
        following = self._next_content(place)
        if following is not None and self._tokens[following].number is not None:
            self._used.add(following)
            self._set_limit(int(self._tokens[following].number or 0), place)
        target = self._next_mention(place, reach=5)
        if target is not None:
            target.is_which = True
        else:
            before = self._previous_mention(place, reach=3)
            if before is not None:
                before.is_which = True
        self._reading.mark("which", place)
        return True

    def _read_back(self, place: int, token: Token) -> bool:
        for number in range(place + 1, len(self._tokens)):
            if self._tokens[number].text in ".?!;":
                break
            if number in self._by_place:
                self._by_place[number].is_listed = True
        self._reading.mark("back", place)
        return True

    def _read_list(self, place: int, token: Token) -> bool:
        before, after = self._previous_mention(place, reach=3), self._next_mention(place, reach=4)
        target = after if (after is not None and (self._reading.is_english or before is None or token.text.endswith("些"))) else before or after
        if target is not None:
            target.is_listed = True
        self._reading.mark("list", place)
        return True

    def _read_negation(self, place: int, token: Token) -> bool:
        number = self._next_link(place, reach=7)
        if number is None:
            return self._negate_before(place, token)
        if number in self._by_place:
            self._by_place[number].is_negated = True
        for value in self._reading.values:
            if value.position == number or ("except" in token.tags and value.position > place and self._is_listed_with(number, value.position)):
                value.is_negated = True
        self._reading.mark("negation", place)
        return True

    def _negate_before(self, place: int, token: Token) -> bool:
        if "filler" in token.tags:
            return True
        self._reading.unread.append(token.text)
        return True

    def _is_listed_with(self, first: int, place: int) -> bool:
        between = self._tokens[first : place + 1]
        return all(token.is_link or token.has("and", "or") or token.is_filler for token in between)

    def _read_except_after(self, place: int, token: Token) -> bool:
        value = next((v for v in reversed(self._reading.values) if v.position < place), None)
        if value is None or place - value.position > 4:
            return token.has("filler")
        value.is_negated = True
        return True

    def _read_distinct(self, place: int, token: Token) -> bool:
        target = self._next_mention(place, reach=4)
        if target is not None:
            target.is_distinct = True
        self._reading.mark("distinct", place)
        return True

    def _read_null(self, place: int, token: Token) -> bool:
        target = self._previous_mention(place, reach=3)
        if target is None:
            self._reading.unread.append(token.text)
            return True
        target.is_negated = "is_null" in token.tags
        self._reading.mark("null" if "is_null" in token.tags else "not_null", target.position)
        return True

    def _read_direction(self, place: int, token: Token) -> bool:
        direction: Direction = "high" if "high_first" in token.tags else "low"
        self._reading.mark("direction", place)
        ordered = [m for m in self._reading.mentions if m.order]
        if ordered:
            ordered[-1].order = direction
        else:
            self._reading.direction = direction
        return True

    def _read_number(self, place: int, token: Token) -> None:
        """A number no form has taken: a span, a limit, a place of the ranking, or a value for the noun before it."""
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
        if token.is_percent or token.number is None or token.number != int(token.number) or not 0 < token.number <= 1000:
            return False
        after, before = self._next_content(place), self._previous_content(place)
        ranks = [
            number is not None and (self._tokens[number].has("high", "low", "rank_word") or bool(self._tokens[number].adjectives))
            for number in (after, before)
        ]
        if any(ranks):
            return True
        is_counted_noun = after is not None and after in self._by_place
        return is_counted_noun and any(t.has("high", "low") or t.adjectives for t in self._tokens)

    def _name_values(self) -> None:
        """A noun right beside a value only says what the value is: the city of New York, 宜春公司, genre Jazz."""
        for value in self._reading.values:
            if value.named is not None:
                continue
            for mention in (self._previous_mention(value.position, reach=4), self._noun_after(value)):
                if mention is None or mention.is_grouped or mention.is_counted or mention.aggregate:
                    continue
                fitting = tuple(link for link in value.links if _names(mention, link))
                if fitting:
                    value.links, value.named, mention.names_value = fitting, mention, True
                    break
            else:
                self._name_literal(value)

    def _noun_after(self, value: ValueMention) -> Mention | None:
        place = value.position + 1
        while place < len(self._tokens) and self._tokens[place].text in ("的", "'", '"', "s"):
            place += 1
        return self._by_place.get(place)

    def _name_literal(self, value: ValueMention) -> None:
        """A text in quotation marks that is not stored belongs to the column named before it."""
        if not value.token.literal or value.links:
            return
        mention = self._previous_mention(value.position, reach=4) or self._noun_after(value)
        if mention is not None and not all(
            t.has("equal") or t.text in _BEFORE_LITERAL for t in self._tokens[mention.position + 1 : value.position]
        ):
            mention = None
        if mention is None:
            self._reading.unknown.append(value.text)
            return
        value.named = mention
        mention.names_value = True

    def _spread_listing(self) -> None:
        """The second noun of `what is the A and B`, 哪些A和B is asked for too."""
        for mention in self._reading.mentions:
            following = self._by_place.get(mention.position + 2)
            joined = mention.position + 1 < len(self._tokens) and self._tokens[mention.position + 1].has("and")
            if joined and following is not None and (mention.is_which or mention.is_listed) and following.is_plain:
                following.is_listed = True

    def _read_ratio(self) -> None:
        """`ratio of A to B` counts the things it names when no figure of theirs is named."""
        for start in self._reading.forms.get("ratio", ()):
            named = [m for m in self._reading.mentions if m.position > start and not m.is_grouped]
            if any(m.is_counted or m.aggregate or any(n.field is not None and n.field.is_measure and n.score >= _SURE_NAME for n in m.names[:1]) for m in named):
                continue
            for mention in named:
                if any(name.kind == "table" for name in mention.names) and not mention.names_value:
                    mention.is_counted = True

    def _read_orders(self) -> None:
        """按营收降序, `ordered by name`: the noun beside the word for ordering is what the rows are ordered by."""
        reading = self._reading
        for place, token in enumerate(self._tokens):
            if not token.has("order", "high_first", "low_first", "alphabetical") or token.is_link:
                continue
            before = self._previous_mention(place, reach=3)
            target = self._next_mention(place, reach=4) if token.text.endswith(("by", "of")) else before
            if token.text in ("in terms of", "based on", "according to") and target is None:
                continue
            if target is None:
                reading.mark("order", place)
                continue
            follows_group = target.is_grouped and any(
                t.text in ("按", "按照", "by") for t in self._tokens[max(0, target.position - 2) : target.position]
            )
            if follows_group or not target.is_grouped:
                target.is_grouped = False
                target.order = target.order or "plain"
                if token.has("high_first", "low_first"):
                    target.order = "high" if token.has("high_first") else "low"
                reading.mark("order", place)
        for mention in reading.mentions:
            if mention.order == "plain" and reading.direction:
                mention.order = reading.direction


def _value(token: Token) -> Decimal:
    return token.number if token.number is not None else Decimal(0)


def _leads(following: Token | None) -> bool:
    """What follows is what a form would be about."""
    return following is not None and (following.is_link or following.number is not None)


def _is_noun_place(before: Token | None, following: Token | None, best: float) -> bool:
    """The phrase is the noun itself: `by total` at the end, `average count`."""
    leads = before is not None and before.has("group", "avg", "sum", "max", "min", "high", "low", "order")
    ends = following is None or following.is_break or following.has("gt", "ge", "lt", "le", "equal")
    return best >= 0.6 and ((leads and not _leads(following)) or (ends and best >= 0.95))


def _is_named(before: Token | None) -> bool:
    return before is not None and (before.has("equal") or bool(before.names))


def _is_adjacent(tokens: Sequence[Token], first: int, second: int) -> bool:
    return all(token.is_filler for token in tokens[first + 1 : second])


def _names(mention: Mention, link: Link) -> bool:
    """The noun names the column the value is stored in, or the table whose rows it names."""
    for name in mention.names:
        if name.kind == "column" and name.field is link.field:
            return True
        if name.kind == "table" and name.relation is link.relation and name.score >= _SURE_NAME:
            return link.field is not None and link.field.role in ("label", "code", "key")
    return False

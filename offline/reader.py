"""From tokens to a reading: attaches each form word to the noun, value or number it belongs to.

Chinese puts 数量 and 最高 after the noun, English puts `number of` and `highest` before it; a form looks first where
its language puts it. Called by the engine for each question; holds no state between questions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from offline.reader_numbers import is_figure, may_be_figure
from offline.reader_values import ValueReader
from offline.reader_words import COUNT_AFTER, GRAINS, PLAIN_FORMS
from offline.reading import Aggregate, ConditionMention, Direction, Mention, Reading
from offline.text import key
from offline.tokens import Token

_BY_NUMBER = frozenset({"最多", "最少", "most", "fewest", "least", "themost", "thefewest"})
"""Superlatives of how many there are."""
_BY_SIZE = frozenset({"最高", "最低", "最大", "最小", "highest", "lowest", "largest", "smallest", "biggest"})
"""Superlatives of a figure, which no number of rows is."""
_BY_WORDS = frozenset({"按", "按照", "依据"})
_ONE_EACH = frozenset({"一个", "一家", "单个", "一条", "一位", "一名"})


class Reader(ValueReader):
    """Reads one question. Make a new one for each."""

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
        self._move_aggregates()
        self._count_for_share()
        self._name_values()
        self._imply_figure()
        self._read_than()
        self._read_days()
        self._count_per_bucket()
        self._read_orders()
        self._move_listing()
        self._spread_listing()
        self._list_joined()
        self._read_ratio()
        self._refuse_choice_among_ranked()
        self._refuse_dropped_acts()
        self._divide_sums()
        self._reading.mentions += self._divisors
        return self._reading

    def _move_aggregates(self) -> None:
        """`total stock on hand`, `total unpaid fines`: a total is of the figure, not of what stands before it."""
        for mention in self._reading.mentions:
            figure = self._by_place.get(mention.position + 1)
            if not mention.aggregate or mention.is_counted or figure is None or not figure.is_plain:
                continue
            if mention.names[0].kind == "flag" or _has_figure(mention, figure):
                mention.aggregate, figure.aggregate = "", mention.aggregate

    def _read_form(self, place: int, token: Token) -> None:
        for tag, read in self._handlers():
            if tag in token.tags and read(place, token):
                return
        if token.adjectives and self._read_rank(place, token):
            return
        for tag in PLAIN_FORMS:
            if tag in token.tags:
                self._reading.mark(tag, place)
                return

    def _handlers(self) -> tuple[tuple[str, Callable[[int, Token], bool]], ...]:
        return (
            ("first", self._read_limit),
            ("last", self._read_limit),
            ("between", self._read_between),
            ("gt", self._read_comparison),
            ("ge", self._read_comparison),
            ("lt", self._read_comparison),
            ("le", self._read_comparison),
            ("and_up", self._read_bound),
            ("and_down", self._read_bound),
            ("count", self._read_count),
            ("daily", self._read_per),
            ("monthly", self._read_per),
            ("yearly", self._read_per),
            *((tag, self._read_grain) for tag in GRAINS),
            ("group", self._read_group),
            ("newest", self._read_newest),
            ("oldest", self._read_newest),
            ("several", self._read_several),
            ("records", self._read_records),
            ("high", self._read_rank),
            ("low", self._read_rank),
            ("sum", self._read_aggregate),
            ("avg", self._read_aggregate),
            ("max", self._read_aggregate),
            ("min", self._read_aggregate),
            ("how_much", self._read_how_much),
            ("which", self._read_which),
            ("back", self._read_back),
            ("list", self._read_list),
            ("negation", self._read_negation),
            ("unequal", self._read_negation),
            ("except", self._read_negation),
            ("except_after", self._read_except_after),
            ("distinct", self._read_distinct),
            ("is_null", self._read_null),
            ("not_null", self._read_null),
            ("high_first", self._read_direction),
            ("low_first", self._read_direction),
        )

    def _read_count(self, place: int, token: Token) -> bool:
        before = self._previous_mention(place, reach=2)
        after = self._next_mention(place)
        is_after_form = key(token.text) in COUNT_AFTER
        target = (before or after) if is_after_form else (after or self._previous_mention(place, reach=4))
        if (
            not is_after_form
            and target is after
            and after is not None
            and before is not None
            and self._is_clause_end(place, after)
        ):
            target = before
        if target is None or (is_after_form and target.is_grouped):
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
        grain = next(GRAINS[tag] for tag in GRAINS if tag in token.tags)
        following = self._next_content(place)
        if following is not None and self._tokens[following].has("avg") and not self._reading.is_english:
            self._used.add(following)
            self._reading.per = grain
            return True
        before = self._previous_content(place)
        if (
            before is not None
            and self._tokens[before].has("avg")
            and not self._reading.is_english
            and before == place - 1
        ):
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
        if self._tokens[following].has("siblings"):
            return True
        target = self._by_place.get(following) or self._next_mention(place, reach=3)
        if token.text in ("by", "across") and (self._follows_participle(place) or self._has_clause(target)):
            return True
        if target is None:
            if not token.has("filler", "distinct"):
                self._reading.unread.append(token.text)
            return True
        if self._is_order(place, target):
            target.order = "plain"
            return True
        if token.text in ("by", "per", "across"):
            self._count_before(place, target)
        target.is_grouped, target.is_counted = True, False
        if token.has("distinct"):
            target.is_distinct = True
        self._spread_group(target)
        return True

    def _count_before(self, place: int, target: Mention) -> None:
        """`customers by city`: how many there are of each, unless a list of them or a figure is asked for."""
        before, reading = self._by_place.get(place - 1), self._reading
        asks_other = reading.has("list", "which", "back", "rank_word", "share") or any(
            m.is_counted or m.aggregate or is_figure(m) for m in reading.mentions[1:]
        )
        if before is None or not reading.is_english or asks_other or before is not reading.mentions[0]:
            return
        says_per = self._tokens[place].text == "per"
        counts = _is_plural_thing(before) and (says_per or not _names_a_table(target))
        before.is_counted = before.is_counted or counts

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
        following = (
            self._tokens[target.position + 1]
            if target is not None and target.position + 1 < len(self._tokens)
            else None
        )
        return following is not None and following.text in ("who", "that", "which", "whose")

    def _follows_participle(self, place: int) -> bool:
        """`written by authors` tells who wrote; it groups nothing."""
        before = self._tokens[place - 1].text if place else ""
        return before.endswith(("en", "ed")) or before in (
            "made",
            "taught",
            "held",
            "sold",
            "bought",
            "paid",
            "led",
            "won",
        )

    def _is_order(self, place: int, target: Mention) -> bool:
        """`by revenue`, 按数量 beside a ranking: a figure rows are ordered by, and nobody groups by."""
        token = self._tokens[place]
        if token.text in _BY_WORDS:
            return may_be_figure(target) and any(t.has("high", "low") or t.adjectives for t in self._tokens)
        if token.text != "by":
            return False
        if self._reading.has("rank_word") and may_be_figure(target):
            return True
        return self._reading.limit is not None or any(
            token.has("order") for token in self._tokens[max(0, place - 2) : place]
        )

    def _read_newest(self, place: int, token: Token) -> bool:
        if token.has("first", "last") and self._number_after(place) is not None:
            return False
        before = self._previous_mention(place, reach=1)
        if before is not None and not self._reading.is_english and _is_time(before):
            target: Mention | None = before  # 入职最早的员工
        else:
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
        is_ranked = before is not None and (before.is_counted or is_figure(before))
        comes_before = not self._reading.is_english and before is not None and (is_ranked or not token.adjectives)
        target = before if comes_before else (after or before)
        self._reading.mark("rank_word", place)
        if "vague" in token.tags:
            self._reading.mark("vague", place)
        if target is None:
            if any(m.rank and m.rank != direction for m in self._reading.mentions):
                self._reading.mark("both_ends", place)
            self._reading.direction = self._reading.direction or direction
            return True
        if target.rank and target.rank != direction:
            self._reading.mark("both_ends", place)
            return True
        target.rank = direction
        superlative = key(token.text).removesuffix("的")
        target.ranks_number, target.ranks_size = superlative in _BY_NUMBER, superlative in _BY_SIZE
        if token.adjectives:
            names = tuple(name for adjective in token.adjectives for name in adjective.names)
            target.token = replace(target.token, adjectives=token.adjectives) if names else target.token
        return True

    def _read_aggregate(self, place: int, token: Token) -> bool:
        aggregate: Aggregate = next(tag for tag in ("avg", "sum", "max", "min") if tag in token.tags)
        if token.has("together"):
            self._reading.mark("together", place)
        if aggregate == "avg" and self._leads_each(place):
            self._reading.mark("mean_over", place)
            return True
        target = self._aggregated(place, token)
        if target is None:
            self._reading.mark(aggregate, place)
            return not token.has("filler") or True
        if not target.aggregate or target.aggregate == "sum":
            target.aggregate = aggregate
        self._reading.mark(aggregate, place)
        self._spread_aggregate(target, aggregate, place)
        return True

    def _aggregated(self, place: int, token: Token) -> Mention | None:
        """The noun a word for a total or mean is about: 营收总和 puts it before, 总营收 and `total revenue` behind."""
        after, before = self._next_mention(place), self._previous_mention(place, reach=3)
        stands_behind = not self._reading.is_english and key(token.text).endswith(("值", "和", "计"))
        return before if stands_behind and before is not None else after or before

    def _leads_each(self, place: int) -> bool:
        """平均每个服务区: the mean is taken over the things that follow."""
        each = self._next_content(place)
        if place + 1 < len(self._tokens) and self._tokens[place + 1].text in _ONE_EACH:
            target = self._by_place.get(place + 2)
            if target is not None:
                target.is_grouped = True
            return target is not None
        if each is None or not self._tokens[each].text.startswith("每"):
            return False
        return self._tokens[each].has("group") and each + 1 in self._by_place

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
        if target is None and place and self._tokens[place - 1].has("respective"):
            target = self._count_each_before(place)
        if token.text != "多少" or target is None:
            return False
        target.is_counted = True
        return True

    def _count_each_before(self, place: int) -> Mention | None:
        """男患者和女患者各有多少, 服务区和公司各有多少: the things before that are joined; the last of them."""
        last = before = self._previous_mention(place, reach=2)
        while before is not None and _names_a_table(before):
            before.is_counted = True
            start = before.position
            before = self._previous_mention(start, reach=2) if start and self._tokens[start - 1].has("and") else None
        return last if last is not None and last.is_counted else None

    def _read_which(self, place: int, token: Token) -> bool:
        if (
            token.text in ("who", "whose", "whom", "which", "that")
            and self._previous_mention(place, reach=2) is not None
        ):
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
        target = (
            after
            if (after is not None and (self._reading.is_english or before is None or token.text.endswith("些")))
            else before or after
        )
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
        elif not any(value.position == number for value in self._reading.values):
            return self._negate_before(place, token)
        for value in self._reading.values:
            if value.position == number or (
                "except" in token.tags and value.position > place and self._is_listed_with(number, value.position)
            ):
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

    def _read_several(self, place: int, token: Token) -> bool:
        """存在多个系统的服务区: more than one different value of the noun that follows."""
        target = self._next_mention(place, reach=3)
        if target is None:
            self._reading.unread.append(token.text)
            return True
        target.is_counted = target.is_distinct = True
        condition = ConditionMention(place, ">", Decimal(1), subject=target, is_counting=True)
        self._reading.conditions.append(condition)
        return True

    def _read_records(self, place: int, token: Token) -> bool:
        """编码记录数 counts the rows in which the noun before it is kept."""
        before = self._previous_mention(place, reach=1)
        if before is not None and not before.is_grouped:
            before.is_counted = before.counts_rows = True
        self._reading.mark("records", place)
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


def _is_time(mention: Mention) -> bool:
    """Whether a noun is a moment: a date, or the year of something (建成年份)."""
    fields = [name.field for name in mention.names[:1] if name.field is not None]
    return any(item.is_moment or (item.role == "ordinal" and item.title.endswith("年份")) for item in fields)


def _has_figure(mention: Mention, figure: Mention) -> bool:
    """Whether a noun names a figure of a table that another one names."""
    tables = {link.relation.number for link in mention.names if link.kind == "table"}
    return any(n.field is not None and n.field.is_measure and n.relation.number in tables for n in figure.names)


def _is_plural_thing(mention: Mention) -> bool:
    return mention.is_plain and mention.text.endswith("s") and _names_a_table(mention)


def _names_a_table(mention: Mention) -> bool:
    return any(link.kind == "table" for link in mention.names)

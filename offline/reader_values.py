"""Values and the nouns that name them, orders and ratios: what is read when all forms are known."""

from __future__ import annotations

from itertools import pairwise

from offline.figure_pairs import stored_counts
from offline.links import Link
from offline.reader_numbers import NumberReader, is_figure
from offline.reader_words import BEFORE_LITERAL, LIKELY_TABLE, SURE_NAME
from offline.reading import ConditionMention, Mention, Operator, ValueMention
from offline.tokens import Token

_ACTS_TEXT = """
sold sell sells bought buy buys purchased borrowed borrow rented rent watched watch visited visit attended played
卖 卖了 卖出 卖出了 售出 购买 购得 买了 买 用 使用 收 收了 收到
"""
_ACTS = frozenset(_ACTS_TEXT.split())
_ASKS_AMOUNT = frozenset({"多少", "是多少", "多少钱", "how much"})
_AMOUNT_ENDINGS = ("金额", "amount")
_WITHIN = frozenset({"里", "中", "里面", "其中", "当中", "之中"})
_ONE_DAY = frozenset({"一天", "的一天", "那一天", "那天", "一日"})


class ValueReader(NumberReader):
    """Gives values their columns and orders their nouns."""

    def _name_values(self) -> None:
        """A noun right beside a value only says what the value is: the city of New York, 宜春公司, genre Jazz."""
        for value in self._reading.values:
            if value.named is not None:
                continue
            for mention in (self._previous_mention(value.position, reach=4), self._noun_after(value)):
                if mention is None or mention.is_grouped or mention.is_counted or mention.aggregate:
                    continue
                named = _Named(mention)
                fitting = tuple(link for link in value.links if named.names(link))
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
        if mention is not None and not self._leads_literal(mention, value):
            mention = None
        if mention is None:
            self._leave_unnamed(value)
            return
        value.named = mention
        if value.is_part:
            mention.names_value = mention.names[0].kind == "column" and mention.is_plain
            return
        before = self._previous_content(value.position)
        value.is_prefix = before is not None and self._tokens[before].has("starts")
        mention.names_value = not value.is_prefix or mention.is_plain

    def _leads_literal(self, mention: Mention, value: ValueMention) -> bool:
        """Whether nothing but words that lead to a value stands between the noun and the text."""
        between = self._tokens[mention.position + 1 : value.position]
        return all(token.has("equal", "starts") or token.text in BEFORE_LITERAL for token in between)

    def _leave_unnamed(self, value: ValueMention) -> None:
        """What a name must hold is looked for among the stored values when no noun says whose name it is."""
        if value.is_part and value.token.values:
            value.links = value.token.values
        else:
            self._reading.unknown.append(value.text)

    def _move_listing(self) -> None:
        """列出所有开放状态的服务区: what is asked for is the noun after those that only name a value."""
        mentions = self._reading.mentions
        for place, mention in enumerate(mentions):
            if mention.names_value and (mention.is_listed or mention.is_which):
                following = next((m for m in mentions[place + 1 :] if not m.names_value), None)
                if following is not None and self._is_joined_thing(mention):
                    mention.names_value, following.is_listed = False, True
                elif following is not None:
                    following.is_listed, mention.is_listed, mention.is_which = True, False, False
        self._list_counted()

    def _is_joined_thing(self, mention: Mention) -> bool:
        """列出关闭的服务区和它们的公司: the things themselves are asked for, with what is joined to them."""
        place = mention.position + 1
        return place < len(self._tokens) and self._tokens[place].has("and") and _is_table(mention)

    def _list_counted(self) -> None:
        """几个服务区，分别是哪些 asks for the things; how many they are is told with them."""
        reading, counted = self._reading, self._reading.counted
        self._list_unnamed()
        if len(counted) != 1 or reading.is_english or reading.conditions:
            return
        asks_names = any(place > counted[0].position for place in reading.forms.get("list", ()))
        others = [m for m in reading.mentions if m is not counted[0] and (m.is_grouped or m.rank or m.aggregate)]
        if asks_names and not others:
            counted[0].is_counted, counted[0].is_listed = False, True
            reading.forms.pop("count", None)

    def _read_days(self) -> None:
        """`average orders per day` is a mean over days; 营收最高的一天 asks for the day."""
        reading = self._reading
        if self._takes_mean_per_bucket() and not reading.per and reading.grain in ("day", "month", "year"):
            reading.per, reading.grain, reading.grain_position = reading.grain, "", -1
        ranks = reading.forms.get("rank_word", ())
        day = max((place for place in range(len(self._tokens)) if self._is_day(place)), default=-1)
        if ranks and day > ranks[0] and not reading.grain:
            reading.grain, reading.grain_position = "day", day
            reading.mark("which_grain", day)

    def _is_day(self, place: int) -> bool:
        """The day of 最高的一天, the days of 最高的3天."""
        text = self._tokens[place].text
        return text in _ONE_DAY or (text == "天" and place > 0 and self._tokens[place - 1].number is not None)

    def _takes_mean_per_bucket(self) -> bool:
        said = self._tokens[self._reading.grain_position].text if self._reading.grain_position >= 0 else ""
        has_mean = self._reading.has("avg") or any(m.aggregate == "avg" for m in self._reading.mentions)
        return has_mean and said.startswith("per ")

    def _read_than(self) -> None:
        """A比B多多少: a word for more or less with an amount asked after 比 asks for the difference."""
        forms = self._reading.forms
        start = min(forms.get("than", [len(self._tokens)]))
        sides = [place for tag in ("higher", "lower") for place in forms.get(tag, ()) if place > start]
        if not sides or self._reading.is_english:
            return
        if self._asks_amount(start):
            self._reading.mark("difference", sides[0])
            read: tuple[str, ...] = ("higher", "lower")
        elif self._compare_figures(start, sides[0]):
            read = ("than", "higher", "lower")
        else:
            return
        for tag in read:
            forms.pop(tag, None)

    def _asks_amount(self, start: int) -> bool:
        return any(t.text.endswith(("多少", "几")) or t.has("how_much", "count") for t in self._tokens[start + 1 :])

    def _compare_figures(self, place: int, side: int) -> bool:
        """现金比微信多的服务区: the things of which one figure is more than another."""
        before, after = self._previous_mention(place, reach=3), self._by_place.get(place + 1)
        things = [m for m in self._reading.mentions if not is_figure(m)]
        if before is None or after is None or not things or not (is_figure(before) and is_figure(after)):
            return False
        operator: Operator = ">" if self._tokens[side].has("higher") else "<"
        self._reading.conditions.append(ConditionMention(place, operator, subject=before, other=after))
        return True

    def _imply_figure(self) -> None:
        """过境车最多的服务区: a kind of what a table counts stands for the count, where no figure is named."""
        reading = self._reading
        ranked = next((m for m in reading.mentions if m.rank), None)
        asks = ranked is not None or reading.has("share", "how_much", "count", "higher", "lower")
        if reading.is_english or not asks or reading.counted or any(is_figure(m) for m in reading.mentions):
            return
        end = ranked.position if ranked is not None else len(self._tokens)
        told = [value for value in reading.values if value.position < end]
        implied = next(filter(None, map(_counted_with, told)), None)
        if implied is None and ranked is None and any(t.text in _ASKS_AMOUNT for t in self._tokens):
            implied = next(filter(None, map(_amount_with, told)), None)
        if implied is None:
            return
        if ranked is not None:
            implied.rank, ranked.rank = ranked.rank, ""
        reading.mentions.insert(0, implied)
        reading.forms.pop("count", None)

    def _count_for_share(self) -> None:
        """开放的服务区占比, `share of closed shops`: where no figure is named, the things are counted."""
        reading = self._reading
        if not reading.has("share") or reading.has("siblings", "count", "records"):
            return
        if any(map(_is_asked_figure, reading.mentions)):
            return
        place = len(self._tokens) if reading.is_english else min(reading.forms["share"])
        things = [m for m in reading.mentions if _is_thing(m)]
        before = [m for m in things if m.position < place]
        if things:
            self._count(before[-1] if before else things[-1])

    def _count(self, thing: Mention) -> None:
        """Count a thing; what is only said to be so restricts it."""
        thing.is_counted, thing.is_listed, thing.is_which = True, False, False
        for flag in filter(_names_flag, self._reading.mentions):
            flag.is_which = flag.is_listed = False

    def _count_per_bucket(self) -> None:
        """`orders per month`, 每月订单: where no figure is named, the things are counted."""
        reading = self._reading
        if (
            not reading.grain
            or reading.has("which_grain", "count", "list", "records")
            or any(map(_is_asked_figure, reading.mentions))
        ):
            return
        things = [m for m in reading.mentions if _is_thing(m)]
        if len(things) == 1 and len(reading.mentions) == 1:
            things[0].is_counted = True

    def _divide_sums(self) -> None:
        """每辆车平均消费 divides the sum by the number of vehicles: the mean is the division."""
        for mention in self._reading.mentions if self._reading.has("per_unit") else ():
            mention.aggregate = "" if mention.aggregate == "avg" else mention.aggregate

    def _lists_behind(self, tag: str) -> bool:
        """Whether a form is followed by the question what the things are."""
        places = self._reading.forms.get(tag, ())
        return bool(places) and any(place > max(places) for place in self._reading.forms.get("list", ()))

    def _refuse_dropped_acts(self) -> None:
        """`sold the most books` ranks by what was sold; without a noun for that, books would be counted instead."""
        for place in self._reading.forms.get("rank_word", ()):
            around = self._tokens[max(0, place - 2) : place + 3]
            dropped = [token.text for token in around if token.text in _ACTS and not token.is_link]
            self._reading.unread += dropped if not any(map(is_figure, self._reading.mentions)) else []

    def _refuse_choice_among_ranked(self) -> None:
        """营收前10的档口里有哪些是宜春的: what is chosen among the first ten is not the first ten of the chosen."""
        reading, tokens = self._reading, self._tokens
        if reading.limit is None:
            return
        for place in reading.forms.get("list", ()):
            within = place > reading.limit_position and place and tokens[place - 1].text in _WITHIN
            among = [t.text for t in tokens[reading.limit_position : place]]
            if (within or not _WITHIN.isdisjoint(among)) and any(v.position > place for v in reading.values):
                reading.unread.append(tokens[place].text)

    def _list_unnamed(self) -> None:
        """智能化服务区有几个，分别叫什么: the things are only named by a value."""
        reading = self._reading
        if not reading.mentions and reading.values and self._lists_behind("count"):
            reading.forms.pop("count")

    def _spread_listing(self) -> None:
        """The second noun of `what is the A and B`, 哪些A和B is asked for too."""
        for mention in self._reading.mentions:
            following = self._by_place.get(mention.position + 2)
            joined = mention.position + 1 < len(self._tokens) and self._tokens[mention.position + 1].has("and")
            if joined and following is None and mention.is_listed:
                following = self._by_place.get(self._next_content(mention.position + 1) or -1)
            if joined and following is not None and (mention.is_which or mention.is_listed) and following.is_plain:
                following.is_listed = True

    def _list_joined(self) -> None:
        """服务区和它们的公司: two things joined by a word for and are both shown, where no figure is asked for."""
        reading = self._reading
        if any(map(_is_asked_figure, reading.mentions)) or reading.conditions or reading.grain:
            return
        for first, second in pairwise(reading.mentions):
            if self._only_joins(first, second) and all(_is_thing(m) and not m.is_negated for m in (first, second)):
                first.is_listed = second.is_listed = True

    def _only_joins(self, first: Mention, second: Mention) -> bool:
        """Whether nothing but a word for and stands between two nouns, besides particles."""
        between = self._tokens[first.position + 1 : second.position]
        joins = [t.has("and") or t.text.startswith("and ") for t in between]
        return any(joins) and all(is_joint or t.is_filler for is_joint, t in zip(joins, between, strict=True))

    def _read_ratio(self) -> None:
        """`ratio of A to B` counts the things it names when no figure of theirs is named."""
        for start in self._reading.forms.get("ratio", ()):
            named = [m for m in self._reading.mentions if m.position > start and not m.is_grouped]
            if any(
                m.is_counted
                or m.aggregate
                or any(n.field is not None and n.field.is_measure and n.score >= SURE_NAME for n in m.names[:1])
                for m in named
            ):
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


def _is_asked_figure(mention: Mention) -> bool:
    return mention.is_counted or bool(mention.rank) or is_figure(mention)


def _names_flag(mention: Mention) -> bool:
    return any(name.kind == "flag" for name in mention.names)


def _is_table(mention: Mention) -> bool:
    return any(name.kind == "table" and name.score >= LIKELY_TABLE for name in mention.names)


def _is_thing(mention: Mention) -> bool:
    """Whether a noun names a table, and neither groups nor names a value."""
    return _is_table(mention) and not mention.is_grouped and not mention.names_value


def _counted_with(value: ValueMention) -> Mention | None:
    """The count that the table of a value keeps, as if it had been named."""
    counts = stored_counts(value.links[0].relation) if value.links else ()
    if len(counts) != 1:
        return None
    link = Link("column", value.links[0].relation, 1.0, "what its table counts", counts[0])
    return Mention(Token(counts[0].title, value.position, value.position + 1, names=(link,)), value.position)


def _amount_with(value: ValueMention) -> Mention | None:
    """物业费收了多少: the one amount that the table of a kind of fee keeps, as if it had been named."""
    link = value.links[0] if value.links else None
    if link is None or link.field is None or link.field.role != "category":
        return None
    amounts = [item for item in link.relation.fields if item.is_measure and item.title.endswith(_AMOUNT_ENDINGS)]
    if len(amounts) != 1:
        return None
    named = Link("column", link.relation, 1.0, "the amount its table keeps", amounts[0])
    return Mention(Token(amounts[0].title, value.position, value.position + 1, names=(named,)), value.position)


class _Named:
    """The columns and tables that a noun names, made once for all values it may be beside."""

    def __init__(self, mention: Mention) -> None:
        self._columns = {name.field for name in mention.names if name.kind == "column"}
        self._tables = {
            name.relation.number for name in mention.names if name.kind == "table" and name.score >= SURE_NAME
        }

    def names(self, link: Link) -> bool:
        """The noun names the column the value is stored in, or the table whose rows it names."""
        if link.field is None:
            return False
        names_rows = link.relation.number in self._tables and link.field.role in ("label", "code", "key")
        return names_rows or link.field in self._columns

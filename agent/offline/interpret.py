"""What each token is doing in the question: measured, grouped by, counted, compared, filtered. Used by `planner`.

A `Reading` still speaks of candidates; which table they come from is decided by the planner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import cast

from agent.offline.exclusion import excluded_values
from agent.offline.periods import Period
from agent.offline.plan import Aggregate, Bucket, Operator
from agent.offline.reading import Comparison, ConceptMention, MeasureMention, Reading, ValueMention
from agent.offline.scanner import Token

_AGGREGATES: dict[str, Aggregate] = {"agg_sum": "sum", "agg_avg": "avg", "agg_max": "max", "agg_min": "min"}
_OPERATORS: dict[str, Operator] = {"cmp_gt": ">", "cmp_ge": ">=", "cmp_lt": "<", "cmp_le": "<="}
_UP_TO = ("到", "至", "-", "~")
_SAYS_YEAR = re.compile(r"\d{4}|[今去前本上]年")
_BUCKETS = ("day", "week", "month", "quarter", "year", "weekday")
_WHICH = ("which_one", "which_many")
_DESCENDING, _ASCENDING = ("rank_desc", "order_desc"), ("rank_asc", "order_asc")


def interpret(tokens: Sequence[Token], today: date) -> Reading:
    """Read the tokens of one question."""
    content: list[Token] = []
    depth = 0
    marks: set[str] = set()
    asks_amount = any(token.text in ("多少", "是多少") for token in tokens)
    for token in tokens:
        if token.is_word("all", "until"):
            marks.add(token.tag)
            continue
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.is_word("noise"):
            if token.text in _UP_TO and content and content[-1].end == token.start:
                marks.add("range")
            continue
        if "range" in marks and content[-1].period and token.period:
            whole = Period(content[-1].period.start, token.period.end)
            content[-1] = replace(content[-1], text=content[-1].text + token.text, period=whole)
            marks = set()
            continue
        period = Period(None, token.period.end) if token.period and "until" in marks else token.period
        content.append(replace(token, is_aside=depth > 0, is_whole="all" in marks, period=period))
        marks = set()
    reading = _Interpreter(content, today).read()
    if asks_amount:
        reading.tags.add("amount")
    return reading


def _in_year_said(dated: Sequence[Token]) -> list[Period]:
    """The periods; a month without a year is in the year said before it: 2023年10月和11月."""
    periods: list[Period] = []
    year: int | None = None
    for token in dated:
        period = cast(Period, token.period)
        start = period.start.day if period.start else None
        if start is not None and _SAYS_YEAR.search(token.text):
            year = start.year
        elif start is not None and year is not None and "月" in token.text:
            period = period.moved(months=12 * (year - start.year))
        periods.append(period)
    return periods


def _bounded(periods: list[Period]) -> list[Period]:
    """截至昨天本月: of two periods, one without a start only ends the other."""
    if len(periods) == 2:
        until = [period for period in periods if period.start is None and period.end is not None]
        others = [period for period in periods if period.start is not None]
        if len(until) == len(others) == 1:
            return [Period(others[0].start, until[0].end)]
    return periods


class _Interpreter:
    def __init__(self, tokens: list[Token], today: date) -> None:
        self.tokens = tokens
        self.used: set[int] = set()
        self.absorbed: set[int] = set()
        self.idle_exclusions: list[str] = []
        self.reading = Reading(tokens, today)

    def read(self) -> Reading:
        reading = self.reading
        reading.tags = {token.tag for token in self.tokens if token.kind == "word"}
        self._settle_kinds()
        self._read_values()
        self._read_nulls()
        self._read_periods()
        self._read_comparisons()
        self._read_listed_numbers()
        self._read_ranking()
        self._read_absence()
        self._read_concepts()
        self._read_measures()
        unknown = [token for token in self.tokens if token.kind == "unknown"]
        reading.unknown = [token.text for token in unknown if not token.is_aside] + self.idle_exclusions
        reading.aside = [token.text for token in unknown if token.is_aside]
        reading.unused += [t.text for i, t in enumerate(self.tokens) if t.kind == "number" and i not in self.used]
        return reading

    def _at(self, position: int) -> Token | None:
        return self.tokens[position] if 0 <= position < len(self.tokens) else None

    def _is(self, position: int, *tags: str) -> bool:
        token = self._at(position)
        return token is not None and token.is_word(*tags)

    def _settle_kinds(self) -> None:
        """A phrase that is both a measure and a noun is the noun after 各, 哪种 or its own value; a word that is also a
        value counts as the value only beside its own noun."""
        for i, token in enumerate(self.tokens):
            before = self._at(i - 1)
            if token.kind == "measure" and token.concepts:
                keys = {column.key for column in token.concepts}
                after_value = before is not None and any(value.column.key in keys for value in before.values)
                if after_value or self._is(i - 1, "group", *_WHICH):
                    self.tokens[i] = replace(token, kind="concept", measures=())
            if token.kind == "value" and token.tag:
                keys = {value.column.key for value in token.values}
                near = [column.key for side in (before, self._at(i + 1)) if side for column in side.concepts]
                listed = any(
                    side and side.kind == "value" and keys & {v.column.key for v in side.values}
                    for side in (self._at(i - 2), self._at(i + 2))
                )
                if not keys & set(near) and not listed:
                    self.tokens[i] = replace(token, kind="word", values=())

    def _read_values(self) -> None:
        excluded, idle = excluded_values(self.tokens)
        self.idle_exclusions = idle
        for i, token in enumerate(self.tokens):
            if token.kind != "value":
                continue
            matches = token.values
            for near in self._noun_positions(i):
                keys = {column.key for column in self.tokens[near].concepts}
                own = tuple(match for match in matches if match.column.key in keys)
                if own:
                    matches = own
                    self.absorbed.add(near)
                    break
            else:
                if self._is(i - 1, "be") and (subject := self._at(i - 2)) and subject.kind == "concept":
                    self.absorbed.add(i - 2)
            self.reading.values.append(ValueMention(i, token.text, matches, i in excluded))

    def _read_nulls(self) -> None:
        """编码为空, 金额不为空: the column before has no value, or has one."""
        for i, token in enumerate(self.tokens):
            before = self._at(i - 1)
            if not token.is_word("is_null", "is_not_null"):
                continue
            if before is None or before.kind not in ("concept", "measure"):
                self.idle_exclusions += [] if token.is_aside else [token.text]
                continue
            columns = before.measures or before.concepts
            self.absorbed.add(i - 1)
            self.reading.nulls.append((ConceptMention(i - 1, before.text, columns), token.tag == "is_not_null"))

    def _noun_positions(self, position: int) -> Iterable[int]:
        """Where the noun of a value may stand: right after it, or before it with 为 between."""
        after = self._at(position + 1)
        if after is not None and after.kind == "concept" and not self._is_parent(position):
            yield position + 1
        elif self._is(position + 1, "and"):
            following = position + 1
            while self._is(following, "and") and (token := self._at(following + 1)) and token.kind == "value":
                following += 2
            if (token := self._at(following)) and token.kind == "concept":
                yield following
        before = position - 2 if self._is(position - 1, "be") else position - 1
        token_before = self._at(before)
        if token_before is not None and token_before.kind == "concept" and not self._is(before - 1, "group", *_WHICH):
            yield before

    def _is_parent(self, position: int) -> bool:
        """宜春下属服务区: between a part of a name and the noun stands text, so the noun is not the value's own."""
        value, noun = self.tokens[position], self.tokens[position + 1]
        return all(match.is_partial for match in value.values) and noun.start > value.end + 1

    def _read_periods(self) -> None:
        dated = [token for token in self.tokens if token.period is not None]
        resolved = list(zip(dated, _in_year_said(dated), strict=True))
        said = _bounded([period for token, period in resolved if not token.is_aside])
        spelt_out = [period for token, period in resolved if token.is_aside]
        self.reading.periods = spelt_out if spelt_out and len(said) in (0, len(spelt_out)) else said
        for token in self.tokens:
            if token.is_word(*_BUCKETS) and self.reading.bucket is None:
                self.reading.bucket = cast(Bucket, token.tag)

    def _read_comparisons(self) -> None:
        for i, token in enumerate(self.tokens):
            if token.is_word("cmp_between"):
                self._read_between(i)
            if token.is_word("is_zero"):
                self.reading.comparisons.append(
                    Comparison(i, self._subject_before(i), "=", Decimal(0), is_percent=False)
                )
            if not token.is_word(*_OPERATORS):
                continue
            is_after = token.text in ("以上", "以下")
            order = (i - 1,) if is_after else (i + 1, i + 2, i + 3)
            found = next((p for p in order if (t := self._at(p)) and t.kind == "number" and p not in self.used), None)
            if found is None:
                self.reading.unused.append(token.text)
                continue
            number = self.tokens[found]
            self.used.add(found)
            self.reading.comparisons.append(
                Comparison(
                    i, self._subject_before(i), _OPERATORS[token.tag], cast(Decimal, number.number), number.is_percent
                )
            )

    def _read_between(self, position: int) -> None:
        numbers = [
            p for p in range(position + 1, min(position + 4, len(self.tokens))) if self.tokens[p].kind == "number"
        ]
        if len(numbers) < 2:
            return
        for p, operator in zip(numbers, (">=", "<="), strict=False):
            self.used.add(p)
            token = self.tokens[p]
            self.reading.comparisons.append(
                Comparison(
                    position,
                    self._subject_before(position),
                    cast(Operator, operator),
                    cast(Decimal, token.number),
                    token.is_percent,
                )
            )

    def _subject_before(self, position: int) -> int:
        for p in range(position - 1, -1, -1):
            token = self.tokens[p]
            if token.kind in ("measure", "derived", "concept") or token.is_word("share", "count", "records", "growth"):
                return p
        return -1

    def _read_listed_numbers(self) -> None:
        """来源类别为1和3: numbers after a noun whose column holds whole numbers."""
        for i, token in enumerate(self.tokens):
            if token.kind != "concept" or any(column.is_text for column in token.concepts):
                continue
            p = i + 2 if self._is(i + 1, "be") else i + 1
            found: list[int] = []
            while (number := self._at(p)) and number.kind == "number" and number.number is not None:
                found.append(int(number.number))
                self.used.add(p)
                p += 2 if self._is(p + 1, "and") else 1
            if found:
                self.absorbed.add(i)
                self.reading.numbers_in.append((ConceptMention(i, token.text, token.concepts), tuple(found)))

    def _read_ranking(self) -> None:
        reading = self.reading
        for i, token in enumerate(self.tokens):
            if token.is_word("first", "last"):
                number = self._at(i + 1)
                if number is not None and number.kind == "number" and number.number is not None:
                    reading.limit = int(number.number)
                    self.used.add(i + 1)
                    if token.tag == "last":
                        reading.is_descending = False
                    reading.rank_position = i
            elif token.is_word(*_DESCENDING, *_ASCENDING):
                if reading.is_descending is None:
                    reading.is_descending = token.is_word(*_DESCENDING)
                if reading.rank_position < 0:
                    reading.rank_position = i
                self._limit_beside(i)
            elif token.is_word("rank"):
                reading.rank_position = i if reading.rank_position < 0 else reading.rank_position
                self._limit_beside(i)
        if reading.rank_position >= 0 and reading.limit is None and self._means_one():
            reading.limit = 1
        if reading.rank_position >= 0 and reading.is_descending is None:
            reading.is_descending = True

    def _limit_beside(self, position: int) -> None:
        for p in (position + 1, position - 1):
            token = self._at(p)
            if token is None or token.kind != "number" or p in self.used or token.number is None or token.is_percent:
                continue
            if self.reading.limit is None and token.number <= 1000:
                self.reading.limit = int(token.number)
                self.used.add(p)
                if token.text.endswith("天") and self.reading.bucket is None:
                    self.reading.bucket = "day"

    def _means_one(self) -> bool:
        """哪个 … 最高, or 最高的服务区: one row is wanted; 哪些 and 排名 want them all."""
        self.reading.is_superlative = bool({"rank_desc", "rank_asc"} & self.reading.tags)
        if (
            not self.reading.is_superlative
            or {"which_many", "rank", "list", "order_desc", "order_asc"} & self.reading.tags
        ):
            return False
        if {"which_one"} & self.reading.tags or any(
            token.text in ("哪天", "哪一天", "哪个月", "几月", "哪月", "哪个季度", "哪一年") for token in self.tokens
        ):
            return True
        position = self.reading.rank_position + 1
        after = self._at(position)
        return after is not None and (after.kind == "concept" or after.is_word("be", *_BUCKETS))

    def _read_absence(self) -> None:
        for i, token in enumerate(self.tokens):
            if token.is_word("absent"):
                self.reading.absent = i
            if token.is_word("multiple"):
                self.reading.multiple = i

    def _read_concepts(self) -> None:
        reading = self.reading
        dimension_positions: set[int] = set()
        for i, token in enumerate(self.tokens):
            if token.kind == "table":
                reading.tables.append((i, token.tables))
            if token.kind != "concept" or i in self.absorbed:
                continue
            mention = ConceptMention(i, token.text, token.concepts)
            if self._is_scoped(i):
                reading.scoped.add(i)
                reading.loose.append(mention)
            elif self._is_counted(i):
                reading.counted.append(mention)
            elif self._is_dimension(i, dimension_positions):
                dimension_positions.add(i)
                reading.dimensions.append(mention)
            else:
                reading.loose.append(mention)

    def _is_scoped(self, i: int) -> bool:
        """仅开放服务区: a noun right after a value of its own table, when nothing groups by it or counts it."""
        p = i - 1
        if p in self.absorbed:
            p -= 1
        value = self._at(p)
        if value is None or value.kind != "value" or self._is(p - 1, "group", *_WHICH):
            return False
        after = self._at(i + 1)
        is_adjacent = after is not None and after.start == self.tokens[i].end
        if (
            self._is(i + 1, "count", "share")
            or (is_adjacent and self._is(i + 1, "list", *_WHICH))
            or self._is(i - 1, "group")
        ):
            return False
        following = self._at(i + 2)
        if self._is(i + 1, "and") and following is not None and following.kind == "concept":
            return False
        tables = {match.column.table for match in value.values}
        return any(column.table in tables for column in self.tokens[i].concepts)

    def _is_counted(self, i: int) -> bool:
        if self._is(i - 1, "group", *_WHICH):
            return False
        if (
            self._is_most_of(i)
            or self._is(i + 1, "count")
            or any(comparison.subject == i for comparison in self.reading.comparisons)
        ):
            return True
        return self._is(i - 1, "count", "created") and "count" in self.reading.tags

    def _is_most_of(self, i: int) -> bool:
        """哪个公司管理的服务区最多, 服务区最多的公司: the noun before 最多 is counted for the noun asked about."""
        after = self._at(i + 1)
        if (
            after is None
            or not after.is_word("rank_desc", "rank_asc")
            or after.text not in ("最多", "最少", "most", "fewest")
        ):
            return False
        has_measure = any(token.kind in ("measure", "derived") for token in self.tokens)
        asked = self._at(i + 2)
        is_asked = any(self._is(p, "group", *_WHICH) for p in range(i - 1))
        return not has_measure and (is_asked or (asked is not None and asked.kind == "concept"))

    def _is_dimension(self, i: int, known: set[int]) -> bool:
        if self._is(i - 1, "multiple") or self._is(i - 1, "absent"):
            return False
        if self._is(i - 1, "group", *_WHICH, "distinct"):
            return True
        after = self._at(i + 1)
        if after is not None and after.is_word(*_WHICH, "list") and after.start == self.tokens[i].end:
            return True
        if self._is(i - 1, "and") and (i - 2) in known:
            return True
        before = self._at(i - 1)
        if before is not None and (
            before.is_word(*_DESCENDING, *_ASCENDING, "rank") or (before.kind == "number" and i - 1 in self.used)
        ):
            return True
        return self._is(i + 1, "rank", "contrast") and bool(self.reading.tags & {"rank", "contrast"})

    def _read_measures(self) -> None:
        for i, token in enumerate(self.tokens):
            if token.kind not in ("measure", "derived") or i in self.absorbed:
                continue
            derived = token.text if token.kind == "derived" else ""
            per_unit = next((t.text for t in reversed(self.tokens[:i]) if t.kind == "per_unit"), "")
            mention = MeasureMention(i, token.text, token.measures, self._aggregate_at(i), derived, per_unit)
            self.reading.measures.append(mention)
            self._read_trailing_aggregates(i, mention)

    def _read_trailing_aggregates(self, i: int, mention: MeasureMention) -> None:
        """营收的最大值、最小值和平均值: one measure, several aggregates."""
        p = i + 1
        while self._is(p, "and", *_AGGREGATES):
            if self._is(p, *_AGGREGATES) and not self._leads_measure(p):
                extra = _AGGREGATES[self.tokens[p].tag]
                if p == i + 1 and mention.aggregate is None:
                    self.reading.measures[-1] = mention = replace(mention, aggregate=extra)
                elif extra != mention.aggregate:
                    self.reading.measures.append(replace(mention, aggregate=extra))
            p += 1

    def _aggregate_at(self, i: int) -> Aggregate | None:
        p = i - 1
        while self._is(p, "be", *_BUCKETS):
            p -= 1
        token = self._at(p)
        if token is not None and token.is_word(*_AGGREGATES):
            return _AGGREGATES[token.tag]
        if (
            self._is(p, "and")
            and (p - 1) >= 0
            and self.reading.measures
            and self.reading.measures[-1].position == p - 1
        ):
            return self.reading.measures[-1].aggregate
        return None

    def _leads_measure(self, p: int) -> bool:
        after = self._at(p + 1)
        return after is not None and after.kind in ("measure", "derived")

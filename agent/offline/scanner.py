"""Cuts a question into tokens: periods, numbers, values, measures, concepts, vocabulary words, and what nobody knows.

Longest match wins at every position. Called by `interpret`; it decides nothing about meaning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from agent.offline.normalise import CHINESE_NUMBER, NUMBER, chinese_to_int, is_word_character, normalise, number_value
from agent.offline.period_parser import PeriodParser
from agent.offline.periods import Period
from agent.offline.schema_index import IndexedColumn, IndexedTable, SchemaIndex, ValueMatch

Kind = Literal[
    "period", "number", "value", "measure", "concept", "table", "derived", "per_unit", "family", "word", "unknown"
]
_COUNTED = re.compile(r"[个家名条位种类天项大佳强次]")
_UNITS = re.compile(r"(?:个|家|名|位|元|块钱|块|单|笔|辆次|辆|次|条|人|天|种|台)")
_PRIORITY: dict[Kind, int] = {
    "period": 0,
    "value": 1,
    "derived": 2,
    "per_unit": 2,
    "family": 3,
    "measure": 4,
    "concept": 5,
    "table": 6,
    "word": 7,
    "number": 8,
    "unknown": 9,
}


@dataclass(frozen=True)
class Token:
    """A piece of the question; `is_aside` says that it stands in brackets, `is_whole` that 所有 stands before it.

    Only the fields of its kind are filled; one phrase can be measure, concept and table at once.
    """

    kind: Kind
    text: str
    start: int
    tag: str = ""
    period: Period | None = None
    number: Decimal | None = None
    is_percent: bool = False
    values: tuple[ValueMatch, ...] = ()
    measures: tuple[IndexedColumn, ...] = ()
    concepts: tuple[IndexedColumn, ...] = ()
    tables: tuple[IndexedTable, ...] = ()
    is_aside: bool = False
    is_whole: bool = False

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def is_word(self, *tags: str) -> bool:
        return self.kind == "word" and self.tag in tags


class Scanner:
    """Tokenises questions against one schema."""

    def __init__(self, *, index: SchemaIndex, periods: PeriodParser) -> None:
        self._index = index
        self._words = index.vocabulary.words
        self._periods = periods
        self._longest = max(index.longest_phrase, *(len(word) for word in self._words))
        self._derived = index.vocabulary.derived
        self._families = frozenset(index.vocabulary.families)

    def scan(self, question: str, today: date) -> list[Token]:
        """All tokens in order, noise and unknown text included."""
        text = normalise(question)
        tokens: list[Token] = []
        position = 0
        while position < len(text):
            if text[position].isspace():
                position += 1
                continue
            token = self._best_at(text, position, today) or self._one_character(text, position)
            tokens.append(token)
            position = token.end
        return self._join_measures(self._tail_concepts(_without_classifiers(_merge_unknown(tokens))))

    def _best_at(self, text: str, position: int, today: date) -> Token | None:
        found: list[Token] = []
        if period := self._periods.parse(text, position, today):
            found.append(Token("period", text[position : period[1]], position, period=period[0]))
        if number := self._number(text, position):
            found.append(number)
        if phrase := self._phrase(text, position):
            found.append(phrase)
        return min(found, key=lambda token: (-len(token.text), _PRIORITY[token.kind]), default=None)

    def _number(self, text: str, position: int) -> Token | None:
        if match := NUMBER.match(text, position):
            value, percent, end = number_value(match), bool(match["percent"]), match.end()
        elif (match := CHINESE_NUMBER.match(text, position)) and self._is_counting(text, position, match.end()):
            value, percent, end = Decimal(chinese_to_int(match.group(0))), False, match.end()
        else:
            return None
        if unit := _UNITS.match(text, end):
            end = unit.end()
        return Token("number", text[position:end], position, number=value, is_percent=percent)

    @staticmethod
    def _is_counting(text: str, position: int, end: int) -> bool:
        follows_first = position > 0 and text[position - 1] in "前后"
        return follows_first or bool(_COUNTED.match(text, end))

    def _phrase(self, text: str, position: int) -> Token | None:
        for length in range(min(self._longest, len(text) - position), 0, -1):
            phrase = text[position : position + length]
            if _cuts_word(text, position, position + length):
                continue
            token = self._lookup(phrase, position)
            if token and not (token.kind == "table" and self._cuts_value(text, token)):
                return token
        return None

    def _cuts_value(self, text: str, table: Token) -> bool:
        """公司信息 in 公司信息化服务区: the end of the table's phrase begins a longer value."""
        start = table.end - 2
        values = self._index.values
        return any(
            text[start : start + length] in values for length in range(3, min(self._longest, len(text) - start) + 1)
        )

    def _lookup(self, phrase: str, position: int) -> Token | None:
        index = self._index
        values = tuple(index.values.get(phrase, ()))
        measures = tuple(index.measures.get(phrase, ()))
        concepts = tuple(index.concepts.get(phrase, ()))
        tables = tuple(index.tables_by_phrase.get(phrase, ()))
        tag = self._words.get(phrase, "")
        kind: Kind
        if phrase in self._derived:
            kind = "derived"
        elif phrase in index.vocabulary.per_units:
            kind = "per_unit"
        elif phrase in self._families:
            kind = "family"
        elif values and all(value.column.role == "measure" for value in values):
            return None
        elif measures:
            kind = "measure"
        elif concepts:
            kind = "concept"
        elif values:
            kind = "value"
        elif tables:
            kind = "table"
        elif tag:
            kind = "word"
        else:
            return None
        if values and kind in ("concept", "measure") and not all(value.is_partial for value in values):
            kind = "value"
        return Token(
            kind, phrase, position, tag=tag, values=values, measures=measures, concepts=concepts, tables=tables
        )

    @staticmethod
    def _one_character(text: str, position: int) -> Token:
        end = position + 1
        if is_word_character(text[position]):
            while end < len(text) and is_word_character(text[end]):
                end += 1
        return Token("unknown", text[position:end], position)

    def _tail_concepts(self, tokens: Sequence[Token]) -> list[Token]:
        """After 各 or 多个 an unknown word may be the end of a concept's name: 各系统 for 数据来源系统."""
        result: list[Token] = []
        for token in tokens:
            previous = result[-1] if result else None
            if (
                token.kind == "unknown"
                and len(token.text) >= 2
                and previous
                and previous.is_word("group", "multiple", "which_one", "which_many")
            ):
                matching = {
                    column.key: column
                    for alias, columns in self._index.concepts.items()
                    for column in columns
                    if column.role in ("label", "category") and alias.endswith(token.text)
                }
                if matching:
                    result.append(replace(token, kind="concept", concepts=tuple(matching.values())))
                    continue
            result.append(token)
        return result

    def _join_measures(self, tokens: list[Token]) -> list[Token]:
        """Two measures that together name a third: 微信的订单量 is the measure 微信订单量."""
        result: list[Token] = []
        for token in tokens:
            previous = _last_content(result)
            if token.kind == "measure" and previous is not None and result[previous].kind == "measure":
                joined = result[previous].text + token.text
                columns = self._index.measures.get(joined) or self._index.measures.get(
                    _bare(result[previous].text) + token.text
                )
                if columns:
                    first = result[previous]
                    merged = replace(
                        token, text=joined, start=first.start, measures=tuple(columns), concepts=(), tables=()
                    )
                    result[previous:] = [merged]
                    continue
            result.append(token)
        return result


def _bare(text: str) -> str:
    return text.removesuffix("支付")


def _last_content(tokens: Sequence[Token]) -> int | None:
    """The index of the last token when only 的 stands after it."""
    for position in range(len(tokens) - 1, -1, -1):
        if not (tokens[position].is_word("noise") and tokens[position].text in ("的", "支付")):
            return position
    return None


def _merge_unknown(tokens: Sequence[Token]) -> list[Token]:
    result: list[Token] = []
    for token in tokens:
        if result and token.kind == "unknown" and result[-1].kind == "unknown" and result[-1].end == token.start:
            result[-1] = replace(result[-1], text=result[-1].text + token.text)
        else:
            result.append(token)
    return result


def _cuts_word(text: str, start: int, end: int) -> bool:
    """True when a match would begin or end inside a Latin word or a number."""
    return _joins(text, start) or _joins(text, end)


def _joins(text: str, position: int) -> bool:
    if not 0 < position < len(text):
        return False
    before, after = text[position - 1], text[position]
    if not (is_word_character(before) and is_word_character(after)):
        return False
    return not (before.isalpha() and after.isdigit() and text[:position].endswith(("top", "last", "q")))


def _without_classifiers(tokens: Sequence[Token]) -> list[Token]:
    """Drop a single unknown character between a counting word and a noun: it is the noun's classifier (多少门课程)."""
    kept: list[Token] = []
    for i, token in enumerate(tokens):
        before = kept[-1] if kept else None
        after = tokens[i + 1] if i + 1 < len(tokens) else None
        counts = before is not None and (
            before.kind == "number" or before.is_word("count", "which_one", "which_many", "group")
        )
        if (
            token.kind == "unknown"
            and len(token.text) == 1
            and counts
            and after is not None
            and after.kind == "concept"
        ):
            continue
        kept.append(token)
    return kept

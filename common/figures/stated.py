"""Reads the figures out of a text: numbers with their scale, dates, times of day and positions in a list."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from common.messages import figure_words as words

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH: Final = (
    r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)(?:uary|ruary|ch|il|ust|ember|tember|ober)?\b\.?"
)
_DAY_NUMBER: Final = r"(?:[0-2]?\d|3[01])"
_FIGURE: Final = re.compile(
    rf"""
    (?<![\d.])(?:(?P<y1>\d{{4}})(?P<separator>[-/.])(?P<m1>0?[1-9]|1[0-2])(?P=separator)(?P<d1>{_DAY_NUMBER})
            |(?P<y3>(?:19|20)\d\d)[-/](?P<m4>0?[1-9]|1[0-2]))
        (?![\d.]*\d)(?:[T ](?P<h1>[01]\d|2[0-3]):(?P<n1>[0-5]\d)(?::[0-5]\d(?:\.\d{{1,9}})?)?)?
    | (?<!\d)(?P<y2>\d{{4}}|\d\d){words.YEAR}
        (?:\s?(?P<m2>0?[1-9]|1[0-2]){words.MONTH}(?:\s?(?P<d2>{_DAY_NUMBER}){words.DAY})?)?
    | (?<![\d.])(?P<m3>0?[1-9]|1[0-2]){words.MONTH}(?:\s?(?P<d3>{_DAY_NUMBER}){words.DAY})?
    | (?<![\d.])(?P<d4>{_DAY_NUMBER}){words.DAY}
    | (?<![a-z])(?P<em>{_MONTH})(?:\s(?P<ed>{_DAY_NUMBER})(?:st|nd|rd|th)?(?!\d))?(?:,?\s(?P<ey>\d{{4}})(?!\d))?
    | (?<!\d)(?P<ed2>{_DAY_NUMBER})(?:st|nd|rd|th)?\s(?P<em2>{_MONTH})(?:,?\s(?P<ey2>\d{{4}})(?!\d))?
    | (?<![\d:])(?P<h2>[01]?\d|2[0-3]):(?P<n2>[0-5]\d)(?::[0-5]\d)?(?![\d:])
    | (?:{words.POSITION})\s?(?P<position>\d{{1,5}})(?![\d.]*\d|{words.BIG})
    | (?<![\d.])(?P<position2>\d{{1,5}})(?:st|nd|rd|th)\b
    | (?P<number>(?:\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d{{1,40}})(?:\.\d{{1,40}})?(?:e[+-]?\d{{1,2}}(?![a-z\d]))?)
        \s?(?P<scale>{words.SCALE})?(?P<behind>\s?(?:{words.BEHIND}))?
    | (?P<percent>{words.PERCENT_BEFORE})?(?P<numeral>{words.NUMERAL_FIRST}{words.NUMERAL}{{0,12}})
        (?P<times>{words.NUMERAL_TIMES})?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LIST_MARK: Final = re.compile(words.LIST_MARK)
_ABOUT: Final = re.compile(words.ABOUT_BEFORE, re.IGNORECASE)
_ABOUT_BEHIND: Final = re.compile(words.ABOUT_BEHIND, re.IGNORECASE)


@dataclass(frozen=True)
class Number:
    """A number as a text has it.

    Attributes:
        value: without scale and sign.
        decimals: how many digits stand behind the point.
        scale: what a word such as million multiplies it by; `scale_word` is empty without one.
        kind: `percent`, `times`, `tenths`, `mille` or `plain`.
        is_about: whether the text calls it no more than near.
        is_glued: whether letters stand directly before it, as in a name.
        parts: the numbers of a list that was written like thousands (12,345).
    """

    text: str
    value: Decimal
    decimals: int
    scale: Decimal = Decimal(1)
    scale_word: str = ""
    kind: str = "plain"
    is_about: bool = False
    is_glued: bool = False
    parts: tuple[Decimal, ...] = ()


@dataclass(frozen=True)
class Day:
    """A date or a part of one; None for what is not said."""

    text: str
    year: int | None = None
    month: int | None = None
    day: int | None = None


@dataclass(frozen=True)
class Moment:
    """A time of day in minutes."""

    text: str
    minutes: int


@dataclass(frozen=True)
class Position:
    """A rank or the length of a list's beginning: top 5."""

    text: str
    number: int


Figure = Number | Day | Moment | Position


def figures(text: str) -> Iterator[Figure]:
    """The figures of the text in its order; marks of a numbered list are none."""
    plain = narrowed(text)
    marks = {place for mark in _LIST_MARK.finditer(plain) for place in range(mark.start(), mark.end())}
    for match in _FIGURE.finditer(plain):
        if match.start() not in marks or match["number"] is None:
            yield from _figure(match, plain)


def narrowed(text: str) -> str:
    """The text with the digits and marks of every width and script as ASCII has them; length and places stay."""
    if text.isascii():
        return text
    return "".join(map(_narrow, text))


def _narrow(character: str) -> str:
    if character.isascii():
        return character
    if unicodedata.category(character) == "Nd":
        return str(unicodedata.digit(character))
    code = ord(character) - 0xFEE0
    return chr(code) if 0x21 <= code <= 0x7E else character


def _figure(match: re.Match[str], text: str) -> Iterator[Figure]:
    written = match[0].strip()
    position = match["position"] or match["position2"]
    if position is not None:
        yield Position(written, int(position))
    elif match["number"] is not None:
        yield _number(match, text)
    elif match["numeral"] is not None:
        if (numeral := _numeral(match, text)) is not None:
            yield numeral
    elif match["h2"] is not None:
        yield Moment(written, int(match["h2"]) * 60 + int(match["n2"]))
    elif (day := _day(match)) is not None:
        yield day
        if match["h1"] is not None:
            yield Moment(written, int(match["h1"]) * 60 + int(match["n1"]))


def _day(match: re.Match[str]) -> Day | None:
    """None for the name of a month without any number, as in "may"."""
    year = _first(match, "y1", "y2", "y3", "ey", "ey2")
    month = _first(match, "m1", "m2", "m3", "m4")
    day = _first(match, "d1", "d2", "d3", "d4", "ed", "ed2")
    name = match["em"] or match["em2"]
    if name:
        if year is None and day is None:
            return None
        month = _MONTHS.index(name[:3].lower()) + 1
    if year is not None and year < 100:
        year += 2000
    return Day(match[0].strip(), year, month, day)


def _first(match: re.Match[str], *names: str) -> int | None:
    return next((int(match[name]) for name in names if match[name]), None)


def _number(match: re.Match[str], text: str) -> Number:
    digits = match["number"]
    value = Decimal(digits.replace(",", ""))
    word = (match["scale"] or "").lower()
    behind = (match["behind"] or "").strip().lower()
    if behind in words.UNITS_WITH_THOUSAND:
        word = ""
    exponent = value.as_tuple().exponent
    before = text[: match.start()][-1:]
    return Number(
        match[0].strip(),
        value,
        max(0, -exponent) if isinstance(exponent, int) else 0,
        Decimal(words.SCALES.get(word, 1)),
        word,
        words.KINDS.get(behind, "plain"),
        _is_about(match, text),
        before.isascii() and (before.isalpha() or before == "_"),
        tuple(map(Decimal, digits.split(","))) if "," in digits else (),
    )


def _is_about(match: re.Match[str], text: str) -> bool:
    before = text[max(0, match.start() - 16) : match.start()]
    return bool(_ABOUT.search(before) or _ABOUT_BEHIND.match(text, match.end()))


def _numeral(match: re.Match[str], text: str) -> Number | None:
    """A number in Chinese numerals; None for what may as well be a word and for a year's digits."""
    digits, times = match["numeral"], match["times"] or ""
    kind = "percent" if match["percent"] else "plain"
    has_unit = bool(times) or not words.UNITS.keys().isdisjoint(digits)
    if kind == "plain" and (len(digits + times) == 1 or not has_unit):
        return None
    scale = Decimal(words.SCALES.get(times, 1))
    return Number(match[0], Decimal(_spelled(digits)), 0, scale, times, kind, _is_about(match, text))


def _spelled(digits: str) -> int:
    total, digit = 0, 0
    for character in digits:
        if character in words.UNITS:
            total, digit = total + (digit or 1) * words.UNITS[character], 0
        else:
            digit = words.DIGITS[character]
    return total + digit

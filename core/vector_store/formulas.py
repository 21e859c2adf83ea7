"""Reads business rules that say how to compute something, and finds those that say it otherwise than is known.

A rule is read loosely from prose in Chinese or English: a definition (`总营收 = pay_sum × 2`, `revenue means
pay_sum * 2`) or a scaling without a definition (`所有金额乘以100`, `multiply all amounts by 100`). What is known are
the numbers and columns that reviewed pairs compute with and the comments of columns. A new measure that nobody computes
yet is no change; a number nobody computes with is one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from sqlglot import exp

from common.business_schema import BusinessSchema
from common.messages import formula_words as words
from core.sql_guard.refusal import Refusal
from core.sql_guard.single_query import read_query

_CLAUSE: Final = re.compile(r"[。；;！!？?\n\r]+|[,，](?=\D)|\.(?=\s|$)")
_COLUMN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER: Final = re.compile(r"(?<![\w.])\d+(?:\.\d+)?%?(?![\w.])|(?<=[\u4e00-\u9fff×x*/÷+-])\d+(?:\.\d+)?%?")
_DATE: Final = re.compile(words.DATES)
_SYMBOL: Final = re.compile(r"[×✕✖∗*÷]|(?<=[\w)\]`\"”」])\s*[x+−–/-]\s*(?=[\w(`\"“「])")
_EQUALS: Final = re.compile(words.DEFINES, re.IGNORECASE)
_WORDED: Final = re.compile(words.COMPUTES, re.IGNORECASE)
_SCALES: Final = re.compile(words.SCALES, re.IGNORECASE)
_NOT_OF_TERM: Final = re.compile(r"[^\w %()（）/-]")
_STEMS: Final = re.compile(words.TERM_EXTRAS, re.IGNORECASE)
_NEUTRAL: Final = frozenset({"1", "0"})
_LONGEST: Final = 400


@dataclass(frozen=True)
class Formula:
    """One rule: what it defines (empty for a scaling), and the names and numbers it computes with, in lower case."""

    term: str
    names: frozenset[str]
    numbers: frozenset[str]

    @property
    def words(self) -> frozenset[str]:
        """What to look for in pairs that may compute the same."""
        return frozenset(filter(None, (self.term, *self.names)))


def formulas_in(text: str) -> list[Formula]:
    """The rules in a text; dates, numbers of rows and lists of names are none."""
    found: list[Formula] = []
    plain = unicodedata.normalize("NFKC", text)
    for clause in _CLAUSE.split(plain):
        bare = _DATE.sub(" ", clause.strip().strip("-*#> `"))[:_LONGEST]
        formula = _definition(bare) or _scaling(bare)
        if formula is not None:
            found.append(formula)
    return found


class Measures:
    """What is known of measures.

    Args:
        schema: tables, columns and their comments.
        pairs: question and SQL of reviewed pairs.
    """

    def __init__(self, schema: BusinessSchema, pairs: Sequence[tuple[str, str]]) -> None:
        self._schema = schema
        self._pairs = [(question.casefold(), _computed(sql)) for question, sql in pairs]

    @cached_property
    def columns(self) -> frozenset[str]:
        """The names of all columns, in lower case."""
        return frozenset(column.name.lower() for table in self._schema.tables for column in table)

    def comments_on(self, names: Iterable[str]) -> str:
        """The comments of the columns of these names, in lower case."""
        wanted = set(names)
        columns = (column for table in self._schema.tables for column in table)
        return "\n".join(column.comment.casefold() for column in columns if column.name.lower() in wanted)

    def columns_called(self, term: str) -> frozenset[str]:
        """The columns whose name or comment is the term."""
        called: set[str] = set()
        for table in self._schema.tables:
            for column in table:
                names = {column.name.lower(), *re.split(r"[\s,，;；:：(（)）/]+", column.comment.casefold())}
                if term in names:
                    called.add(column.name.lower())
        return frozenset(called)

    def computations(self, term: str, names: Iterable[str]) -> list[Formula]:
        """How reviewed pairs compute what the term or one of the columns names."""
        wanted = set(names)
        return [one for question, one in self._pairs if (term and term in question) or (wanted & one.names)]

    def computations_of(self, term: str) -> list[Formula]:
        """How reviewed pairs compute what their questions call the term."""
        return [one for question, one in self._pairs if term and term in question]


def changed_formulas(formulas: Iterable[Formula], measures: Measures) -> list[Formula]:
    """The rules that compute otherwise than what is known."""
    return [formula for formula in formulas if _is_changed(formula, measures)]


def _is_changed(formula: Formula, measures: Measures) -> bool:
    columns = formula.names & measures.columns
    stated = _numbers(measures.comments_on(columns | measures.columns_called(formula.term)))
    computed = measures.computations(formula.term, columns)
    known = stated.union(*(one.numbers for one in computed)) | _NEUTRAL
    if formula.numbers - known:
        return True
    if not formula.term or not columns:
        return False
    same = measures.computations_of(formula.term)
    if same:
        return not any(columns <= one.names for one in same)
    called = measures.columns_called(formula.term)
    return bool(called) and not called & columns


def _definition(clause: str) -> Formula | None:
    split = _EQUALS.search(clause)
    if split is None:
        return None
    head, body = clause[: split.start()], clause[split.end() :]
    term = _term(head)
    names = {name.lower() for name in _COLUMN.findall(body) if name.lower() not in words.PLAIN_WORDS}
    computes = bool(_SYMBOL.search(body) or _WORDED.search(body))
    numbers = _numbers(body) if computes else frozenset()
    is_computed = computes and bool(numbers or names)
    is_column = any("_" in name for name in names)
    if not term or not (is_computed or is_column):
        return None
    return Formula(term, frozenset(names), numbers)


def _scaling(clause: str) -> Formula | None:
    if not _SCALES.search(clause):
        return None
    names = {name.lower() for name in _COLUMN.findall(clause) if "_" in name}
    doubled = {"2"} if re.search(words.DOUBLES, clause, re.IGNORECASE) else set()
    numbers = _numbers(clause) | doubled
    return Formula("", frozenset(names), frozenset(numbers)) if numbers else None


def _term(head: str) -> str:
    last = _NOT_OF_TERM.split(head.strip().strip("`\"'“”「」"))[-1]
    return _STEMS.sub("", last.lstrip(" %()（）/-")).strip().casefold()


def _numbers(text: str) -> frozenset[str]:
    """The numbers of a text as decimal texts; written-out Chinese factors count as digits, percents as their share."""
    found = {_plain(number) for number in _NUMBER.findall(text)}
    found |= {digits for word, digits in words.NUMBERS.items() if word in text}
    return frozenset(found)


def _plain(number: str) -> str:
    digits = number.rstrip("%")
    value = float(digits) / (100 if number.endswith("%") else 1)
    return f"{value:.10g}"


def _computed(sql: str) -> Formula:
    """The columns a statement names and the numbers it computes with."""
    try:
        tree = read_query(sql)
    except (Refusal, RecursionError):
        return Formula("", frozenset(), frozenset())
    names = frozenset(column.name.lower() for column in tree.find_all(exp.Column))
    numbers = {
        _plain(literal.name)
        for operation in tree.find_all(exp.Mul, exp.Div, exp.Add, exp.Sub)
        for literal in operation.find_all(exp.Literal)
        if not literal.is_string
    }
    return Formula("", names, frozenset(numbers))

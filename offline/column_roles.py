"""What a column is for, read from its type, name, comment and values; the first rule that fits decides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from common.business_schema import Column
from offline.relations import Kind, Role
from offline.text import fold, has_cjk, key
from offline.vocabulary import Vocabulary

_NO_KEYS = frozenset({"acid", "said", "raid", "mid", "hybrid", "liquid", "covid", "lid", "squid"})
_KEY_COMMENT = re.compile(r"(?:主键|(?<![a-z])id)$")
_NUMERIC = ("numeric", "decimal", "real", "double", "money")
_INTEGER = ("integer", "bigint", "smallint", "int")
_TEXT = ("character", "varchar", "text", "char", "citext", "bpchar", "name", "uuid")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_LEAST_FIGURES = 3
_FORMATS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("%Y年%m月%d日", re.compile(r"(?:19|20)\d\d年\d\d月\d\d日")),
    ("%Y年%m月", re.compile(r"(?:19|20)\d\d年\d\d月")),
    ("%Y年", re.compile(r"(?:19|20)\d\d年")),
    ("%Y-%m-%d", re.compile(r"(?:19|20)\d\d-(?:0\d|1[0-2])-[0-3]\d(?: [\d:.]+)?")),
    ("%Y/%m/%d", re.compile(r"(?:19|20)\d\d/(?:0\d|1[0-2])/[0-3]\d")),
    ("%Y-%m", re.compile(r"(?:19|20)\d\d-(?:0\d|1[0-2])")),
    ("%Y%m%d", re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])[0-3]\d")),
    ("%Y%m", re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])")),
)


@dataclass(frozen=True)
class Described:
    """A column with the words it goes by: `stem` from its name, `headline` from its comment."""

    column: Column
    stem: tuple[str, ...]
    headline: str

    @property
    def ends(self) -> tuple[str, ...]:
        """Its last word and its last two words, and the comment's headline, as keys."""
        return (key(self.stem[-1]) if self.stem else "", key(" ".join(self.stem[-2:])), key(self.headline))


def kind_of(column: Column) -> Kind:
    """The kind of a column's type; an enum is a text whose values are known."""
    name = column.data_type.lower()
    if name.endswith("[]"):
        return "array"
    for prefixes, kind in (
        (_INTEGER, "integer"), (_NUMERIC, "number"), (("timestamp",), "timestamp"), (("date",), "date"),
        (("bool",), "flag"), (_TEXT, "text"), (("time",), "time"),
    ):  # fmt: skip
        if name.startswith(prefixes) and not name.startswith("interval"):
            return kind  # type: ignore[return-value] # the literals stand in the table
    return "text" if column.values else "other"


def date_format_of(described: Described, kind: Kind) -> str:
    """How a text or whole number writes days or months, read off its values; empty when it does not."""
    if kind not in ("text", "integer") or not described.column.values:
        return _named_format(described, kind)
    sample = described.column.values[:: max(1, len(described.column.values) // 20)]
    return next((name for name, pattern in _FORMATS if all(pattern.fullmatch(value) for value in sample)), "")


def _named_format(described: Described, kind: Kind) -> str:
    if kind == "integer" and key("".join(described.stem)) in ("ym", "yearmonth", "yyyymm", "monthid", "年月"):
        return "%Y%m"
    if kind == "integer" and key("".join(described.stem)) in ("yyyymmdd", "datekey", "dateid", "datesk"):
        return "%Y%m%d"
    return ""


def role_of(described: Described, kind: Kind, vocabulary: Vocabulary, *, has_format: bool) -> Role:
    """The role of a column."""
    column = described.column
    whole = key(column.name)
    if whole in vocabulary.names("deleted_moments") or (
        whole in vocabulary.names("deleted_flags") and kind in ("flag", "integer")
    ):
        return "deleted"
    if whole in vocabulary.names("audit_columns") or key(described.headline) in vocabulary.names("audit_columns"):
        return "audit"
    if kind in ("date", "timestamp") or has_format:
        return "date"
    if kind == "flag" or _is_flag(described, kind, vocabulary):
        return "flag"
    is_whole = kind != "number" or column.is_unique
    if is_whole and _ends(described, vocabulary.names("key_endings")):
        return "key" if column.is_primary_key else "reference"
    if kind in ("number", "integer"):
        return _number_role(described, vocabulary)
    if kind not in ("text", "array"):
        return "text"
    return _text_role(described, vocabulary)


def _is_flag(described: Described, kind: Kind, vocabulary: Vocabulary) -> bool:
    """是否… and is_… with two values at most; without known values the name decides for whole numbers."""
    begins = key(described.stem[0]) if described.stem else ""
    starts = begins in vocabulary.names("flag_beginnings") or fold(described.headline).startswith("是否")
    starts = starts or fold(described.column.name).startswith("是否")
    values = {value.casefold() for value in described.column.values}
    if kind == "integer":
        return starts and (not values or values <= {"0", "1"})
    return starts and kind == "text" and 0 < len(values) <= 3


def _number_role(described: Described, vocabulary: Vocabulary) -> Role:
    if described.column.is_primary_key:
        return "key"
    ends = described.ends
    if _matches(ends, vocabulary.names("coordinate_words")):
        return "coordinate"
    if _matches(ends, vocabulary.names("ordinal_words")) and not _counts(described, vocabulary):
        return "ordinal"
    is_code = _matches(ends, vocabulary.names("code_endings") - {"number", "号"}) or _has_ending(
        described.headline, vocabulary.endings("code_endings")
    )
    if is_code and described.column.data_type.startswith(_INTEGER):
        return "code"
    if _matches(
        ends, vocabulary.names("category_endings") - {"level", "grade", "等级", "级别"}
    ) and described.column.data_type.startswith(("int", "small")):
        return "category"
    words = {key(word) for word in described.stem}
    if "总" in described.headline or words & {"total", "sum"}:
        return "measure"
    is_rate = bool(words & vocabulary.names("rate_words")) or _has_ending(
        described.headline, vocabulary.endings("rate_words")
    )
    return "rate" if is_rate or _has_ending(described.column.name, vocabulary.endings("rate_words")) else "measure"


def _counts(described: Described, vocabulary: Vocabulary) -> bool:
    """Whether a word for a time is counted: 住院天数, `days`, `num_weeks`."""
    last = described.stem[-1].casefold() if described.stem else ""
    if described.headline.endswith("数") or last in ("days", "weeks", "months", "hours", "minutes", "nights"):
        return True
    return (
        bool({key(word) for word in described.stem[:1]} & {"num", "number", "count", "total"})
        and len(described.stem) > 1
    )


def _holds_figures(described: Described, vocabulary: Vocabulary) -> bool:
    """A text whose values are all numbers, under the name of a figure."""
    values = described.column.values
    if len(values) < _LEAST_FIGURES or not all(_NUMBER.fullmatch(value) for value in values):
        return False
    words = vocabulary.names("figure_words")
    return _matches(described.ends, words) or any(
        fold(described.headline).endswith(word) for word in vocabulary.endings("figure_words") if has_cjk(word)
    )


def _text_role(described: Described, vocabulary: Vocabulary) -> Role:
    ends = described.ends
    if _holds_figures(described, vocabulary):
        return _number_role(described, vocabulary)
    if _matches(ends, vocabulary.names("label_endings")) or _has_ending(
        described.headline, vocabulary.endings("label_endings")
    ):
        return "label"
    if _matches(ends, vocabulary.names("coordinate_words")):
        return "coordinate"
    if _matches(ends, vocabulary.names("code_endings")) or _has_ending(
        described.headline, vocabulary.endings("code_endings")
    ):
        return "code"
    if _matches(ends, vocabulary.names("category_endings")) or _has_ending(
        described.headline, vocabulary.endings("category_endings")
    ):
        return "category"
    if described.column.is_primary_key:
        return "key"
    return "category" if described.column.values else "text"


def _ends(described: Described, endings: frozenset[str]) -> bool:
    """True for the name of a key: `id`, `customer_id`, `aid`, 客户ID; not for words that only end like one."""
    name, headline = fold(described.column.name), fold(described.headline)
    if (
        _matches(described.ends[:2], endings)
        or _has_ending(name, tuple(endings))
        or (name.endswith("id") and name not in _NO_KEYS)
    ):
        return not name.endswith(("paid", "void", "valid", "grid", "rapid", "solid", "fluid"))
    return bool(_KEY_COMMENT.search(headline))


def _matches(ends: Sequence[str], names: frozenset[str]) -> bool:
    return any(end in names for end in ends if end)


def _has_ending(text: str, endings: tuple[str, ...]) -> bool:
    """A Chinese ending of a longer word."""
    bare = re.sub(r"\([^()]*+\)", "", fold(text))
    return any(has_cjk(ending) and bare.endswith(ending) for ending in endings)

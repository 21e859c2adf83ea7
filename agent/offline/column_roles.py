"""What a column is for, and what people call it: read from its type, its comment and, failing those, its name.

Used by `schema_index`. A comment may carry synonyms in brackets: `支付总金额（营收、收入、销售额）`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from agent.offline.normalise import has_cjk, normalise
from agent.offline.vocabulary import Vocabulary
from common.business_schema import Column

Role = Literal["audit", "key", "code", "measure", "date", "label", "category", "text"]
MeasureKind = Literal["amount", "count", "level"]

_BRACKETS = re.compile(r"[(（]([^()（）]*)[)）]")
_SEPARATORS = re.compile(r"[、,，/|;；]|\s+或\s*|以及")
_NUMERIC = ("numeric", "decimal", "integer", "bigint", "smallint", "real", "double", "money", "int")
_TEXT = ("character", "varchar", "text", "char", "citext")
_MAX_SYNONYM = 12
MIN_ALIAS = 2


@dataclass(frozen=True)
class ColumnNames:
    """`main` is the comment's headline, `synonyms` the words in its brackets, normalised. `title` is for output."""

    main: str
    synonyms: tuple[str, ...]
    title: str


def column_names(column: Column, vocabulary: Vocabulary) -> ColumnNames:
    """The names of a column; without a comment the vocabulary or the column's own name stands in."""
    comment = column.comment.strip() or vocabulary.column_words.get(column.name.lower(), "")
    if not comment:
        words = column.name.lower().replace("_", " ")
        return ColumnNames(words, (), column.name)
    return comment_names(comment)


def comment_names(comment: str) -> ColumnNames:
    """Headline and bracketed synonyms of a comment; what follows a colon or full stop explains and is left out."""
    headline = re.split(r"[:：。;；]", comment.strip(), maxsplit=1)[0]
    head = re.split(r"[，,]", _BRACKETS.sub("", headline), maxsplit=1)[0].strip()
    inside = [part.strip() for group in _BRACKETS.findall(headline) for part in _SEPARATORS.split(group)]
    synonyms = tuple(normalise(part) for part in inside if 2 <= len(part) <= _MAX_SYNONYM and "=" not in part)
    return ColumnNames(normalise(head), synonyms, head)


def column_role(column: Column, names: ColumnNames, vocabulary: Vocabulary) -> Role:
    """The role of a column; the first rule that fits decides."""
    name, kind = column.name.lower(), column.data_type.lower()
    if name in vocabulary.audit_columns:
        return "audit"
    if kind.startswith(("date", "timestamp")):
        return "date"
    if name == "id" or name.endswith("_id") or names.main.endswith(vocabulary.key_suffixes[:1]):
        return "category" if _is_category_comment(names, vocabulary, strip_key=True) and name != "id" else "key"
    if kind.startswith(_NUMERIC):
        return (
            "category"
            if _is_category_name(name) or _is_category_comment(names, vocabulary, strip_key=True)
            else "measure"
        )
    if not kind.startswith(_TEXT):
        return "category" if kind.startswith("bool") else "text"
    return _text_role(column, name, names, vocabulary)


def _text_role(column: Column, name: str, names: ColumnNames, vocabulary: Vocabulary) -> Role:
    if name.endswith(("_no", "_code")) or name in {"code", "no"} or names.main.endswith(vocabulary.code_suffixes):
        return "code"
    if name.endswith(("name", "title")) or names.main.endswith(vocabulary.label_suffixes):
        return "label"
    return "category" if column.values or _is_category_name(name) else "text"


def _is_category_name(name: str) -> bool:
    return name.endswith(("_type", "_state", "_status", "_flag", "_kind", "_level")) or name in {
        "type",
        "status",
        "state",
    }


def _is_category_comment(names: ColumnNames, vocabulary: Vocabulary, *, strip_key: bool) -> bool:
    main = names.main
    if strip_key:
        main = re.sub(r"(?:id|主键)$", "", main).strip()
    return main.endswith(vocabulary.category_suffixes)


def measure_kind(column: Column, names: ColumnNames, vocabulary: Vocabulary) -> MeasureKind:
    """Whether a number is money, a count or a level that is averaged rather than summed (a score, an age)."""
    words = (names.main, *names.synonyms)
    if any(word.endswith(vocabulary.average_words) for word in words):
        return "level"
    is_whole = column.data_type.lower().startswith(("integer", "bigint", "smallint"))
    if is_whole or any(word.endswith(vocabulary.count_suffixes) and not word.endswith("金额") for word in words):
        return "count"
    return "amount"


def strip_suffix(word: str, suffixes: tuple[str, ...]) -> str:
    """`word` without the longest of `suffixes` (given longest first); unchanged when none fits."""
    return next((word[: -len(suffix)] for suffix in suffixes if word.endswith(suffix)), word)


def measure_aliases(column: Column, names: ColumnNames, vocabulary: Vocabulary) -> frozenset[str]:
    """Every phrase that means this measure: its stem with all endings of its kind, and all synonyms.

    `支付总金额` has no stem and answers to its synonyms; `微信支付金额` answers to 微信, 微信支付, 微信收入.
    """
    kind = measure_kind(column, names, vocabulary)
    suffixes = vocabulary.amount_suffixes if kind == "amount" else vocabulary.count_suffixes
    aliases: set[str] = {column.name.lower()}
    for word in (names.main, *names.synonyms):
        aliases |= vocabulary.synonyms_of(word)
        stem = strip_suffix(word, suffixes)
        if kind == "level" or stem == word or len(stem) < MIN_ALIAS or not has_cjk(stem):
            continue
        aliases |= {stem, *(stem + suffix for suffix in suffixes if has_cjk(suffix))}
    return frozenset(alias for alias in aliases if len(alias) >= MIN_ALIAS)


def measure_stem(column: Column, names: ColumnNames, vocabulary: Vocabulary) -> tuple[str, str]:
    """The measure's own word and the ending it shares with its siblings: `微信订单数量` -> (`微信`, `订单数量`).

    The ending is found by the caller; here the count or amount ending is cut off.
    """
    kind = measure_kind(column, names, vocabulary)
    suffixes = vocabulary.amount_suffixes if kind == "amount" else vocabulary.count_suffixes
    stem = strip_suffix(names.main, suffixes)
    return stem, names.main[len(stem) :]


def concept_aliases(role: Role, names: ColumnNames, table_concept: str, vocabulary: Vocabulary) -> frozenset[str]:
    """Every phrase that means this non-numeric column: the comment, also without its ending or the table's noun."""
    aliases: set[str] = set()
    for word in (names.main, *names.synonyms):
        aliases |= vocabulary.synonyms_of(word)
        if role == "label":
            aliases |= vocabulary.synonyms_of(strip_suffix(word, vocabulary.label_suffixes))
        elif role == "category":
            aliases.add(strip_suffix(word, ("id", "名称")))
            stem = strip_suffix(strip_suffix(word, ("id",)), vocabulary.category_suffixes)
            if len(stem) >= 2 and word != stem and stem != table_concept:
                aliases |= vocabulary.synonyms_of(stem)
        elif role == "code":
            stem = strip_suffix(word, vocabulary.code_suffixes)
            aliases |= {head + suffix for suffix in ("编码", "编号", "代码") for head in (stem, "") if stem != word}
        if table_concept and word.startswith(table_concept) and len(word) - len(table_concept) >= 2:
            aliases.add(word[len(table_concept) :])
    return frozenset(alias for alias in aliases if len(alias) >= MIN_ALIAS)

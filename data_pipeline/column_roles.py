"""What a column is for and what people call it: read from type, name, comment. Used by the offline texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from data_pipeline.identifiers import one_line
from data_pipeline.samples import is_text, is_whole_number
from data_pipeline.schema_reader import BusinessTable, TableColumn

Role = Literal["audit", "key", "code", "measure", "date", "label", "category", "other"]

_FILE: Final = Path(__file__).with_name("vocabulary.yaml")
_NUMBERS: Final = ("numeric", "decimal", "smallint", "integer", "bigint", "real", "double", "money")
_HEADLINE_END: Final = re.compile(r"[:：。;；]")
_BRACKETS: Final = re.compile(r"[(（]([^()（）]*)[)）]")
_LONGEST_NOUN: Final = 30


@dataclass(frozen=True)
class Vocabulary:
    """The lists of `vocabulary.yaml`."""

    audit_columns: frozenset[str]
    deletion_times: frozenset[str]
    deletion_flags: frozenset[str]
    label_names: tuple[str, ...]
    code_names: tuple[str, ...]
    category_names: tuple[str, ...]
    key_names: tuple[str, ...]
    level_words: tuple[str, ...]
    no_measures: tuple[str, ...]
    table_suffixes: tuple[str, ...]
    table_prefixes: tuple[str, ...]
    label_suffixes: tuple[str, ...]


@cache
def vocabulary() -> Vocabulary:
    """Read once."""
    lists: dict[str, list[str]] = yaml.safe_load(_FILE.read_text("utf-8"))
    sets = ("audit_columns", "deletion_times", "deletion_flags")
    members: dict[str, Any] = {name: (frozenset if name in sets else tuple)(words) for name, words in lists.items()}
    return Vocabulary(**members)


def headline(comment: str, fallback: str) -> str:
    """The comment's own name for the thing: without brackets, up to a colon; `fallback` when it says nothing."""
    head = _BRACKETS.sub("", _HEADLINE_END.split(one_line(comment), maxsplit=1)[0])
    head = re.split(r"[，,]", head, maxsplit=1)[0].strip()
    return head[:_LONGEST_NOUN] or one_line(fallback.replace("_", " "))[:_LONGEST_NOUN]


def synonyms(comment: str) -> tuple[str, ...]:
    """The words in the brackets of a comment's headline."""
    head = _HEADLINE_END.split(one_line(comment), maxsplit=1)[0]
    words = [word.strip() for group in _BRACKETS.findall(head) for word in re.split(r"[、,，/|]", group)]
    return tuple(word for word in words if 2 <= len(word) <= 12)


def column_title(column: TableColumn) -> str:
    """What people call the column."""
    return headline(column.comment, column.name)


def table_noun(table: BusinessTable) -> str:
    """What people call one thing, or the matter, the table is about."""
    noun = headline(table.comment, table.name)
    words = vocabulary()
    for suffix in words.table_suffixes:
        if noun.endswith(suffix) and len(noun) >= len(suffix) + 2:
            noun = noun[: -len(suffix)]
            break
    for prefix in words.table_prefixes:
        if noun.startswith(prefix) and len(noun) >= len(prefix) + 2:
            noun = noun[len(prefix) :]
    return noun


def label_noun(column: TableColumn) -> str:
    """What a naming column names: its title without the ending for names."""
    title = column_title(column)
    return next(
        (title[: -len(end)] for end in vocabulary().label_suffixes if title.endswith(end) and title != end), title
    )


def is_date(column: TableColumn) -> bool:
    """Whether it holds days or moments."""
    return column.data_type.lower().startswith(("date", "timestamp"))


def column_role(column: TableColumn) -> Role:
    """The first rule that fits decides."""
    words, name, title = vocabulary(), column.name.lower(), column_title(column)
    kind = column.data_type.lower()
    if name in words.audit_columns:
        return "audit"
    if is_date(column):
        return "date"
    if column.is_foreign_key or column.is_primary_key or _ends(name, title, words.key_names):
        return "key"
    if kind.startswith(_NUMBERS):
        if _ends(name, title, words.category_names):
            return "category"
        return "other" if _ends(name, title, (*words.no_measures, *words.code_names)) else "measure"
    if not is_text(column):
        return "category" if kind.startswith("bool") else "other"
    if _ends(name, title, words.label_names):
        return "label"
    if _ends(name, title, words.code_names):
        return "code"
    return "category" if column.enum_values or _ends(name, title, words.category_names) else "other"


def may_be_enumeration(column: TableColumn) -> bool:
    """Whether looking for its few values is worth while."""
    role = column_role(column)
    if is_text(column):
        return role in ("category", "other", "label")
    return is_whole_number(column) and role == "category"


def is_level(column: TableColumn) -> bool:
    """Whether the number is averaged rather than added up."""
    return _ends(column.name.lower(), column_title(column), vocabulary().level_words)


def live_rows(table: BusinessTable, quoted: str = "") -> str:
    """The SQL condition that leaves deleted rows out, empty when the table knows none.

    Args:
        quoted: an alias to put before the column.
    """
    words, prefix = vocabulary(), f"{quoted}." if quoted else ""
    for column in table.columns:
        if column.name in words.deletion_times and is_date(column):
            return f"{prefix}{column.name} IS NULL"
        if column.name in words.deletion_flags:
            kind = column.data_type.lower()
            if kind.startswith("bool"):
                return f"{prefix}{column.name} IS NOT TRUE"
            if is_whole_number(column):
                return f"{prefix}{column.name} = 0"
    return ""


def _ends(name: str, title: str, endings: tuple[str, ...]) -> bool:
    return any(
        name == end or (end.startswith("_") and name.endswith(end)) or (not end.isascii() and title.endswith(end))
        or (end == "name" and name.endswith("name"))
        for end in endings
    )  # fmt: skip

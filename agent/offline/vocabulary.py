"""The language data of the offline engine, read once from the YAML files beside this module.

`load_vocabulary` is called by `OfflineBrain`; every other module receives the finished `Vocabulary`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

VOCABULARY_FILE = Path(__file__).with_name("vocabulary.yaml")


@dataclass(frozen=True)
class Vocabulary:
    """Words by tag, and the rules that give a column its names and its role.

    `words` maps a lower-case word to its tag; noise has the tag `noise`, refusing words the tag `blocking`.
    """

    words: Mapping[str, str]
    synonyms: tuple[frozenset[str], ...]
    derived: Mapping[str, tuple[str, str]]
    per_units: Mapping[str, tuple[str, int]]
    families: tuple[str, ...]
    amount_suffixes: tuple[str, ...]
    count_suffixes: tuple[str, ...]
    average_words: tuple[str, ...]
    label_suffixes: tuple[str, ...]
    category_suffixes: tuple[str, ...]
    code_suffixes: tuple[str, ...]
    key_suffixes: tuple[str, ...]
    table_suffixes: tuple[str, ...]
    table_prefixes: tuple[str, ...]
    audit_columns: frozenset[str]
    created_columns: frozenset[str]
    updated_columns: frozenset[str]
    deleted_columns: frozenset[str]
    column_words: Mapping[str, str]
    holidays: Mapping[str, Mapping[str, Any]]
    vague: frozenset[str]

    def synonyms_of(self, word: str) -> frozenset[str]:
        """All words of the groups `word` belongs to, itself included."""
        found = {word}
        for group in self.synonyms:
            if word in group:
                found |= group
        return frozenset(found)


def load_vocabulary(path: Path = VOCABULARY_FILE) -> Vocabulary:
    """Read the vocabulary file.

    Raises:
        OSError, yaml.YAMLError, KeyError: the file is missing, broken or lacks a section.
    """
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    words = {str(word).lower(): tag for tag, entries in data["words"].items() for word in entries}
    words.update({str(word).lower(): "noise" for word in data["noise"] if str(word).lower() not in words})
    words.update({str(word).lower(): "blocking" for word in data["blocking"]})

    def longest_first(section: str) -> tuple[str, ...]:
        return tuple(sorted((str(word).lower() for word in data[section]), key=len, reverse=True))

    def names(section: str) -> frozenset[str]:
        return frozenset(str(word).lower() for word in data[section])

    return Vocabulary(
        words=words,
        synonyms=tuple(frozenset(str(word).lower() for word in group) for group in data["synonyms"]),
        derived={name.lower(): (pair[0], pair[1]) for name, pair in data["derived"].items()},
        per_units={name.lower(): (unit[0], int(unit[1])) for name, unit in data["per_units"].items()},
        families=longest_first("families"),
        amount_suffixes=longest_first("amount_suffixes"),
        count_suffixes=longest_first("count_suffixes"),
        average_words=longest_first("average_words"),
        label_suffixes=longest_first("label_suffixes"),
        category_suffixes=longest_first("category_suffixes"),
        code_suffixes=longest_first("code_suffixes"),
        key_suffixes=longest_first("key_suffixes"),
        table_suffixes=longest_first("table_suffixes"),
        table_prefixes=longest_first("table_prefixes"),
        audit_columns=names("audit_columns"),
        created_columns=names("created_columns"),
        updated_columns=names("updated_columns"),
        deleted_columns=names("deleted_columns"),
        column_words=dict(data["column_words"]),
        holidays=data["holidays"],
        vague=names("vague"),
    )

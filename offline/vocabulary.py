"""The language data of the engine, read once from the YAML files in `words/`; every other module receives it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from offline.text import fold, key

WORDS_FOLDER = Path(__file__).with_name("words")


@dataclass(frozen=True)
class Adjective:
    """A word that stands for a column: the keys of the names to look for, and whether it ranks from the top."""

    names: tuple[str, ...]
    is_high: bool


@dataclass(frozen=True)
class Derived:
    """A figure made of two others, by the keys of their words; without `upper` it divides the figure beside it."""

    upper: tuple[str, ...]
    lower: tuple[str, ...]


@dataclass(frozen=True)
class Vocabulary:
    """Form words by key, synonyms by key, adjectives by key, and the naming rules of databases."""

    tags: Mapping[str, frozenset[str]]
    synonyms: Mapping[str, Mapping[str, float]]
    adjectives: Mapping[str, tuple[Adjective, ...]]
    derived: Mapping[str, Derived]
    naming: Mapping[str, Any]
    holidays: Mapping[str, Mapping[str, Any]]
    pinyin: tuple[Mapping[str, Any], ...] = ()

    def names(self, section: str) -> frozenset[str]:
        """A list of the naming rules, as keys."""
        return self._names[section]

    def endings(self, section: str) -> tuple[str, ...]:
        """A list of the naming rules, folded, longest first."""
        return self._endings[section]

    @cached_property
    def _lists(self) -> dict[str, list[str]]:
        return {
            section: [str(word) for word in words]
            for section, words in self.naming.items()
            if isinstance(words, list) and all(isinstance(word, (str, bool)) for word in words)
        }

    @cached_property
    def _names(self) -> dict[str, frozenset[str]]:
        return {section: frozenset(map(key, words)) for section, words in self._lists.items()}

    @cached_property
    def _endings(self) -> dict[str, tuple[str, ...]]:
        return {
            section: tuple(sorted(map(fold, words), key=len, reverse=True)) for section, words in self._lists.items()
        }

    @cached_property
    def nouns(self) -> frozenset[str]:
        """Chinese words for what tables are about."""
        words = frozenset(str(word) for row in self.pinyin if row["kind"] == "thing" for word in row["words"])
        return words - set(self.endings("table_endings")) - set(self.endings("part_endings"))

    @cached_property
    def longest_synonym(self) -> int:
        return max(map(len, self.synonyms))


def load_vocabulary(folder: Path = WORDS_FOLDER) -> Vocabulary:
    """Read the files of `folder`.

    Raises:
        OSError, yaml.YAMLError, KeyError: a file is missing, broken or lacks a member.
    """
    tags: dict[str, set[str]] = defaultdict(set)
    for row in _read(folder / "grammar.yaml"):
        for word in row["words"]:
            tags[key(str(word)) or fold(str(word))].add(row["tag"])
    return Vocabulary(
        tags={word: frozenset(found) for word, found in tags.items()},
        synonyms=_synonyms(_read(folder / "synonyms.yaml")),
        adjectives=_adjectives(_read(folder / "adjectives.yaml")),
        derived=_derived(_read(folder / "derived.yaml")),
        naming=_read(folder / "naming.yaml"),
        holidays={fold(str(name)): days for name, days in _read(folder / "calendar.yaml")["holidays"].items()},
        pinyin=tuple(_read(folder / "pinyin.yaml")),
    )


def _read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders


def _synonyms(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows:
        group = [key(str(word)) for word in row["words"]]
        for word in group:
            for other in group:
                if other != word:
                    found[word][other] = max(found[word].get(other, 0.0), float(row["strength"]))
    return dict(found)


def _derived(rows: list[dict[str, Any]]) -> dict[str, Derived]:
    found: dict[str, Derived] = {}
    for row in rows:
        meaning = Derived(tuple(map(key, row.get("upper", ()))), tuple(map(key, row["lower"])))
        found.update({key(str(word)): meaning for word in row["words"]})
    return found


def _adjectives(rows: list[dict[str, Any]]) -> dict[str, tuple[Adjective, ...]]:
    found: dict[str, list[Adjective]] = defaultdict(list)
    for row in rows:
        meaning = Adjective(tuple(key(str(name)) for name in row["names"]), bool(row["is_high"]))
        for word in row["words"]:
            found[key(str(word))].append(meaning)
    return {word: tuple(meanings) for word, meanings in found.items()}

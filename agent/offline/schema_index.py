"""The business schema as the offline engine thinks of it: roles, names, values, owners of concepts.

Built once per schema by `OfflineBrain`; the scanner looks phrases up in it, the planner asks it about columns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.offline.column_roles import (
    MIN_ALIAS,
    ColumnNames,
    MeasureKind,
    Role,
    column_names,
    column_role,
    comment_names,
    concept_aliases,
    measure_aliases,
    measure_kind,
    strip_suffix,
)
from agent.offline.normalise import common_prefix, normalise
from agent.offline.vocabulary import Vocabulary
from common.business_schema import BusinessSchema, Column, Table

_MIN_VALUE, _MAX_VALUE = 2, 40


@dataclass(frozen=True)
class IndexedColumn:
    """A column with its role and names. `concept` is the noun a label column stands for, else its headline."""

    table: str
    column: Column
    role: Role
    names: ColumnNames
    concept: str
    kind: MeasureKind | None = None

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def key(self) -> tuple[str, str]:
        return self.table, self.column.name

    @property
    def title(self) -> str:
        """What the column is called in output."""
        return self.names.title

    @property
    def is_text(self) -> bool:
        return self.column.data_type.lower().startswith(("character", "varchar", "text", "char"))

    @property
    def is_timestamp(self) -> bool:
        return self.column.data_type.lower().startswith("timestamp")


@dataclass(frozen=True)
class IndexedTable:
    """A table with its columns. `stem` is its name without the prefix all tables share; `concept` what it is about."""

    table: Table
    stem: str
    concept: str
    synonyms: tuple[str, ...]
    columns: tuple[IndexedColumn, ...]

    @property
    def name(self) -> str:
        return self.table.name

    def column(self, name: str) -> IndexedColumn | None:
        return next((column for column in self.columns if column.name == name), None)

    def with_role(self, *roles: Role) -> Iterator[IndexedColumn]:
        return (column for column in self.columns if column.role in roles)

    @property
    def is_fact(self) -> bool:
        """True when rows are observations: the table has a date and a number of its own."""
        return any(self.with_role("date")) and any(self.with_role("measure"))


@dataclass(frozen=True)
class ValueMatch:
    """A value of a column that a phrase names; `is_partial` when only a part of the value was said."""

    column: IndexedColumn
    value: str
    is_partial: bool = False


class SchemaIndex:
    """Phrase tables over one schema: `measures`, `concepts`, `tables_by_phrase`, `values`; phrases are normalised."""

    def __init__(self, schema: BusinessSchema, vocabulary: Vocabulary) -> None:
        self.schema = schema
        self.vocabulary = vocabulary
        prefix = _common_prefix([table.name for table in schema.tables])
        self.tables = tuple(self._index_table(table, prefix) for table in schema.tables)
        self._by_name = {table.name: table for table in self.tables}
        self.measures: Mapping[str, list[IndexedColumn]] = self._index_measures()
        self.concepts: Mapping[str, list[IndexedColumn]] = self._index_concepts()
        self.tables_by_phrase: Mapping[str, list[IndexedTable]] = self._index_table_phrases()
        self.values: Mapping[str, list[ValueMatch]] = self._index_values()
        self.longest_phrase = max(
            (
                len(phrase)
                for table in (self.measures, self.concepts, self.values, self.tables_by_phrase)
                for phrase in table
            ),
            default=1,
        )
        self._owners: dict[str, IndexedTable | None] = {}

    def table(self, name: str) -> IndexedTable:
        return self._by_name[name]

    def deleted_column(self, table: str) -> IndexedColumn | None:
        """The soft-delete timestamp of a table, if it has one."""
        return self._named(table, self.vocabulary.deleted_columns)

    def created_column(self, table: str) -> IndexedColumn | None:
        return self._named(table, self.vocabulary.created_columns)

    def updated_column(self, table: str) -> IndexedColumn | None:
        return self._named(table, self.vocabulary.updated_columns)

    def date_column(self, table: str) -> IndexedColumn | None:
        """The day a row of this table is about: its first date, else its first timestamp that is no audit column."""
        dates = list(self.table(table).with_role("date"))
        return next((column for column in dates if not column.is_timestamp), dates[0] if dates else None)

    def label_of(self, table: IndexedTable) -> IndexedColumn | None:
        """The column that names a row of this table."""
        labels = list(table.with_role("label"))
        scored = sorted(labels, key=lambda column: -_label_score(table, column))
        return scored[0] if scored else None

    def owner(self, concept: str) -> IndexedTable | None:
        """The table whose rows are the things `concept` names, or None."""
        if concept not in self._owners:
            scored = [
                (_owner_score(table, column), table)
                for table in self.tables
                for column in table.with_role("label")
                if column.concept == concept
            ]
            best = max(scored, key=lambda pair: pair[0], default=(0, None))
            self._owners[concept] = best[1] if best[0] > 0 else None
        return self._owners[concept]

    def _named(self, table: str, names: frozenset[str]) -> IndexedColumn | None:
        return next((column for column in self.table(table).columns if column.name.lower() in names), None)

    def _index_table(self, table: Table, prefix: str) -> IndexedTable:
        words = self.vocabulary
        stem = table.name[len(prefix) :] or table.name
        names_of_table = comment_names(table.comment)
        concept = names_of_table.main
        concept = strip_suffix(concept, words.table_suffixes) or stem.replace("_", " ")
        columns = []
        for column in table.columns:
            names = column_names(column, words)
            role = column_role(column, names, words)
            label = strip_suffix(names.main, words.label_suffixes) if role == "label" else names.main
            kind = measure_kind(column, names, words) if role == "measure" else None
            columns.append(IndexedColumn(table.name, column, role, names, label.strip() or concept, kind))
        return IndexedTable(table, stem, concept, names_of_table.synonyms, tuple(columns))

    def _all_columns(self) -> Iterator[tuple[IndexedTable, IndexedColumn]]:
        return ((table, column) for table in self.tables for column in table.columns)

    def _index_measures(self) -> dict[str, list[IndexedColumn]]:
        found: defaultdict[str, list[IndexedColumn]] = defaultdict(list)
        for _, column in self._all_columns():
            if column.role == "measure":
                for alias in measure_aliases(column.column, column.names, self.vocabulary):
                    found[alias].append(column)
        return dict(found)

    def _index_concepts(self) -> dict[str, list[IndexedColumn]]:
        found: defaultdict[str, list[IndexedColumn]] = defaultdict(list)
        for table, column in self._all_columns():
            if column.role in ("label", "category", "code", "text"):
                for alias in concept_aliases(column.role, column.names, table.concept, self.vocabulary):
                    found[alias].append(column)
                for spelling in _spellings(column.name) - set(found):
                    found[spelling].append(column)
        for table in self.tables:
            if (
                not table.is_fact
                and (label := self.label_of(table))
                and (label.concept == table.concept or label.name in ("name", "title"))
            ):
                for phrase in {table.concept, *table.synonyms, *_spellings(table.stem)}:
                    if len(phrase) >= MIN_ALIAS and label not in found[phrase]:
                        found[phrase].append(label)
        return dict(found)

    def _index_table_phrases(self) -> dict[str, list[IndexedTable]]:
        found: defaultdict[str, list[IndexedTable]] = defaultdict(list)
        for table in self.tables:
            if not any(table.with_role("label", "category", "measure", "date")):
                found[table.name.lower()].append(table)
                continue
            phrases = {table.concept, *table.synonyms, table.name.lower(), *_spellings(table.stem)}
            for table_prefix in self.vocabulary.table_prefixes:
                if table.concept.startswith(table_prefix):
                    phrases.add(table.concept[len(table_prefix) :])
            phrases |= {
                phrase + suffix for phrase in set(phrases) for suffix in ("数据", "信息") if not phrase.endswith(suffix)
            }
            for phrase in phrases:
                if len(phrase) >= _MIN_VALUE:
                    found[phrase].append(table)
        return dict(found)

    def _index_values(self) -> dict[str, list[ValueMatch]]:
        found: defaultdict[str, list[ValueMatch]] = defaultdict(list)
        for _, column in self._all_columns():
            if column.role in ("audit", "key") or not column.is_text:
                continue
            suffixes = _shared_suffixes(column)
            for value in column.column.values:
                phrase = normalise(value)
                if not _MIN_VALUE <= len(phrase) <= _MAX_VALUE:
                    continue
                found[phrase].append(ValueMatch(column, value))
                for suffix in suffixes:
                    part = phrase[: -len(suffix)]
                    if phrase.endswith(suffix) and len(part) >= _MIN_VALUE:
                        found[part].append(ValueMatch(column, value, is_partial=True))
        return dict(found)


def _spellings(name: str) -> set[str]:
    """A name as people write it: with spaces, in the singular and the plural."""
    words = name.lower()
    spaced = words.replace("_", " ")
    singular = spaced.removesuffix("s")
    return {words, spaced, singular, singular + "s"}


def _common_prefix(names: list[str]) -> str:
    if len(names) < 2:
        return ""
    prefix = common_prefix(names)
    return prefix[: prefix.rfind("_") + 1]


def _shared_suffixes(column: IndexedColumn) -> list[str]:
    """Endings of two to four characters that several values share, such as 服务区 or 分公司, and the concept itself."""
    values = [normalise(value) for value in column.column.values if len(value) > _MIN_VALUE]
    needed = max(2, len(values) // 5)
    counts: defaultdict[str, int] = defaultdict(int)
    for value in values:
        for length in (2, 3, 4):
            if len(value) > length:
                counts[value[-length:]] += 1
    if column.role not in ("label", "category"):
        return []
    frequent = {suffix for suffix, count in counts.items() if count >= needed}
    longest = {
        suffix
        for suffix in frequent
        if not any(o != suffix and o.endswith(suffix) and counts[o] == counts[suffix] for o in frequent)
    }
    concept = {column.concept} if any(value.endswith(column.concept) for value in values) else set()
    return sorted(longest | concept, key=len, reverse=True)


def _label_score(table: IndexedTable, column: IndexedColumn) -> int:
    name_stem = column.name.lower().removesuffix("_name").removesuffix("name")
    score = 0
    if table.stem.lower().startswith(name_stem) or table.stem.lower().rstrip("s") == name_stem:
        score += 2
    if column.concept and column.concept in table.concept:
        score += 2
    return score


def _owner_score(table: IndexedTable, column: IndexedColumn) -> int:
    name_stem = column.name.lower().removesuffix("_name").removesuffix("name")
    stem = table.stem.lower()
    score = 0
    if name_stem in (stem, stem.rstrip("s")) or (not name_stem and table.concept == column.concept):
        score += 4
    elif stem.startswith(name_stem):
        score += 1
    if table.concept == column.concept:
        score += 3
    elif table.concept.endswith(column.concept) or table.concept.startswith(column.concept):
        score += 2
    points_away = any(
        other.role == "key" and column.concept in other.names.main and other.name != "id" for other in table.columns
    )
    if table.is_fact or points_away:
        score -= 4
    return score

"""Finds the tables and columns of a large schema that a question is about. Used when a prompt is put together.

Words are the bigrams and identifiers of `core.vector_store.lexical`; a word counts the more, the fewer tables have it.
"""

from __future__ import annotations

import math
import re
import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from common.answering import SqlRequest
from common.business_schema import BusinessSchema, Column, Described, Join, Table
from core.prompt_values import PromptValues
from core.vector_store.lexical import bigrams

_KEPT_SCHEMAS: Final = 4
_TABLE_WEIGHT: Final = 3.0
_COLUMN_WEIGHT: Final = 1.0
_VALUE_WEIGHT: Final = 4.0
_EXAMPLE_WEIGHT: Final = 60.0
_CONTEXT_SHARE: Final = 0.3
_LEAST_VALUE_CHARS: Final = 2
_BRIDGED_TABLES: Final = 6
_NAME: Final = re.compile(r"\w+")
_WORDLESS: Final = re.compile(r"[0-9a-fA-F-]{16,}|[-+\d.,:;\s]{9,}")
_LEAST_ALIKE: Final = 3
_LEAST_OVERLAP: Final = 3
_CONTAINED_SHARE: Final = 0.9


@dataclass(frozen=True)
class Relevance:
    """Tables, most relevant first; `scores` by table name, absent for those nothing speaks for."""

    tables: tuple[Table, ...]
    scores: dict[str, float]
    words: frozenset[str]
    text: str

    def speaks_for(self, column: Column) -> bool:
        """Whether the question names the column or one of its values."""
        own = set(bigrams(f"{column.name} {column.comment}"))
        return bool(own & self.words) or any(value in self.text for value in self.values(column))

    def values(self, column: Column) -> list[str]:
        """The column's values that the question names."""
        return [value for value in column.values if len(value) >= _LEAST_VALUE_CHARS and value in self.text]


def have_words(values: Sequence[str]) -> bool:
    """Whether some of them say anything to a reader; hashes, coordinates and the like do not."""
    return not all(map(_WORDLESS.fullmatch, values))


class SchemaRanking:
    """Built once for a schema; threads share it.

    Attributes:
        joins: declared ones, and those that names or values make likely.
        keys: names of the columns that tables are joined by.
        alike: what describes the columns, without values to show, that more than half of the tables have alike.

    Args:
        values: which columns' stored values may be shown.
    """

    def __init__(self, schema: BusinessSchema, values: PromptValues) -> None:
        self.schema = schema
        self._by_word: defaultdict[str, dict[int, float]] = defaultdict(dict)
        self._by_value: defaultdict[str, set[int]] = defaultdict(set)
        self._place = {table.name: number for number, table in reversed(list(enumerate(schema.tables)))}
        for number, table in enumerate(schema.tables):
            self._learn(number, table)
        named = schema.joins + tuple(_likely_joins(schema))
        self.joins = named + tuple(_joins_by_values(schema, {_tables_of(join) for join in named}))
        self.keys = frozenset(name for join in self.joins for name in (join.column, join.target_column))
        self.alike = _columns_alike(schema, values)
        self._values = values
        self._shown: dict[tuple[str, str, str], bool] = {}
        self._having_all = frozenset(
            (table.schema, table.name)
            for table in schema.tables
            if self.alike and self.alike <= {column.described for column in table}
        )

    def has_all_alike(self, table: Table) -> bool:
        """Whether the table has every column of `alike`; False when there is none."""
        return (table.schema, table.name) in self._having_all

    def shows_values(self, table: Table, column: Column) -> bool:
        """Whether the column's stored values say something and may be shown; decided once for each of the schema."""
        name = (table.schema, table.name, column.name)
        known = self._shown.get(name)
        if known is None:
            known = self._shown[name] = have_words(column.values) and self._values.shows(table, column)
        return known

    def rank(self, request: SqlRequest) -> Relevance:
        """Every table of the schema; those that join the best ones with each other follow right after them."""
        text = f"{request.context}\n{request.question}"
        asked = bigrams(request.question)
        scores = self._scores(asked, 1.0)
        scores.update(self._scores([word for word in bigrams(request.context) if word not in asked], _CONTEXT_SHARE))
        for value, numbers in self._by_value.items():
            if value in text:
                scores.update(dict.fromkeys(numbers, _VALUE_WEIGHT + len(value)))
        for pair in request.pairs:
            named = {self._place[word] for word in _NAME.findall(pair.sql) if word in self._place}
            scores.update(dict.fromkeys(named, _EXAMPLE_WEIGHT * max(pair.score, 0.1)))
        order = sorted(range(len(self.schema.tables)), key=lambda number: -scores.get(number, 0.0))
        order = self._with_bridges(order)
        tables = self.schema.tables
        return Relevance(
            tuple(tables[number] for number in order),
            {tables[number].name: score for number, score in scores.items() if score > 0},
            frozenset(bigrams(text)),
            text,
        )

    def joins_among(self, names: Iterable[str]) -> list[Join]:
        """The joins both of whose tables are named, those of the tables named first before others."""
        places = {name: place for place, name in enumerate(names)}
        among = [join for join in self.joins if join.table in places and join.target in places]
        return sorted(among, key=lambda join: max(places[join.table], places[join.target]))

    def _learn(self, number: int, table: Table) -> None:
        for column in table:
            for word in bigrams(f"{column.name} {column.comment}"):
                self._by_word[word].setdefault(number, _COLUMN_WEIGHT)
            for value in column.values:
                if len(value) >= _LEAST_VALUE_CHARS:
                    self._by_value[value].add(number)
        for word in bigrams(f"{table.name} {table.comment}"):
            self._by_word[word][number] = _TABLE_WEIGHT

    def _scores(self, words: Sequence[str], share: float) -> Counter[int]:
        scores: Counter[int] = Counter()
        count = len(self.schema.tables)
        for word in words:
            found = self._by_word.get(word)
            if found:
                rarity = share * math.log(1 + count / len(found))
                for number, weight in found.items():
                    scores[number] += weight * rarity  # type: ignore[assignment]
        return scores

    def _with_bridges(self, order: list[int]) -> list[int]:
        """The order, with tables that join two of the first ones moved up behind these."""
        first = set(order[:_BRIDGED_TABLES])
        neighbours: defaultdict[int, set[int]] = defaultdict(set)
        for join in self.joins:
            left, right = self._place[join.table], self._place[join.target]
            neighbours[left].add(right)
            neighbours[right].add(left)
        linked = {number for number in first if neighbours[number] & first}
        loose = first - linked
        bridges = [
            number
            for number in order[_BRIDGED_TABLES:]
            if len(neighbours[number] & first) > 1 and neighbours[number] & loose
        ]
        moved = set(bridges[:_BRIDGED_TABLES])
        head, tail = order[:_BRIDGED_TABLES], [number for number in order[_BRIDGED_TABLES:] if number not in moved]
        return [*head, *bridges[:_BRIDGED_TABLES], *tail]


class SchemaRankings:
    """The rankings of the schemas in use, each built once.

    Args:
        values: as for `SchemaRanking`.
    """

    def __init__(self, values: PromptValues) -> None:
        self._values = values
        self._lock = threading.Lock()
        self._known: OrderedDict[int, SchemaRanking] = OrderedDict()

    def of(self, schema: BusinessSchema) -> SchemaRanking:
        """The ranking of exactly this object; an equal one read later is learned anew."""
        with self._lock:
            known = self._known.get(id(schema))
            if known is None or known.schema is not schema:
                known = self._known[id(schema)] = SchemaRanking(schema, self._values)
            self._known.move_to_end(id(schema))
            while len(self._known) > _KEPT_SCHEMAS:
                self._known.popitem(last=False)
            return known


def _likely_joins(schema: BusinessSchema) -> Iterable[Join]:
    """Joins nobody declared: a column called like another table's only key, or `<table>_id` to that table's id."""
    declared = {(join.table, join.column) for join in schema.joins}
    owners: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for table in schema.tables:
        keys = [column.name for column in table if column.is_primary_key]
        if len(keys) == 1:
            names = {table.name, table.name.partition("_")[2]} - {""}
            called = {f"{name}_{keys[0]}" for name in names} | ({keys[0]} if keys[0] != "id" else set())
            for name in called:
                owners[name].append((table.name, keys[0]))
    for table in schema.tables:
        for column in table:
            found = [owner for owner in owners.get(column.name, ()) if owner != (table.name, column.name)]
            if len(found) == 1 and (table.name, column.name) not in declared:
                yield Join(table.name, column.name, *found[0])


def _joins_by_values(schema: BusinessSchema, joined: set[frozenset[str]]) -> Iterable[Join]:
    """Joins neither declared nor named alike: a column whose values are nearly all those of another's unique ones.

    Args:
        joined: pairs of tables that need no further join.
    """
    keys = _KeysByValue(schema)
    for table in schema.tables:
        best: dict[str, tuple[tuple[bool, float], Join]] = {}
        for column in table:
            if column.is_unique or len(column.values) < _LEAST_OVERLAP:
                continue
            for worth, target, key in keys.holding(column.values):
                is_better = target.name not in best or worth > best[target.name][0]
                if is_better and target is not table and frozenset((table.name, target.name)) not in joined:
                    join = Join(table.name, column.name, target.name, key.name, (), table.schema, target.schema)
                    best[target.name] = (worth, join)
        yield from (join for _, join in best.values())


class _KeysByValue:
    """The unique columns of a schema whose values are known, found by their values."""

    def __init__(self, schema: BusinessSchema) -> None:
        self._keys = [
            (table, column, frozenset(column.values))
            for table in schema.tables
            for column in table
            if column.is_unique and len(column.values) >= _LEAST_OVERLAP
        ]
        self._numbers: defaultdict[str, list[int]] = defaultdict(list)
        for number, (_, _, values) in enumerate(self._keys):
            for value in values:
                self._numbers[value].append(number)

    def holding(self, values: Sequence[str]) -> Iterable[tuple[tuple[bool, float], Table, Column]]:
        """The keys that have nearly all of `values`; what compares higher is the better one, a code before a name."""
        is_code = all(map(str.isascii, values))
        for number in self._numbers.get(min(values), ()):
            table, column, keys = self._keys[number]
            share = sum(value in keys for value in values) / len(values)
            if share >= _CONTAINED_SHARE:
                yield (is_code, share), table, column


def _tables_of(join: Join) -> frozenset[str]:
    return frozenset((join.table, join.target))


def _columns_alike(schema: BusinessSchema, values: PromptValues) -> frozenset[Described]:
    """Those of more than half of the tables, three at least, that have no values to show in any table."""
    counts = Counter(column.described for table in schema.tables for column in table)
    least = max(_LEAST_ALIKE, len(schema.tables) // 2 + 1)
    most = {one for one, count in counts.items() if count >= least}
    for table in schema.tables:
        for column in table:
            if column.described in most and have_words(column.values) and values.shows(table, column):
                most.discard(column.described)
    return frozenset(most)

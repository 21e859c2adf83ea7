"""Chooses the table a question is about, and the column each noun and value means there. Used by `planner`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from agent.offline.joins import JoinGraph
from agent.offline.normalise import normalise
from agent.offline.plan import Filter
from agent.offline.reading import ConceptMention, Reading, ValueMention
from agent.offline.schema_index import IndexedColumn, SchemaIndex, ValueMatch

_UNREACHABLE = float("inf")
_SUMMING = {"share", "distribution", "trend", "contrast", "rank", "rank_desc", "rank_asc"}


class BaseChooser:
    """Resolves candidates against a base table; the nearest column wins."""

    def __init__(self, *, index: SchemaIndex, joins: JoinGraph) -> None:
        self._index = index
        self._joins = joins

    def choose(self, reading: Reading) -> str | None:
        """The base table of a question without a measure, or None when nothing in it names one."""
        groups = self._needs(reading)
        if not groups and not reading.tables:
            return None
        scored = [
            (self._cost(table.name, reading, groups), position, table.name)
            for position, table in enumerate(self._index.tables)
        ]
        cost, _, name = min(scored)
        return None if cost == _UNREACHABLE else name

    def _needs(self, reading: Reading) -> list[tuple[IndexedColumn, ...]]:
        mentions: list[ConceptMention] = [*reading.dimensions, *reading.counted, *reading.loose]
        groups = [mention.columns for mention in mentions]
        groups += [tuple(match.column for match in value.matches) for value in reading.values]
        groups += [mention.columns for mention, _ in (*reading.numbers_in, *reading.nulls)]
        return groups

    def _cost(self, table: str, reading: Reading, groups: Sequence[tuple[IndexedColumn, ...]]) -> float:
        indexed = self._index.table(table)
        cost = sum(self._distance(table, columns) for columns in groups)
        for mention in reading.counted:
            owner = self._owner_of(mention.columns)
            if owner is not None and owner != table:
                cost += 0.3
        if not reading.counted and {"count", "records"} & reading.tags:
            named_things = [{match.column.table for match in value.matches} for value in reading.values]
            cost += 0.3 * sum(table not in tables for tables in named_things)
        named = {found.name for _, tables in reading.tables for found in tables}
        if table in named:
            cost -= 1.5
        grouped = [{column.table for column in mention.columns} for mention in reading.dimensions]
        grouped += [{match.column.table for match in value.matches} for value in reading.values]
        if indexed.is_fact and {table} in grouped and _SUMMING & reading.tags:
            cost -= 1.5
        if indexed.is_fact and table not in named and not reading.periods and "records" not in reading.tags:
            cost += 0.5
        if not any(indexed.with_role("label", "category", "measure")):
            cost += 2
        return cost

    def _distance(self, table: str, columns: Iterable[IndexedColumn]) -> float:
        best = _UNREACHABLE
        for column in columns:
            distance = self._joins.distance(table, column.table)
            owner = self._index.owner(column.concept)
            penalty = 0.0 if owner is None or owner.name == column.table else 0.2
            best = min(best, distance + penalty)
        return best

    def _owner_of(self, columns: Iterable[IndexedColumn]) -> str | None:
        for column in columns:
            if owner := self._index.owner(column.concept):
                return owner.name
        return None

    def column(self, base: str, candidates: Iterable[IndexedColumn]) -> IndexedColumn | None:
        """The candidate nearest to the base table; None when none can be joined."""
        scored = []
        for position, column in enumerate(candidates):
            owner = self._index.owner(column.concept)
            prefers = 0 if owner is not None and owner.name == column.table else 1
            scored.append((self._joins.distance(base, column.table), prefers, position, column))
        best = min(scored, key=lambda item: item[:3], default=None)
        return None if best is None or best[0] == _UNREACHABLE else best[3]

    def filter(self, base: str, mention: ValueMention) -> Filter | None:
        """The column and the values a name means for this base table."""
        by_column: dict[tuple[str, str], list[ValueMatch]] = {}
        for match in mention.matches:
            by_column.setdefault(match.column.key, []).append(match)
        scored = []
        for position, matches in enumerate(by_column.values()):
            column = matches[0].column
            distance = self._joins.distance(base, column.table)
            whole = not any(match.is_partial for match in matches)
            named_by_concept = any(normalise(match.value) == mention.text + column.concept for match in matches)
            labels = column.role in ("label", "category")
            scored.append((not whole, not named_by_concept and not whole, not labels, distance, position, matches))
        best = min((item for item in scored if item[3] < _UNREACHABLE), key=lambda item: item[:5], default=None)
        if best is None:
            return None
        matches = best[5]
        chosen = matches if len(matches) == 1 else [m for m in matches if not m.is_partial] or matches
        return Filter(chosen[0].column, tuple(match.value for match in chosen))

    def agreeing(self, base: str, mentions: Sequence[ValueMention]) -> list[ValueMention]:
        """The mentions, with names of one kind of thing looked for in one column: that which has them all."""
        chosen = [self.filter(base, mention) for mention in mentions]
        result = []
        for mention, choice in zip(mentions, chosen, strict=True):
            concept = choice.column.concept if choice else ""
            alike = [
                (m, other.column.key)
                for m, other in zip(mentions, chosen, strict=True)
                if other is not None and other.column.concept == concept
            ]
            common = (
                set.intersection(*({match.column.key for match in m.matches} for m, _ in alike)) if alike else set()
            )
            if common and len({key for _, key in alike}) > 1:
                nearest = min(common, key=lambda key: self._joins.distance(base, key[0]))
                mention = replace(mention, matches=tuple(m for m in mention.matches if m.column.key == nearest))
            result.append(mention)
        return result

"""Finds what is missing where: the subject's name column and the table that has no row for it. Used by `planner`."""

from __future__ import annotations

from agent.offline.joins import JoinGraph
from agent.offline.reading import ConceptMention, Reading
from agent.offline.schema_index import IndexedColumn, SchemaIndex


def absence_table(reading: Reading, index: SchemaIndex, joins: JoinGraph) -> tuple[IndexedColumn, str] | None:
    """The subject's name column and the table to look in, or None when the sentence has no such pair.

    The object stands after the word of absence: a table's name, a measure (its table), or another thing, which is then
    looked for in the first table on the way to it.
    """
    mentions = sorted([*reading.dimensions, *reading.loose, *reading.counted], key=lambda m: m.position)
    things = [m for m in mentions if _owned(m, index)]
    before = [m for m in things if m.position < reading.absent]
    after = [m for m in things if m.position > reading.absent]
    target = _object_table(reading)
    if target is not None:
        candidates = [*before, *after]
        subject = _owned(candidates[-1] if not before else before[-1], index) if candidates else None
        return (subject, target) if subject and subject.table != target else None
    if not before and len(after) > 1:
        before, after = after[-1:], after[:-1]
    if not before or not after:
        return None
    subject, wanted = _owned(before[0], index), _owned(after[0], index)
    if subject is None or wanted is None or subject.table == wanted.table:
        return None
    path = joins.path(subject.table, wanted.table)
    return (subject, path[0].right) if path else None


def _object_table(reading: Reading) -> str | None:
    for position in range(reading.absent + 1, min(reading.absent + 3, len(reading.tokens))):
        token = reading.tokens[position]
        if token.tables and token.kind in ("table", "measure"):
            return token.tables[0].name
        if token.measures:
            return token.measures[0].table
    return None


def _owned(mention: ConceptMention, index: SchemaIndex) -> IndexedColumn | None:
    for column in mention.columns:
        owner = index.owner(column.concept)
        if owner is not None and owner.name == column.table:
            return column
    return None

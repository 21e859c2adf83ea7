"""A table as a documentation page. Format: contract 5.4. Used by the first stage and by the database tools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from common.messages import data_pipeline as texts
from data_pipeline.ddl_text import short_of, type_text
from data_pipeline.identifiers import one_line
from data_pipeline.schema_reader import BusinessTable, TableColumn

_SHOWN_SAMPLES: Final = 2
_SHOWN_ENUM_SAMPLES: Final = 3
_TIME_TYPES: Final = ("timestamp", "date")
_RELATION_SUFFIXES: Final = ("_rel", "_relation", "_link")


def render_document(table: BusinessTable) -> str:
    """The Markdown page, without a final newline."""
    comment = one_line(table.comment)
    title = short_of(comment) or texts.DOCUMENT_DEFAULT_TITLE
    lines = [
        texts.DOCUMENT_TITLE.format(table=one_line(table.name), title=title),
        texts.DOCUMENT_SENTENCE.format(table=one_line(table.name), comment=comment),
        texts.DOCUMENT_COLUMNS,
        *(_column_line(column) for column in table.columns),
    ]
    notes = list(_notes(table))
    return "\n".join([*lines, *([texts.DOCUMENT_NOTES, *notes] if notes else [])])


def _column_line(column: TableColumn) -> str:
    line = f"- {one_line(column.name)} ({type_text(column.data_type)})"
    if comment := one_line(column.comment):
        line += f" - {comment}"
    marks = [
        mark
        for mark, holds in (
            (texts.PRIMARY_KEY, column.is_primary_key),
            (texts.FOREIGN_KEY, column.is_foreign_key),
            (texts.NOT_NULL, not column.is_nullable),
        )
        if holds
    ]
    if marks:
        line += f" [{', '.join(marks)}]"
    samples = column.enum_values[:_SHOWN_ENUM_SAMPLES] or column.samples[:_SHOWN_SAMPLES]
    if samples:
        line += f" [{texts.SAMPLES}: {', '.join(one_line(value) for value in samples)}]"
    return line


def _notes(table: BusinessTable) -> Iterator[str]:
    if len(table.primary_key) > 1:
        yield texts.NOTE_COMPOSITE_KEY.format(columns=", ".join(table.primary_key))
    elif table.primary_key:
        yield texts.NOTE_PRIMARY_KEY.format(column=table.primary_key[0])
    for key in table.foreign_keys:
        for column, target in zip(key.columns, key.target_columns, strict=False):
            yield texts.NOTE_FOREIGN_KEY.format(column=column, target=f"{key.schema}.{key.table}.{target}")
    for member in table.columns:
        yield from _column_notes(member)
    if table.name.lower().endswith(_RELATION_SUFFIXES):
        yield texts.NOTE_RELATION_TABLE.format(table=table.name)


def _column_notes(column: TableColumn) -> Iterator[str]:
    kind, name = column.data_type.lower(), one_line(column.name)
    if column.enum_values:
        yield texts.NOTE_ENUM.format(column=name, values=texts.VALUE_JOINER.join(map(one_line, column.enum_values)))
    elif any(word in column.comment for word in texts.SUSPECTED_ENUM_WORDS) and not column.is_foreign_key:
        yield texts.NOTE_SUSPECTED_ENUM.format(column=name)
    if kind == "uuid":
        yield texts.NOTE_UUID.format(column=name)
    if kind.startswith(_TIME_TYPES) and column.default and "now()" in column.default.lower():
        yield texts.NOTE_AUTOMATIC_TIME.format(column=name)
    if kind in ("json", "jsonb"):
        yield texts.NOTE_JSON.format(column=name)

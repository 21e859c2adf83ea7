"""A table as commented DDL. Format: contract 5.3; the comma stands before the comment, so the text is executable.

Used by the first stage and by the database tools.
"""

from __future__ import annotations

import re
from typing import Final

from common.messages import data_pipeline as texts
from data_pipeline.identifiers import one_line, quote_name, quote_table
from data_pipeline.schema_reader import BusinessTable, TableColumn

_WIDTH: Final = 30
_SHORT_TYPES: Final = (
    ("character varying", "varchar"),
    ("character", "char"),
    ("timestamp without time zone", "timestamp"),
    ("timestamp with time zone", "timestamptz"),
    ("time without time zone", "time"),
    ("time with time zone", "timetz"),
)
_TIMES_WITH_PRECISION: Final = re.compile(r"(timestamp|time)(\(\d+\)) (with|without) time zone(.*)")
_CAST: Final = re.compile(r"^(.*?)::[\w\s.\"]+(?:\(\d+(?:,\d+)?\))?(?:\[\])?$", re.DOTALL)
_QUOTED: Final = re.compile(r"'(?:[^']|'')*'")
_NUMBER: Final = re.compile(r"\(?(-?\d+(?:\.\d+)?)\)?")
_NOW: Final = frozenset(
    {"now()", "current_timestamp", "localtimestamp", "transaction_timestamp()", "clock_timestamp()"}
)
_KEPT_CALLS: Final = re.compile(r"(?:gen_random_uuid|uuid_generate_v4|current_date)(?:\(\))?", re.IGNORECASE)
_LENGTH_NOTE: Final = re.compile(texts.LENGTH_NOTE_PATTERN)


def render_ddl(table: BusinessTable, *, has_comma_after_comment: bool = False) -> str:
    """The CREATE TABLE text, without a final newline.

    Args:
        has_comma_after_comment: the historical order, which no database accepts.
    """
    comment = short_of(table.comment)
    lines = [f"-- {texts.DDL_TITLE}: {comment or table.name}"]
    if comment:
        lines.append(f"-- {texts.DDL_DESCRIPTION}: {_LENGTH_NOTE.sub('', one_line(table.comment)).strip()}")
    lines[0] = one_line(lines[0])
    lines.append(f"create table {quote_table(table.schema, table.name)} (")
    key = f"  primary key ({', '.join(map(quote_name, table.primary_key))})" if table.primary_key else ""
    last = len(table.columns) - 1
    for place, column in enumerate(table.columns):
        is_followed = place < last or bool(key)
        lines.append(_column_line(column, "," if is_followed else "", has_comma_after_comment))
    return "\n".join([*lines, *([key] if key else []), ");"])


def short_of(comment: str) -> str:
    """A comment up to its first comma or full stop."""
    line = _LENGTH_NOTE.sub("", one_line(comment)).strip()
    return re.split(texts.COMMENT_END_PATTERN, line, maxsplit=1)[0].strip()


def type_text(data_type: str) -> str:
    """A `format_type` text in the short spelling of the contract; still the same type."""
    lower = data_type if '"' in data_type else data_type.lower()
    if match := _TIMES_WITH_PRECISION.fullmatch(lower):
        zone = "tz" if match[3] == "with" else ""
        return f"{match[1]}{zone}{match[2]}{match[4]}"
    for long, short in _SHORT_TYPES:
        if lower.startswith(long) and not lower.startswith(f"{long} "):
            return short + lower[len(long) :]
    return lower


def _column_line(column: TableColumn, comma: str, has_comma_after_comment: bool) -> str:
    text = f"  {quote_name(column.name)} {type_text(column.data_type)}"
    if not column.is_nullable:
        text += " not null"
    if default := _default_text(column.default):
        text += f" default {default}"
    comment = _comment_text(column)
    if not comment:
        return text + comma
    if not has_comma_after_comment:
        return f"{text + comma:<{_WIDTH - 1}} -- {comment}"
    return f"{text:<{_WIDTH - 1}} -- {comment}{comma}"


def _comment_text(column: TableColumn) -> str:
    comment = one_line(column.comment)
    marks = [
        mark
        for mark, holds in ((texts.PRIMARY_KEY, column.is_primary_key), (texts.FOREIGN_KEY, column.is_foreign_key))
        if holds
    ]
    return texts.COMMENT_JOINER.join(dict.fromkeys([*([comment] if comment else []), *marks]))


def _default_text(default: str | None) -> str:
    """A default that other databases take too; sequences, empty texts and calls we do not know are left out."""
    if not default or default.lower().startswith("nextval("):
        return ""
    plain = default.strip()
    while match := _CAST.match(plain):
        plain = match[1].strip()
    if plain.lower() in _NOW:
        return "current_timestamp"
    if plain.lower() in ("true", "false", "null") or _KEPT_CALLS.fullmatch(plain):
        return plain.lower() if plain.lower() != "null" else ""
    if number := _NUMBER.fullmatch(plain):
        return number[1]
    return plain if _QUOTED.fullmatch(plain) and plain != "''" and "\n" not in plain else ""

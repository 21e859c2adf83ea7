"""Reads `schema.sql`: the statements the loader runs, and the commented CREATE TABLE texts for training."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("schema.sql")
_TABLE = re.compile(r"^CREATE TABLE public\.(\w+) \(\n(.*)\n\)$", re.DOTALL)
_TABLE_COMMENT = re.compile(r"^COMMENT ON TABLE public\.(\w+) IS '(.*)'$")
_COLUMN_COMMENT = re.compile(r"^COMMENT ON COLUMN public\.(\w+\.\w+) IS '(.*)'$")


@cache
def schema_statements() -> tuple[str, ...]:
    """Every statement of the file, in order, without comments and final semicolons."""
    text = "\n".join(line for line in _FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("--"))
    return tuple(part.strip() for part in text.split(";\n") if part.strip(" \n;"))


def table_statements() -> tuple[str, ...]:
    """What must run before the rows come: tables and comments."""
    return tuple(text for text in schema_statements() if not text.startswith("CREATE INDEX"))


def index_statements() -> tuple[str, ...]:
    """What runs after the rows came, because it is faster then."""
    return tuple(text for text in schema_statements() if text.startswith("CREATE INDEX"))


def training_ddl() -> list[str]:
    """One CREATE TABLE text a table, the table's comment above it and each column's comment at the end of its line."""
    statements = schema_statements()
    table_comments = {match[1]: match[2] for text in statements if (match := _TABLE_COMMENT.match(text))}
    column_comments = {match[1]: match[2] for text in statements if (match := _COLUMN_COMMENT.match(text))}
    tables = [(match[1], match[2]) for text in statements if (match := _TABLE.match(text))]
    return [_with_comments(name, body, table_comments[name], column_comments) for name, body in tables]


def _with_comments(name: str, body: str, comment: str, column_comments: dict[str, str]) -> str:
    lines = [f"-- {comment}", f"CREATE TABLE {name} ("]
    for line in body.splitlines():
        column_comment = column_comments.get(f"{name}.{line.split()[0]}")
        lines.append(f"{line} -- {column_comment}" if column_comment else line)
    return "\n".join([*lines, ");"])

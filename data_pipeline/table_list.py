"""The table list of a task: parsing and filtering. Format and rules: contract 5.2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from common.messages import data_pipeline as texts
from data_pipeline.errors import PipelineError
from data_pipeline.task import PipelineLimits

_FORBIDDEN: Final = re.compile(r"[;()\[\]{}*?!@#$%^&\x00-\x1f]")
_PART: Final = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^".]+))\s*')
_SYSTEM_SCHEMAS: Final = frozenset({"information_schema", "pg_catalog", "pg_toast"})
_SYSTEM_SCHEMA_PREFIXES: Final = ("pg_temp", "pg_toast_temp")
_SYSTEM_PREFIXES: Final = ("pg_", "information_schema", "cardinal_number", "character_data", "sql_identifier",
                           "time_stamp", "yes_or_no")  # fmt: skip
DEFAULT_SCHEMA: Final = "public"


@dataclass(frozen=True, order=True)
class TableName:
    """A table somebody listed."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class TableList:
    """What a list asks for. `invalid` are entries that are no table name, `system` tables that were filtered out."""

    tables: tuple[TableName, ...]
    invalid: tuple[str, ...] = ()
    system: tuple[TableName, ...] = ()


def parse_table_list(content: bytes, limits: PipelineLimits) -> TableList:
    """The tables of a list file, in order, each once.

    Lines that are blank or start with `#` or `--` count for nothing; commas separate names; `schema.table` or `table`,
    each part in double quotes when it has to be. UTF-8, also with a byte order mark, else GBK.

    Raises:
        PipelineError: the text cannot be read, no valid name is left, or there are too many.
    """
    tables: dict[TableName, None] = {}
    invalid: list[str] = []
    system: dict[TableName, None] = {}
    for entry in _entries(_decoded(content)):
        table = parse_table_name(entry)
        if table is None:
            invalid.append(entry[:100])
        elif limits.filters_system_tables and _is_system(table, limits):
            system[table] = None
        else:
            tables[table] = None
    if not tables:
        raise PipelineError(texts.NO_VALID_TABLE)
    if len(tables) > limits.max_tables:
        raise PipelineError(texts.TOO_MANY_TABLES.format(count=len(tables), limit=limits.max_tables))
    return TableList(tuple(tables), tuple(invalid), tuple(system))


def parse_table_name(entry: str) -> TableName | None:
    """The table an entry names, None when it is no valid name."""
    parts: list[str] = []
    position = 0
    while match := _PART.match(entry, position):
        quoted, bare = match.groups()
        part = quoted.replace('""', '"') if quoted is not None else bare.strip()
        if not part or (quoted is None and _FORBIDDEN.search(part)) or "\0" in part:
            return None
        parts.append(part)
        position = match.end()
        if position == len(entry):
            break
        if entry[position] != ".":
            return None
        position += 1
    if position != len(entry) or not 1 <= len(parts) <= 2 or entry.endswith("."):
        return None
    return TableName(parts[0], parts[1]) if len(parts) == 2 else TableName(DEFAULT_SCHEMA, parts[0])


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise PipelineError(texts.TABLE_LIST_NOT_TEXT)


def _entries(text: str) -> Iterator[str]:
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", "--")):
            continue
        # a comma inside quotes belongs to the name
        for entry in re.findall(r'(?:"(?:[^"]|"")*"|[^,])+', stripped):
            if entry.strip():
                yield entry.strip()


def _is_system(table: TableName, limits: PipelineLimits) -> bool:
    schema, name = table.schema.lower(), table.name.lower()
    return (
        schema in _SYSTEM_SCHEMAS
        or schema.startswith(_SYSTEM_SCHEMA_PREFIXES)
        or schema in limits.system_schemas
        or name.startswith(_SYSTEM_PREFIXES)
        or any(name.startswith(prefix) for prefix in limits.system_prefixes)
    )

"""Names of tables and columns as SQL text and as file names. Pure functions; any name may be hostile."""

from __future__ import annotations

import re
from typing import Final

_BARE: Final = re.compile(r"[a-z_][a-z0-9_]*")
_FILE_UNSAFE: Final = re.compile(r"[\s/\\:*?\"<>|\-\x00-\x1f]")
_LONGEST_FILE_STEM: Final = 80


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


# Every key word of PostgreSQL 15 to 18 that is not free to be a name everywhere (`quote_ident` quotes the same ones).
_KEY_WORDS: Final = _words(
    "all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both",
    "case cast char character check coalesce collate collation column concurrently constraint create cross",
    "current_catalog current_date current_role current_schema current_time current_timestamp current_user dec",
    "decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign",
    "freeze from full grant greatest group grouping having ilike in initially inner inout int integer intersect",
    "interval into is isnull join json json_array json_arrayagg json_exists json_object json_objectagg json_query",
    "json_scalar json_serialize json_table json_value lateral leading least left like limit localtime",
    "localtimestamp merge_action national natural nchar none normalize not notnull null nullif numeric offset on",
    "only or order out outer overlaps overlay placing position precision primary real references returning right",
    "row select session_user setof similar smallint some substring symmetric system_user table tablesample then",
    "time timestamp to trailing treat trim true union unique user using values varchar variadic verbose when",
    "where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi",
    "xmlroot xmlserialize xmltable",
)


def quote_name(name: str) -> str:
    """`name` as SQL: bare when that is safe everywhere, else in double quotes."""
    if _BARE.fullmatch(name) and name not in _KEY_WORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def quote_table(schema: str, name: str) -> str:
    """`schema.name` as SQL."""
    return f"{quote_name(schema)}.{quote_name(name)}"


def file_stem(schema: str, name: str) -> str:
    """The file name of a table without extension (contract 5.3); it never leaves its folder and is never empty.

    Tables of `public` bear their own name, others `schema_name`; unsafe characters and runs of `_` become one `_`.
    """
    full = name if schema == "public" else f"{schema}__{name}"
    safe = _FILE_UNSAFE.sub("_", full.replace(".", "__"))
    stem = re.sub("_+", "_", safe)[:_LONGEST_FILE_STEM]
    return stem if stem.strip("_. ") else f"table_{full.encode('utf-8', 'surrogatepass').hex()[:16]}"


def one_line(text: str, limit: int = 0) -> str:
    """`text` on one line, so that it can end no comment and no list item; cut to `limit` characters when given."""
    line = " ".join(text.replace("\0", " ").split())
    return line[:limit] if limit else line

"""How database values become JSON-ready ones (docs/contract/envelope.md, agent path); set on every reader connection.

NULL, NaN and infinities of numbers become None; numeric, uuid, bytea, interval, time and all other types become text
as the server writes it; `date` is `YYYY-MM-DD`, `timestamp` `YYYY-MM-DD HH:MM:SS[.ffffff]`, followed by `+HH:MM` when
it has a time zone. JSON becomes the value it describes, except what no answer, cache or store could carry: JSON that
nests deeper than 100, or holds NUL or half a surrogate pair as an escape, stays the text the server wrote, and an
integer of more than 4,300 digits (Python's own limit) becomes its digits as text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, Final

from psycopg import Connection
from psycopg.adapt import Buffer, Loader
from psycopg.types.string import TextLoader

_FRACTION: Final = re.compile(r"\.(\d{1,6})")
_ZONE: Final = re.compile(r"([+-]\d\d)(:\d\d)?(:\d\d)?$")
_DEEPEST_JSON: Final = 100
_LONGEST_INTEGER: Final = 4_300
_JSON_MARK: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_SUSPICIOUS_ESCAPE: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_AS_TEXT: Final = (
    "date", "time", "timetz", "interval", "uuid", "bytea", "inet", "cidr", "int4range", "int8range", "numrange",
    "tsrange", "tstzrange", "daterange", "int4multirange", "int8multirange", "nummultirange", "tsmultirange",
    "tstzmultirange", "datemultirange", "record",
)  # fmt: skip


class _NumericLoader(Loader):
    def load(self, data: Buffer) -> str | None:
        text = bytes(data).decode()
        return None if text in ("NaN", "Infinity", "-Infinity") else text


class _FloatLoader(Loader):
    def load(self, data: Buffer) -> float | None:
        value = float(bytes(data))
        return value if math.isfinite(value) else None


class _TimestampLoader(Loader):
    def load(self, data: Buffer) -> str:
        return _FRACTION.sub(lambda found: "." + found.group(1).ljust(6, "0"), bytes(data).decode())


class _TimestamptzLoader(_TimestampLoader):
    def load(self, data: Buffer) -> str:
        return _ZONE.sub(lambda found: found.group(1) + (found.group(2) or ":00"), super().load(data))


class _JsonLoader(Loader):
    def load(self, data: Buffer) -> Any:
        return json_value(bytes(data))


def json_value(written: bytes) -> Any:
    """What a JSON text of the server describes, or the text itself where the module says so."""
    if written.count(b"[") + written.count(b"{") > _DEEPEST_JSON and _nesting(written) > _DEEPEST_JSON:
        return written.decode()
    value = json.loads(written, parse_float=_finite, parse_int=_integer, parse_constant=lambda _: None)
    if _SUSPICIOUS_ESCAPE.search(written) and not _is_writable(value):
        return written.decode()
    return value


def _nesting(written: bytes) -> int:
    """How deep the brackets of a JSON text nest, those in its strings left out."""
    depth = deepest = 0
    for mark in _JSON_MARK.findall(written):
        if mark in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif mark in (b"]", b"}"):
            depth -= 1
    return deepest


def _is_writable(value: Any) -> bool:
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\\u0000" not in text


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= _LONGEST_INTEGER else text


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def register_loaders(connection: Connection[Any]) -> None:
    """Make `connection` return values as this module promises, inside arrays too."""
    adapters = connection.adapters
    for name in _AS_TEXT:
        adapters.register_loader(name, TextLoader)
    for name in ("float4", "float8"):
        adapters.register_loader(name, _FloatLoader)
    for name in ("json", "jsonb"):
        adapters.register_loader(name, _JsonLoader)
    adapters.register_loader("numeric", _NumericLoader)
    adapters.register_loader("timestamp", _TimestampLoader)
    adapters.register_loader("timestamptz", _TimestamptzLoader)


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """The column names with `_2`, `_3`, … after a name that came before, so that rows lose no column."""
    given = frozenset(names)
    numbers: dict[str, int] = {}
    result: list[str] = []
    for name in names:
        number = numbers.get(name, 0) + 1
        candidate = name if number == 1 else f"{name}_{number}"
        while number > 1 and candidate in given:
            number += 1
            candidate = f"{name}_{number}"
        numbers[name] = number
        result.append(candidate)
    return tuple(result)


def value_bytes(value: Any) -> int:
    """About how many bytes a value takes in the answer."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if isinstance(value, list):
        return 2 + sum(value_bytes(item) + 1 for item in value)
    if isinstance(value, dict):
        return 2 + sum(len(key) + 4 + value_bytes(item) for key, item in value.items())
    return 8

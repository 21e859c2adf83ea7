"""How database values become JSON-ready ones (docs/contract/envelope.md, agent path); set on every reader connection.

NULL, NaN and infinities of numbers become None; numeric, uuid, bytea, interval, time and all other types become text
as the server writes it; `date` is `YYYY-MM-DD`, `timestamp` `YYYY-MM-DD HH:MM:SS[.ffffff]`, followed by `+HH:MM` when
it has a time zone.
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
        return json.loads(bytes(data), parse_float=_finite, parse_constant=lambda _: None)


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
    seen: set[str] = set(names)
    result: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in result or (number > 1 and candidate in seen):
            number += 1
            candidate = f"{name}_{number}"
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

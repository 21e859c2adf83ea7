"""Compares a recorded answer with a new one: every recorded key must be there with the same type and, unless it is
volatile, the same value. Extra keys are never a difference. Used by the replayer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

VOLATILE_KEYS = frozenset(
    {
        "timestamp", "last_updated", "created_at", "updated_at", "create_time", "update_time",
        "confidence", "reason", "training_id", "message_id",
        "execution_time", "duration", "reasons", "cached_at", "cleanup_time", "query_time", "export_time",
    }
)  # fmt: skip
RANDOM_ID = re.compile(r"\d{17}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The time in a conversation's id, and UUIDs."""

LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?")


@dataclass(frozen=True)
class Difference:
    """Where the answers differ: a dotted path, what was recorded, what came, and in what sense."""

    path: str
    recorded: Any
    received: Any
    kind: Literal["status", "shape", "value"] = "value"

    def __str__(self) -> str:
        return f"{self.path}: recorded {_short(self.recorded)}, received {_short(self.received)}"


def compare(
    recorded: Any,
    received: Any,
    *,
    loose: frozenset[str] = frozenset(),
    ids: Mapping[str, str] | None = None,
    path: str = "$",
) -> list[Difference]:
    """Every difference between two JSON values, deepest first found.

    Args:
        loose: keys of which only presence and type count.
        ids: recorded id -> the id that stands for it now; where the one was recorded the other must come.
    """
    return list(_Comparison(loose, ids or {}).differences(recorded, received, path))


@dataclass(frozen=True)
class _Comparison:
    loose: frozenset[str]
    ids: Mapping[str, str]

    def differences(self, recorded: Any, received: Any, path: str) -> Iterator[Difference]:
        if _kind(recorded) != _kind(received):
            yield Difference(path, recorded, received, "shape")
        elif isinstance(recorded, Mapping):
            yield from self._of_objects(recorded, received, path)
        elif isinstance(recorded, list):
            yield from self._of_lists(recorded, received, path)
        elif isinstance(recorded, str):
            if not self._is_same_text(recorded, received):
                yield Difference(path, recorded, received)
        elif recorded != received:
            yield Difference(path, recorded, received)

    def _of_objects(self, recorded: Mapping[str, Any], received: Mapping[str, Any], path: str) -> Iterator[Difference]:
        for key, value in recorded.items():
            where = f"{path}.{key}"
            if key not in received:
                yield Difference(where, value, MISSING, "shape")
            elif key in VOLATILE_KEYS or key in self.loose:
                if _shape(value) != _shape(received[key]):
                    yield Difference(where, value, received[key], "shape")
            else:
                yield from self.differences(value, received[key], where)

    def _of_lists(self, recorded: list[Any], received: list[Any], path: str) -> Iterator[Difference]:
        if len(recorded) != len(received):
            yield Difference(f"{path}.length", len(recorded), len(received))
            return
        for index, (old, new) in enumerate(zip(recorded, received, strict=True)):
            yield from self.differences(old, new, f"{path}[{index}]")

    def _is_same_text(self, recorded: str, received: str) -> bool:
        if recorded in self.ids:
            return received == self.ids[recorded]
        return RANDOM_ID.sub("#", recorded) == RANDOM_ID.sub("#", received)


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()


def _kind(value: Any) -> str:
    """JSON's own types; whole and fractional numbers are one kind."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__ if not isinstance(value, Mapping) else "object"


def _shape(value: Any) -> str:
    """What may not change of a volatile value: its type, and that a local time without zone is one."""
    is_time = isinstance(value, str) and LOCAL_TIME.fullmatch(value) is not None
    return "local time" if is_time else _kind(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."

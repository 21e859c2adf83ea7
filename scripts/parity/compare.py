"""Compares a recorded answer with a new one: every recorded key must be there with the same type and, unless it is
volatile, the same value. Extra keys are never a difference."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

VOLATILE_KEYS = frozenset(
    {
        "timestamp", "last_updated", "created_at", "updated_at", "conversation_id", "requested_conversation_id",
        "confidence", "reason", "training_id", "message_id", "execution_time", "duration", "reasons",
    }
)  # fmt: skip
CONVERSATION_ID = re.compile(r"\d{17}")


@dataclass(frozen=True)
class Difference:
    """Where the answers differ: a dotted path, what was recorded, what came."""

    path: str
    recorded: Any
    received: Any

    def __str__(self) -> str:
        return f"{self.path}: recorded {_short(self.recorded)}, received {_short(self.received)}"


def compare(recorded: Any, received: Any, *, loose: frozenset[str] = frozenset(), path: str = "$") -> list[Difference]:
    """Every difference between two JSON values, deepest first found."""
    return list(_differences(recorded, received, loose, path))


def _differences(recorded: Any, received: Any, loose: frozenset[str], path: str) -> Iterator[Difference]:
    if _kind(recorded) != _kind(received):
        yield Difference(path, recorded, received)
    elif isinstance(recorded, Mapping):
        yield from _object_differences(recorded, received, loose, path)
    elif isinstance(recorded, list):
        yield from _list_differences(recorded, received, loose, path)
    elif isinstance(recorded, str):
        if CONVERSATION_ID.sub("#", recorded) != CONVERSATION_ID.sub("#", received):
            yield Difference(path, recorded, received)
    elif recorded != received:
        yield Difference(path, recorded, received)


def _object_differences(
    recorded: Mapping[str, Any], received: Mapping[str, Any], loose: frozenset[str], path: str
) -> Iterator[Difference]:
    for key, value in recorded.items():
        where = f"{path}.{key}"
        if key not in received:
            yield Difference(where, value, MISSING)
        elif key in VOLATILE_KEYS or key in loose:
            if _kind(value) != _kind(received[key]):
                yield Difference(where, value, received[key])
        else:
            yield from _differences(value, received[key], loose, where)


def _list_differences(
    recorded: list[Any], received: list[Any], loose: frozenset[str], path: str
) -> Iterator[Difference]:
    if len(recorded) != len(received):
        yield Difference(f"{path}.length", len(recorded), len(received))
        return
    for index, (old, new) in enumerate(zip(recorded, received, strict=True)):
        yield from _differences(old, new, loose, f"{path}[{index}]")


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


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."

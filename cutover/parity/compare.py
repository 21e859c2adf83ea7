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
        "execution_time", "execution_time_ms", "duration", "reasons", "cached_at", "cleanup_time", "query_time",
        "export_time", "scan_time", "memory_usage_mb", "connected_clients",
        "started_at", "completed_at", "deleted_at", "uploaded_at", "modified_at", "upload_time", "created_time",
        "backup_created_at", "last_modified", "average_execution_time", "file_size", "file_size_formatted",
        "total_size", "total_size_formatted", "deleted_size",
    }
)  # fmt: skip
"""Times, durations, the size of a store and who else is connected to it, and what is the model's or random."""

NUMBERED_IDS = frozenset({"id", "feedback_id", "updated_id", "deleted_id", "successfully_trained_ids"})
"""Ids that are numbers of a sequence: which number is next is no promise, that it is one is."""

RANDOM_ID = re.compile(r"\d{17}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=\(ID: )\d+(?=\))")
"""The time in a conversation's id, UUIDs, and the number of a feedback record in a text."""

TASK_TIME = re.compile(r"(?<![0-9])\d{8}_\d{6}(_\d{1,3})?(?![0-9])")
"""The time in a pipeline task's id and in the names of its files."""

PAIR_FILE = re.compile(r"qs_\w+_(?=#)")
"""The database's name in a pair file's name, once the time in it is `#`."""

TASK_FOLDER = re.compile(r"/[\w./-]*/(?=data_pipeline/)", re.ASCII)
"""Where the service is installed, before the part of a path that is the same everywhere."""

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
        received = self._by_recorded_ids(recorded, received)
        for key, value in recorded.items():
            where = f"{path}.{key}"
            if key not in received:
                yield Difference(where, value, MISSING, "shape")
            elif key in VOLATILE_KEYS or key in self.loose or _are_numbered(key, value, received[key]):
                if _shape(value) != _shape(received[key]):
                    yield Difference(where, value, received[key], "shape")
            else:
                yield from self.differences(value, received[key], where)

    def _by_recorded_ids(self, recorded: Mapping[str, Any], received: Mapping[str, Any]) -> Mapping[str, Any]:
        """What came, under the recorded keys where a key is an id of the run: known ids, then the others in order."""
        missing = sorted(key for key in recorded if key not in received and RANDOM_ID.search(key))
        known = {key: self.ids[key] for key in missing if self.ids.get(key) in received}
        left = sorted(key for key in received if key not in recorded and key not in known.values())
        for key in missing:
            same = [other for other in left if RANDOM_ID.sub("#", other) == RANDOM_ID.sub("#", key)]
            if key not in known and same:
                known[key] = same[0]
                left.remove(same[0])
        return {**received, **{key: received[other] for key, other in known.items()}} if known else received

    def _of_lists(self, recorded: list[Any], received: list[Any], path: str) -> Iterator[Difference]:
        if len(recorded) != len(received):
            yield Difference(f"{path}.length", len(recorded), len(received))
            return
        for index, (old, new) in enumerate(zip(recorded, received, strict=True)):
            yield from self.differences(old, new, f"{path}[{index}]")

    def _is_same_text(self, recorded: str, received: str) -> bool:
        if recorded in self.ids:
            return received == self.ids[recorded]
        return _without_chance(recorded) == _without_chance(received)


def _are_numbered(key: str, recorded: Any, received: Any) -> bool:
    """Whether both are ids out of a sequence, or as many such ids."""
    if key not in NUMBERED_IDS:
        return False
    if isinstance(recorded, list) and isinstance(received, list) and len(recorded) == len(received):
        return all(map(_is_number, (*recorded, *received)))
    return _is_number(recorded) and _is_number(received)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _without_chance(text: str) -> str:
    timeless = TASK_TIME.sub("#", RANDOM_ID.sub("#", text))
    return TASK_FOLDER.sub("#/", PAIR_FILE.sub("qs_#_", timeless))


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

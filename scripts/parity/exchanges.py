"""Recorded request/answer pairs as data. Format: one JSON object a line, described beside the recordings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Exchange:
    """One recorded exchange.

    Attributes:
        template: members of the request that stand in for the recorded ones, with `{{name}}` placeholders.
        capture: name -> dotted path of this answer's JSON; the value found fills later placeholders.
        before: what to do first (sleeps, polls, a Redis command).
        loose: keys whose content is random; only presence and type are compared.
    """

    id: str
    app: str
    group: str
    request: Mapping[str, Any]
    response: Mapping[str, Any]
    note: str = ""
    template: Mapping[str, Any] = field(default_factory=dict)
    capture: Mapping[str, str] = field(default_factory=dict)
    before: Sequence[Mapping[str, Any]] = ()
    loose: frozenset[str] = frozenset()

    @property
    def is_stream(self) -> bool:
        return "events" in self.response


def read_exchanges(path: Path, *, app: str, groups: frozenset[str] = frozenset()) -> Iterator[Exchange]:
    """The exchanges of one entry in replay order; `groups` are prefixes of group names, none means all."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["app"] == app and (not groups or any(row["group"].startswith(group) for group in groups)):
                yield _exchange(row)


def _exchange(row: Mapping[str, Any]) -> Exchange:
    return Exchange(
        id=row["id"],
        app=row["app"],
        group=row["group"],
        request=row["request"],
        response=row["response"],
        note=row.get("note", ""),
        template=row.get("template") or {},
        capture=row.get("capture") or {},
        before=row.get("before") or (),
        loose=frozenset(row.get("loose") or ()),
    )

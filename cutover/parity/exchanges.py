"""Recorded request/answer pairs as data. Format: one JSON object a line, described beside the recordings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cutover.parity.answers import Answer

RECORDED_NAMES: Mapping[str, str] = {"unified": "unified_api", "citu": "citu_app"}
"""What the recordings call the two entries."""


@dataclass(frozen=True)
class Exchange:
    """One recorded exchange.

    Attributes:
        template: members of the request that stand in for the recorded ones, with `{{name}}` placeholders.
        capture: name -> dotted path of this answer's JSON; the value found fills later placeholders.
        before: what to do first (sleeps, polls, a Redis command).
        loose: keys whose content is random; only presence and type are compared.
        previous: the one replayed before.
        received: what the service under comparison answered, once it did; nothing before.
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
    previous: Exchange | None = field(default=None, repr=False, compare=False)
    received: list[Answer] = field(default_factory=list, repr=False, compare=False)

    def earlier(self) -> Iterator[Exchange]:
        """Those of the same phase that were recorded before this one, newest first."""
        exchange = self.previous
        while exchange is not None and exchange.phase == self.phase:
            yield exchange
            exchange = exchange.previous

    @property
    def is_stream(self) -> bool:
        return "events" in self.response

    @property
    def phase(self) -> str:
        """The recording session it belongs to: its id without the number."""
        return self.id.rpartition("-")[0]

    @property
    def route(self) -> str:
        """Method and path, with ids of earlier answers as `<name>`."""
        path = str(self.template.get("path", self.request["path"]))
        path = re.sub(r"{{(\w+)}}", r"<\1>", path)
        return f"{self.request['method']} {path}"


def read_exchanges(path: Path, *, app: str, groups: frozenset[str] = frozenset()) -> Iterator[Exchange]:
    """The exchanges of one entry in replay order.

    Args:
        path: a file, or a folder whose `*.jsonl` files are merged in the order of the ids.
        app: the entry as the recordings call it.
        groups: prefixes of group names; none means all.
    """
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    rows = [row for file in files for row in _rows(file)]
    if len(files) > 1:
        rows.sort(key=lambda row: _order(row["id"]))
    previous: Exchange | None = None
    for row in rows:
        if row["app"] == app and (not groups or any(row["group"].startswith(group) for group in groups)):
            previous = _exchange(row, previous)
            yield previous


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def _order(exchange_id: str) -> tuple[str, int]:
    """Ids of one phase run in replay order by their number."""
    phase, _, number = exchange_id.rpartition("-")
    return phase, int(number) if number.isdigit() else 0


def _exchange(row: Mapping[str, Any], previous: Exchange | None) -> Exchange:
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
        previous=previous,
    )

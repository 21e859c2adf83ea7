"""What changed between two looks at a database: tables and columns added, changed, removed. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from data_pipeline.schema_reader import BusinessTable

Snapshot = Mapping[str, Any]
_COMPARED: Final = ("type", "nullable", "primary_key", "default", "comment")


def snapshot_of(tables: Iterable[BusinessTable]) -> dict[str, Any]:
    """The tables as plain data, by full name, as the catalogue describes them."""
    return {
        table.full_name: {
            "comment": table.comment,
            "columns": {
                column.name: {
                    "type": column.data_type,
                    "nullable": column.is_nullable,
                    "primary_key": column.is_primary_key,
                    "default": column.default,
                    "comment": column.comment,
                }
                for column in table.columns
            },
        }
        for table in tables
    }


def compare(before: Snapshot, after: Snapshot, listed: Collection[str]) -> dict[str, Any]:
    """The difference, empty lists where there is none.

    Args:
        listed: names the present table list asks for; a table that is no longer listed is not a removed one.

    Returns:
        `{added_tables, removed_tables, unlisted_tables, changed_tables: {name: {added_columns, removed_columns,
        changed_columns: [{name, before, after}], comment?: {before, after}}}, has_changes}`.
    """
    gone = sorted(before.keys() - after.keys())
    changed = {name: _table_change(before[name], after[name]) for name in sorted(before.keys() & after.keys())}
    changed = {name: change for name, change in changed.items() if change}
    added = sorted(after.keys() - before.keys())
    removed = [name for name in gone if name in listed]
    return {
        "added_tables": added,
        "removed_tables": removed,
        "unlisted_tables": [name for name in gone if name not in listed],
        "changed_tables": changed,
        "has_changes": bool(added or removed or changed),
    }


def _table_change(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    old, new = before["columns"], after["columns"]
    changed = [
        {"name": name, "before": _differing(old[name], new[name]), "after": _differing(new[name], old[name])}
        for name in old
        if name in new and _differing(old[name], new[name])
    ]
    change: dict[str, Any] = {
        "added_columns": [name for name in new if name not in old],
        "removed_columns": [name for name in old if name not in new],
        "changed_columns": changed,
    }
    if before["comment"] != after["comment"]:
        change["comment"] = {"before": before["comment"], "after": after["comment"]}
    return change if any(change.values()) else {}


def _differing(column: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {key: column.get(key) for key in _COMPARED if column.get(key) != other.get(key)}

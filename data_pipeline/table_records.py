"""The tables of a task as the first stage left them for the others: typed records in the folder's bookkeeping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from data_pipeline.identifiers import file_stem
from data_pipeline.schema_reader import BusinessTable, ForeignKey, TableColumn
from data_pipeline.table_list import TableName
from data_pipeline.task_folder import TaskFolder, checksum

_TABLES: Final = "tables"


def record_name(stem: str) -> str:
    """The state file of a table."""
    return f"{_TABLES}/{checksum(stem.encode('utf-8', 'surrogatepass'))[:32]}.json"


def write_record(folder: TaskFolder, run: int, stem: str, table: BusinessTable, files: Sequence[str]) -> None:
    """Remember a finished table of a run, the last thing done about it."""
    (folder.state / _TABLES).mkdir(exist_ok=True)
    folder.write_state(record_name(stem), {"run": run, "stem": stem, "table": asdict(table), "files": list(files)})


def read_record(folder: TaskFolder, stem: str) -> tuple[int, BusinessTable, list[str]] | None:
    """Run number, table and its files; None when there is no readable record."""
    found = folder.read_state(record_name(stem))
    if not isinstance(found, dict):
        return None
    return int(found["run"]), _table(found["table"]), [str(name) for name in found["files"]]


def stems_of(tables: Sequence[TableName]) -> dict[TableName, str]:
    """File stems of a table list; two tables that would share one are told apart by a number."""
    taken: set[str] = set()
    stems: dict[TableName, str] = {}
    for table in tables:
        stem, number = file_stem(table.schema, table.name), 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{file_stem(table.schema, table.name)}_{number}"
        taken.add(stem.casefold())
        stems[table] = stem
    return stems


def _table(data: dict[str, Any]) -> BusinessTable:
    columns = tuple(TableColumn(**_with_tuples(column)) for column in data["columns"])
    keys = tuple(ForeignKey(**_with_tuples(key)) for key in data["foreign_keys"])
    rest = {name: data[name] for name in ("schema", "name", "comment", "estimated_rows")}
    return BusinessTable(**rest, columns=columns, foreign_keys=keys, primary_key=tuple(data["primary_key"]))


def _with_tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}

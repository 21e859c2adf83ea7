"""Runs the data pipeline on a set's database before its questions are asked, as an operator would on the first day."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from data_pipeline.task import TaskSpec
from tools.evaluate.scene import Scene

_FILE = "table_list.txt"


def train(scene: Scene, set_name: str) -> str:
    """Train on every table and view that may be read; returns what was loaded, for people.

    Raises:
        RuntimeError: the run did not complete; its error is the text.
    """
    container = scene.container
    tables = [f"{table.schema}.{table.name}" for table in container.shared.catalog.schema().tables]
    spec = TaskSpec(
        f"task_{set_name}",
        started_at=datetime.now(UTC).replace(tzinfo=None),
        database_name=set_name,
        business_context=set_name,
    )
    with tempfile.TemporaryDirectory() as folder, container.pipelines.runner() as runner:
        (Path(folder) / _FILE).write_text("\n".join(tables), encoding="utf-8")
        result = runner.run(spec, Path(folder))
    if result.status != "completed":
        raise RuntimeError(result.error)
    counts = container.shared.vector_store.count("default")
    return f"{len(tables)} tables: {counts.sql} pairs, {counts.ddl} DDL, {counts.documentation} documents"

"""What the data pipeline takes: the demo's seven tables, answers before and after, many tables, kill -9 on the way."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from bootstrap.pipeline import KILL_SWITCH, Pipelines
from common.answering import SqlRequest, TrainedPair
from common.errors import CituError
from core.async_bridge import run_in_request_loop
from core.schema_catalog import SchemaCatalog
from core.sql_executor import SqlExecutor
from core.vector_store.store import VectorStore
from data_pipeline.stage import PipelineDatabase
from data_pipeline.task import PipelineLimits, RunResult
from data_pipeline.task_folder import content_checksums
from offline.brain import OfflineBrain

from .figures import Figure
from .pipeline_scene import DEMO_END, DEMO_TABLES, SPEC, Scene, pipelines_on, scene

ROOT: Final = Path(__file__).resolve().parents[2]
DATA: Final = ROOT / "data" / "test"
QUESTIONS: Final = ROOT / "tests" / "fixtures" / "readme_questions.json"
DEMO_SECONDS: Final = 60
MANY_TABLES: Final = 500
MANY_COLUMNS: Final = 30
KILL_POINTS: Final = 20
KILL_ROUNDS: Final = 3
Rows = list[tuple[Any, ...]]


def measure_demo() -> list[Figure]:
    """Seven tables to a trained store, every generated statement run, the README's questions before and after."""
    with (
        scene(DATA, has_demo=True) as place,
        tempfile.TemporaryDirectory() as folder,
        pipelines_on(place.reader_url, place.platform_url) as (pipelines, store),
    ):
        before = _count_right_answers(pipelines, store, place)
        started = time.monotonic()
        result = _run(pipelines, Path(folder), "\n".join(DEMO_TABLES))
        seconds = time.monotonic() - started
        after = _count_right_answers(pipelines, store, place)
        failing, pairs = _failing(pipelines, result)
    return [
        Figure("pipeline demo, 7 tables to trained store", round(seconds, 2), "s", DEMO_SECONDS, "lower"),
        *_step_figures("demo", result),
        Figure("pipeline demo, pairs generated", pairs, "pairs"),
        Figure("pipeline demo, pairs refused or failing or empty", failing, "pairs", 0, "lower"),
        Figure("README questions answered right before, of 10", before, "questions"),
        Figure("README questions answered right after, of 10", after, "questions", before),
    ]


def measure_many() -> list[Figure]:
    """500 tables of 30 columns: step times, memory, no table lost, the longest silence."""
    names = [f"table_{number:03}" for number in range(MANY_TABLES)]
    with scene(DATA, has_demo=False) as place, tempfile.TemporaryDirectory() as folder:
        _make_tables(place.owner_url, names)
        before = _megabytes()
        moments = [time.monotonic()]
        with pipelines_on(place.reader_url, place.platform_url) as (pipelines, _):
            result = _run(pipelines, Path(folder), "\n".join(names), lambda _event: moments.append(time.monotonic()))
        lost = MANY_TABLES - len(list(Path(folder).glob("table_*.ddl")))
    silence = max(later - earlier for earlier, later in pairwise(moments))
    return [
        *_step_figures("500x30", result),
        Figure("pipeline 500x30, tables lost", lost, "tables", 0, "lower"),
        Figure("pipeline 500x30, longest time without progress", round(silence, 2), "s", 1, "lower"),
        Figure("pipeline 500x30, memory added at the peak", round(_megabytes() - before), "MiB"),
        Figure("pipeline 500x30, steps completed", sum(s.status == "completed" for s in result.steps), "steps", 4),
    ]


def measure_kills() -> list[Figure]:
    """Kill -9 at 20 points, three times each; the rerun leaves the same files and records."""
    with scene(DATA, has_demo=True) as place, tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "task"
        total = _points(place, folder)
        wanted = content_checksums(folder), place.trained()
        points = sorted({max(1, round(place_ * total / KILL_POINTS)) for place_ in range(1, KILL_POINTS + 1)})
        kills = different = 0
        for _ in range(KILL_ROUNDS):
            for point in points:
                _empty(place, folder)
                kills += _child(place, folder, point) == -signal.SIGKILL
                _child(place, folder, 0)
                different += (content_checksums(folder), place.trained()) != wanted
    return [
        Figure("pipeline kill -9, points to choose from", total, "points"),
        Figure("pipeline kill -9, runs killed", kills, "runs", len(points) * KILL_ROUNDS),
        Figure("pipeline kill -9, reruns that differ", different, "runs", 0, "lower"),
        Figure("pipeline kill -9, records there twice", wanted[1][1], "records", 0, "lower"),
    ]


def _run(pipelines: Pipelines, folder: Path, tables: str, progress: Any = lambda _event: None) -> RunResult:
    (folder / "table_list.txt").write_text(tables)
    with pipelines.runner() as runner:
        result = runner.run(SPEC, folder, progress=progress)
    if result.status != "completed":
        raise RuntimeError(result.error)
    return result


def _step_figures(name: str, result: RunResult) -> list[Figure]:
    return [Figure(f"pipeline {name}, {step.step}", round(step.duration_seconds, 2), "s") for step in result.steps]


def _failing(pipelines: Pipelines, result: RunResult) -> tuple[int, int]:
    pairs = json.loads(Path(result.steps[1].artifact["output_file"]).read_text())
    with pipelines.database(None, PipelineLimits()) as database:
        executor = database.executor_for(["public"])
        return sum(not _rows(executor, pair["sql"]) for pair in pairs), len(pairs)


def _count_right_answers(pipelines: Pipelines, store: VectorStore, place: Scene) -> int:
    """How many of the README's questions the offline brain answers with the rows of the hand-written SQL."""
    questions = json.loads(QUESTIONS.read_text())
    with pipelines.database(None, PipelineLimits()) as database, psycopg.connect(place.owner_url) as owner:
        executor = database.executor_for(["public"])
        return sum(
            _comparable(_draft_rows(database, executor, store, entry["question"]))
            == _comparable(owner.execute(entry["sql"].encode()).fetchall())
            for entry in questions
        )


def _draft_rows(database: PipelineDatabase, executor: SqlExecutor, store: VectorStore, question: str) -> Rows:
    schema = SchemaCatalog(pool=database.pool).schema()
    matches = store.search("default", "sql", question)
    pairs = [TrainedPair(question=match.question, sql=match.content, score=match.score) for match in matches]
    request = SqlRequest(question, "", schema, DEMO_END, pairs=pairs)
    draft = run_in_request_loop(lambda: OfflineBrain().write_sql(request), timeout_seconds=30)
    return _rows(executor, draft.sql) if draft.sql else []


def _rows(executor: SqlExecutor, statement: str) -> Rows:
    try:
        return [tuple(row.values()) for row in executor.run(statement).result.rows]
    except CituError:
        return []


def _comparable(rows: Rows) -> list[list[str]]:
    """Rows in any order, numbers by value."""
    return sorted([_plain(value) for value in row] for row in rows)


def _plain(value: Any) -> str:
    try:
        return str(round(Decimal(str(value)), 4))
    except InvalidOperation:
        return str(value)


def _make_tables(owner_url: str, names: list[str]) -> None:
    kinds = ("varchar(40)", "integer", "numeric(12,2)", "date", "timestamp", "varchar(20)", "boolean")
    columns = [f"c{number} {kinds[number % len(kinds)]}" for number in range(6, MANY_COLUMNS + 1)]
    shape = (
        "id integer PRIMARY KEY, item_name varchar(40), amount numeric(12,2), day date, item_type varchar(20),"
        f" {', '.join(columns)}"
    )
    filling = (
        "INSERT INTO {} (id, item_name, amount, day, item_type) SELECT i, 'item ' || i % 7, i,"
        " DATE '2024-01-01' + i, 'kind ' || i % 3 FROM generate_series(1, 100) i"
    )
    with psycopg.connect(owner_url) as connection:
        for number, name in enumerate(names):
            table = sql.Identifier(name)
            connection.execute(f"CREATE TABLE {name} ({shape})".encode())
            connection.execute(sql.SQL(filling).format(table))
            connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(f"subject {number}")))


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _points(place: Scene, folder: Path) -> int:
    """How many points a whole run has; the folder keeps its files."""
    count = 0

    def reached(_point: str) -> None:
        nonlocal count
        count += 1

    _empty(place, folder)
    with pipelines_on(place.reader_url, place.platform_url) as (pipelines, _), pipelines.runner() as runner:
        runner.reached = reached
        runner.run(SPEC, folder)
    return count


def _empty(place: Scene, folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True) if folder.exists() else []:
        path.rmdir() if path.is_dir() else path.unlink()
    folder.mkdir(exist_ok=True)
    (folder / "table_list.txt").write_text("\n".join(DEMO_TABLES))
    place.empty_store()


def _child(place: Scene, folder: Path, point: int) -> int:
    """Run the task in a process that is killed at a point (0: never); its exit code."""
    command = [sys.executable, "-m", "tools.bench.pipeline_scene", place.reader_url, place.platform_url, str(folder)]
    environment = {**os.environ, KILL_SWITCH: str(point) if point else ""}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True).returncode

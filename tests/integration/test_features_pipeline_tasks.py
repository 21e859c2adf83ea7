"""Pipeline tasks on real servers: exactly once, gone on with after kill -9, cancelled, retried, without passwords."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import app_config
from bootstrap.container import Container
from bootstrap.pipeline import KILL_SWITCH as RUNNER_KILL_SWITCH
from bootstrap.pipeline_tasks import KILL_SWITCH, PipelineTasks, build_execution
from common.config_service import ConfigService
from common.errors import ConflictError, ForbiddenError, NotFoundError, ReadOnlyError
from core.sql_executor.reader_role import ensure_reader_role
from data_pipeline.task_folder import content_checksums
from features.pipeline_tasks.repository import TaskRepository, waiting_runs
from features.pipeline_tasks.schemas import ListQuery, parse_deletion, parse_execution, parse_new_task, parse_query
from features.pipeline_tasks.worker.execution import TaskExecution
from tools.scratch_databases import drop_database, fresh_database

ROOT = Path(__file__).resolve().parents[2]
TENANT = "default"
TABLES = ["bss_company", "bss_service_area"]
STEP = {"execution_mode": "step", "step_name": "ddl_generation"}
SECRET = "s3cret-pass-word"


@pytest.fixture(scope="module")
def environ(
    platform_url: str,
    redis_url: str,
    business_owner_url: str,
    tmp_path_factory: pytest.TempPathFactory,
    worker_name: str,
) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("tasks")
    platform = fresh_database(platform_url, f"citu_test_tasks_{worker_name}_{os.getpid()}")
    yield {
        "DATABASE_URL": platform,
        "REDIS_URL": redis_url,
        "BUSINESS_DATABASE_URL": ensure_reader_role(
            business_owner_url, role="citu_test_tasks", password=SECRET, schemas=["public"]
        ),
        "DATA_DIR": str(folder),
        "LOG_DIR": str(folder / "logs"),
        "PIPELINE_OUTPUT_DIR": str(folder / "data_pipeline" / "training_data"),
        "PIPELINE_LEASE_SECONDS": "2",
        "DEMO_DATA": "false",
    }
    drop_database(platform_url, platform)


@pytest.fixture(scope="module")
def container(environ: dict[str, str]) -> Iterator[Container]:
    folder = Path(environ["DATA_DIR"])
    settings = ConfigService(
        app_config.rows(), environ=environ, dotenv_path=None, settings_path=folder / "system_settings.json"
    )
    container = Container(settings)
    container.start()
    yield container
    container.close()


@pytest.fixture
def parts(container: Container) -> PipelineTasks:
    with container.shared.platform.session() as session:
        session.execute(text("TRUNCATE data_pipeline_tasks CASCADE"))
        session.execute(text("TRUNCATE langchain_pg_embedding, langchain_pg_collection"))
    container.shared.redis.commands.delete("rq:queue:citu-pipeline")
    return container.pipeline_tasks


def executor(container: Container, reached: Callable[[str], None] | None = None) -> TaskExecution:
    execution = build_execution(
        container.settings,
        platform=container.shared.platform,
        business_url=lambda: container.shared.stores.business_url,
        mode=container.read_only_mode,
        pipelines=container.pipelines,
    )
    if reached is not None:
        execution._reached = reached
    return execution


def new_task(parts: PipelineTasks, tables: list[str] | None = None, **body: Any) -> str:
    created = parts.tasks.create(TENANT, parse_new_task(body))
    task_id = str(created["data"]["task_id"])
    parts.lists.write(TENANT, task_id, {"tables": tables or TABLES})
    return task_id


def execute(parts: PipelineTasks, task_id: str, **body: Any) -> dict[str, Any]:
    return parts.tasks.execute(TENANT, task_id, parse_execution(body))


def status(parts: PipelineTasks, task_id: str) -> dict[str, Any]:
    data: dict[str, Any] = parts.tasks.status(TENANT, task_id)["data"]
    return data


def test_ids_made_at_the_same_time_differ(parts: PipelineTasks) -> None:
    with ThreadPoolExecutor(6) as pool:
        created = list(pool.map(lambda _: parts.tasks.create(TENANT, parse_new_task({})), range(12)))
    ids = [answer["data"]["task_id"] for answer in created]
    assert len(set(ids)) == 12
    assert all(len(task_id) <= 32 and task_id.replace("_", "").isalnum() for task_id in ids)


def test_complete_run_ends_with_trained_records(container: Container, parts: PipelineTasks) -> None:
    task_id = new_task(parts)
    execute(parts, task_id)
    assert status(parts, task_id)["status"] == "pending"
    assert status(parts, task_id)["run"]["note"]
    assert executor(container).run(TENANT, task_id) == "ran"
    done = status(parts, task_id)
    assert done["status"] == "completed"
    assert set(done["step_status"].values()) == {"completed"}
    assert done["completed_at"]
    assert done["error_message"] is None
    assert container.shared.vector_store.count(TENANT).total > 0
    types = list(parts.events.stream(TENANT, task_id, None))
    assert sum('"type": "completed"' in frame for frame in types) == 1
    assert any('"type": "progress"' in frame and "bss_company" in frame for frame in types)


@pytest.mark.parametrize("body", [STEP, {"execution_mode": "complete"}])
def test_a_run_has_ended_when_its_last_step_has(
    container: Container, parts: PipelineTasks, body: dict[str, Any]
) -> None:
    """Who polls a step and starts the next one must not meet the end of the last run."""
    task_id = new_task(parts)
    execute(parts, task_id, **body)
    last = "ddl_generation" if body == STEP else "training_load"
    seen: list[tuple[str, str]] = []

    def look(_point: str) -> None:
        data = status(parts, task_id)
        seen.append((data["step_status"][last], data["run"]["state"]))

    executor(container, look).run(TENANT, task_id)
    assert {state for state, _ in seen} == {"pending", "running", "completed"}
    assert {run for state, run in seen if state == "completed"} == {"completed"}
    assert sum('"type": "step_completed"' in frame for frame in parts.events.stream(TENANT, task_id, None)) == (
        1 if body == STEP else 4
    )


def test_two_runs_of_one_task_are_refused_and_a_running_one_is_not_deleted(parts: PipelineTasks) -> None:
    task_id = new_task(parts)
    execute(parts, task_id)
    with pytest.raises(ConflictError):
        execute(parts, task_id)
    deletion = parse_deletion({"task_ids": [task_id], "confirm": True, "delete_database_records": True})
    assert parts.tasks.delete(TENANT, deletion)["data"]["summary"]["failed"] == 1
    assert status(parts, task_id)["task_id"] == task_id


def test_a_later_success_clears_the_error(container: Container, parts: PipelineTasks) -> None:
    task_id = str(parts.tasks.create(TENANT, parse_new_task({}))["data"]["task_id"])
    execute(parts, task_id, **STEP)
    executor(container).run(TENANT, task_id)
    failed = status(parts, task_id)
    assert (failed["status"], set(failed["step_status"].values())) == ("failed", {"pending"})
    assert "表清单文件不存在" in failed["error_message"]
    parts.lists.write(TENANT, task_id, {"tables": TABLES})
    execute(parts, task_id, **STEP)
    executor(container).run(TENANT, task_id)
    done = status(parts, task_id)
    assert (done["status"], done["error_message"], done["completed_at"]) == ("partial_completed", None, None)


def test_a_failed_task_tells_what_failed_last(container: Container, parts: PipelineTasks) -> None:
    task_id = new_task(parts)
    for step in ("qa_generation", "training_load", "ddl_generation"):
        execute(parts, task_id, execution_mode="step", step_name=step)
        executor(container).run(TENANT, task_id)
    failed = status(parts, task_id)
    assert (failed["status"], failed["step_status"]["ddl_generation"]) == ("failed", "completed")
    assert failed["error_message"] == failed["steps"][3]["error_message"] == "训练数据加载失败：未找到可处理的训练文件"


def test_failed_step_is_retried_where_it_ended(container: Container, parts: PipelineTasks) -> None:
    task_id = new_task(parts)
    execute(parts, task_id)
    folder = container.pipelines.output_folder / task_id

    def break_it(point: str) -> None:
        if point.startswith("qa_generation started"):
            for file in folder.glob("*.ddl"):
                file.rename(file.with_suffix(".hidden"))

    executor(container, break_it).run(TENANT, task_id)
    assert status(parts, task_id)["step_status"]["qa_generation"] == "failed"
    for file in folder.glob("*.hidden"):
        file.rename(file.with_suffix(".ddl"))
    before = status(parts, task_id)["steps"][0]["started_at"]
    parts.tasks.retry(TENANT, task_id)
    executor(container).run(TENANT, task_id)
    done = status(parts, task_id)
    assert (done["status"], done["error_message"], done["run"]["number"]) == ("completed", None, 2)
    assert before
    with pytest.raises(ConflictError):
        parts.tasks.retry(TENANT, task_id)


def test_cancel_stops_a_waiting_and_a_running_task(container: Container, parts: PipelineTasks) -> None:
    waiting = new_task(parts)
    execute(parts, waiting)
    assert parts.tasks.cancel(TENANT, waiting)["data"]["cancelled"] is True
    assert executor(container).run(TENANT, waiting) == "nothing"
    running = new_task(parts)
    execute(parts, running)
    asked = threading.Event()

    def cancel_in_the_middle(point: str) -> None:
        if point.startswith("ddl_generation completed") and not asked.is_set():
            asked.set()
            parts.tasks.cancel(TENANT, running)
            time.sleep(1.2)  # the lease's thread hears of it

    executor(container, cancel_in_the_middle).run(TENANT, running)
    ended = status(parts, running)
    assert (ended["status"], ended["run"]["state"], ended["run"]["cancel_requested"]) == ("failed", "cancelled", False)
    assert "running" not in ended["step_status"].values()
    with pytest.raises(ConflictError):
        parts.tasks.cancel(TENANT, running)


def test_read_only_mode_refuses_runs_and_holds_waiting_ones(container: Container, parts: PipelineTasks) -> None:
    task_id = new_task(parts)
    execute(parts, task_id)
    container.read_only_mode.switch(is_read_only=True, reason="test")
    try:
        assert executor(container).run(TENANT, task_id) == "later"
        with pytest.raises(ReadOnlyError):
            execute(parts, new_task(parts))
        assert "只读" in status(parts, task_id)["run"]["note"]
    finally:
        container.read_only_mode.switch(is_read_only=False, reason="")
    assert executor(container).run(TENANT, task_id) == "ran"


@pytest.mark.slow
def test_two_workers_do_ten_tasks_once_each(container: Container, parts: PipelineTasks) -> None:
    ids = [new_task(parts, ["bss_company"], enable_training_data_load=False) for _ in range(10)]
    for task_id in ids:
        execute(parts, task_id, **STEP)
    with ThreadPoolExecutor(2) as pool:
        workers = [executor(container), executor(container)]
        did = [pool.submit(worker.run, TENANT, task_id) for task_id in ids for worker in workers]
    assert sorted(done.result() for done in did) == ["nothing"] * 10 + ["ran"] * 10
    assert {status(parts, task_id)["run"]["attempts"] for task_id in ids} == {1}
    assert {status(parts, task_id)["status"] for task_id in ids} == {"partial_completed"}


def worker_process(environ: dict[str, str], **more: str) -> subprocess.Popen[bytes]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = [sys.executable, "-m", "serving.worker", "--burst"]
    return subprocess.Popen(command, cwd=ROOT, env={**inherited, **environ, **more}, stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_killed_workers_leave_runs_that_go_on_with_identical_output(
    container: Container, parts: PipelineTasks, environ: dict[str, str]
) -> None:
    sums: list[dict[str, str]] = []
    for kill in ({}, {KILL_SWITCH: "3"}, {RUNNER_KILL_SWITCH: "9"}):
        task_id = new_task(parts, enable_training_data_load=False, business_context="same")
        execute(parts, task_id)
        if kill:
            assert worker_process(environ, **kill).wait(60) == -signal.SIGKILL
            assert status(parts, task_id)["run"]["state"] == "running"
            until = time.monotonic() + 20
            while not overlooked(container):
                assert time.monotonic() < until
                time.sleep(0.1)
        assert executor(container).run(TENANT, task_id) == "ran"
        done = status(parts, task_id)
        assert (done["status"], done["run"]["attempts"]) == ("completed", 2 if kill else 1)
        files = content_checksums(container.pipelines.output_folder / task_id)
        sums.append({name: value for name, value in files.items() if name.endswith((".ddl", ".md", "mapping.txt"))})
    assert sums[0]
    assert sums[0] == sums[1] == sums[2]


def overlooked(container: Container) -> int:
    with container.shared.platform.session() as session:
        return len(waiting_runs(session, queued_for_seconds=0, limit=10))


def test_passwords_are_nowhere(container: Container, parts: PipelineTasks, environ: dict[str, str]) -> None:
    task_id = new_task(parts, db_connection=environ["BUSINESS_DATABASE_URL"])
    execute(parts, task_id, **STEP)
    executor(container).run(TENANT, task_id)
    folder = container.pipelines.output_folder / task_id
    everywhere = [path.read_text("utf-8", "replace") for path in folder.rglob("*") if path.is_file()]
    everywhere.append(str(status(parts, task_id)))
    with container.shared.platform.session() as session:
        everywhere.append(str(TaskRepository(session, TENANT).task(task_id)))
    assert status(parts, task_id)["step_status"]["ddl_generation"] == "completed"
    assert not [found for found in everywhere if SECRET in found]


@pytest.mark.parametrize("url", ["postgresql://u:p@10.0.0.1:5432/x", "postgresql://u:p@169.254.169.254/x"])
def test_strange_databases_are_refused(parts: PipelineTasks, url: str) -> None:
    with pytest.raises(ForbiddenError):
        parts.tasks.create(TENANT, parse_new_task({"db_connection": url}))
    assert parts.tasks.listed(TENANT, ListQuery())["data"]["total"] == 0


def test_tasks_of_tenants_are_apart(parts: PipelineTasks) -> None:
    task_id = new_task(parts)
    parts.tasks.create("other", parse_new_task({"task_name": "theirs"}))
    assert [task["task_id"] for task in parts.tasks.listed(TENANT, ListQuery())["data"]["tasks"]] == [task_id]
    assert parts.tasks.query("other", parse_query({}))["data"]["pagination"]["total"] == 1
    with pytest.raises(NotFoundError):
        parts.tasks.status("other", task_id)
    with pytest.raises(NotFoundError):
        parts.tasks.execute("other", task_id, parse_execution({}))


@pytest.mark.parametrize(
    ("wanted", "count"),
    [("pending", 1), ("in_progress", 0), ("running", 0), ("partial_completed", 0), ("cancelled", 0), ("failed", 0)],
)
def test_every_status_can_be_asked_for(parts: PipelineTasks, wanted: str, count: int) -> None:
    new_task(parts)
    found = parts.tasks.query(TENANT, parse_query({"status": wanted}))["data"]
    assert (found["pagination"]["total"], found["filters_applied"]) == (count, {"status": wanted})

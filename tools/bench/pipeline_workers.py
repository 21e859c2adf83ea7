"""What a killed worker of pipeline tasks costs: kill -9 at many points of a run, another worker goes on; ten tasks at
once on two workers.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import redis

import app_config
from bootstrap.container import Container
from bootstrap.pipeline import KILL_SWITCH as RUNNER_SWITCH
from bootstrap.pipeline_tasks import KILL_SWITCH as TASK_SWITCH
from bootstrap.pipeline_tasks import build_execution
from common.config_service import ConfigService
from core.embedded import acquire_servers
from data_pipeline.task_folder import content_checksums
from features.pipeline_tasks.schemas import parse_execution, parse_new_task
from features.pipeline_tasks.worker.execution import TaskExecution

from .figures import Figure
from .pipeline import DATA, ROOT
from .pipeline_scene import DEMO_TABLES, Scene, scene

TENANT: Final = "default"
LEASE_SECONDS: Final = 2
POINTS: Final = 20
TASKS_AT_ONCE: Final = 10
Sums = tuple[dict[str, str], tuple[str, int]]


def measure(*, rounds: int, points: int = POINTS) -> list[Figure]:
    """On the worker: half of the points lie in the task's bookkeeping, half in the pipeline itself."""
    with scene(DATA, has_demo=True) as place, tempfile.TemporaryDirectory() as folder, _serving(place, folder) as house:
        total = house.points()
        _, wanted = house.killed_run("", 0)
        killed = different = 0
        waits: list[float] = []
        for number in range(rounds * points):
            place_of_kill = 1 + number % points
            switch = TASK_SWITCH if number % 2 else RUNNER_SWITCH
            seconds, sums = house.killed_run(switch, max(1, round(place_of_kill * total[switch] / points)))
            killed += house.was_killed
            different += sums != wanted
            waits.append(seconds)
        repeated = house.ten_tasks()
    return [
        Figure("pipeline worker kill -9, runs killed", killed, "runs", rounds * points),
        Figure("pipeline worker kill -9, outputs that differ", different, "runs", 0, "lower"),
        Figure("pipeline worker kill -9, records there twice", wanted[1][1], "records", 0, "lower"),
        Figure("pipeline worker kill -9, longest wait", round(max(waits), 2), "s", LEASE_SECONDS + 1, "lower"),
        Figure("ten tasks on two workers, runs done twice or never", repeated, "runs", 0, "lower"),
    ]


class _House:
    def __init__(self, place: Scene, container: Container, environ: dict[str, str]) -> None:
        self._place = place
        self._container = container
        self._environ = environ
        self.was_killed = False

    def killed_run(self, switch: str, point: int) -> tuple[float, Sums]:
        """Seconds until another worker could take the run, and what is there in the end."""
        self._place.empty_store()
        task_id = self._new_task()
        self.was_killed = bool(switch) and self._worker({switch: str(point)}) == -signal.SIGKILL
        started, waited, execution = time.monotonic(), 0.0, self._execution()
        while self._state(task_id) is not None and time.monotonic() < started + 10 * LEASE_SECONDS:
            waited = time.monotonic() - started
            if execution.run(TENANT, task_id) == "nothing":
                time.sleep(0.05)
        files = content_checksums(self._container.pipelines.output_folder / task_id)
        comparable = {name: text for name, text in files.items() if name.endswith((".ddl", ".md", "_mapping.txt"))}
        return waited if self.was_killed else 0.0, (comparable, self._place.trained())

    def points(self) -> dict[str, int]:
        """How many points a whole run has, by switch."""
        self._place.empty_store()
        counts = {TASK_SWITCH: 0, RUNNER_SWITCH: 0}
        execution = self._execution()
        runner_of = execution._runner_of

        def reached(switch: str) -> None:
            counts[switch] += 1

        @contextmanager
        def counting(url: str | None) -> Iterator[object]:
            with runner_of(url) as runner:
                runner.reached = lambda _point: reached(RUNNER_SWITCH)
                yield runner

        execution._runner_of = counting  # type: ignore[assignment]
        execution._reached = lambda _point: reached(TASK_SWITCH)
        execution.run(TENANT, self._new_task())
        return counts

    def ten_tasks(self) -> int:
        """Attempts and outcomes of ten tasks offered to two workers at once that are not exactly one each."""
        ids = [self._new_task() for _ in range(TASKS_AT_ONCE)]
        workers = [self._execution(), self._execution()]
        with ThreadPoolExecutor(len(workers)) as pool:
            did = [pool.submit(worker.run, TENANT, task_id) for task_id in ids for worker in workers]
        return abs(sum(done.result() == "ran" for done in did) - TASKS_AT_ONCE)

    def _new_task(self) -> str:
        parts = self._container.pipeline_tasks
        task_id = str(parts.tasks.create(TENANT, parse_new_task({}))["data"]["task_id"])
        parts.lists.write(TENANT, task_id, {"tables": list(DEMO_TABLES)})
        parts.tasks.execute(TENANT, task_id, parse_execution({}))
        return task_id

    def _state(self, task_id: str) -> str | None:
        run = self._container.pipeline_tasks.tasks.status(TENANT, task_id)["data"]["run"]
        return run["state"] if run["state"] in ("queued", "running") else None

    def _execution(self) -> TaskExecution:
        container = self._container
        return build_execution(
            container.settings,
            platform=container.shared.platform,
            business_url=lambda: container.shared.stores.business_url,
            mode=container.read_only_mode,
            pipelines=container.pipelines,
        )

    def _worker(self, switches: dict[str, str]) -> int:
        command = [sys.executable, "-m", "serving.worker", "--burst"]
        environ = {**os.environ, **self._environ, **switches}
        return subprocess.run(command, cwd=ROOT, env=environ, check=False, capture_output=True).returncode


@contextmanager
def _serving(place: Scene, folder: str) -> Iterator[_House]:
    with acquire_servers(DATA) as lease:
        environ = {
            "DATABASE_URL": place.platform_url,
            "BUSINESS_DATABASE_URL": place.reader_url,
            "REDIS_URL": lease.addresses.redis_url,
            "DATA_DIR": folder,
            "LOG_DIR": f"{folder}/logs",
            "PIPELINE_OUTPUT_DIR": f"{folder}/data_pipeline/training_data",
            "PIPELINE_LEASE_SECONDS": str(LEASE_SECONDS),
            "DEMO_DATA": "false",
        }
        with redis.Redis.from_url(lease.addresses.redis_url) as client:
            client.delete("rq:queue:citu-pipeline")
        settings_path = Path(folder) / "system_settings.json"
        settings = ConfigService(app_config.rows(), environ=environ, dotenv_path=None, settings_path=settings_path)
        container = Container(settings)
        try:
            container.start()
            yield _House(place, container, environ)
        finally:
            container.close()

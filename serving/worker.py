"""A worker of pipeline tasks: `python -m serving.worker [--burst]`, as many processes as tasks are to run at once.

`make run` starts PIPELINE_WORKERS of them, `make worker` one more. One that dies costs nothing: its task goes on in
another. SIGTERM gives the running task back to the queue between two tables.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy.exc import SQLAlchemyError

from bootstrap.container import Container, build_container
from bootstrap.pipeline_tasks import (
    QUEUE,
    WORKER_SILENT_SECONDS,
    TaskQueue,
    build_execution,
    serve_with,
    wake_for_overlooked,
)
from common.errors import CituError
from core.logging import get_app_logger
from core.process_tree import STOP_WITH_PARENT, stop_with_parent
from features.pipeline_tasks.worker.execution import TaskExecution

logger = get_app_logger("worker")
_TURN_SECONDS: Final = WORKER_SILENT_SECONDS / 5


class TaskWorker(SimpleWorker):
    """RQ's worker without a process a job: a job needs this process's connections, and leases watch over kills."""

    tasks: TaskExecution | None = None

    def request_stop(self, signum: Any, frame: Any) -> None:
        """The first signal ends the job between two tables; RQ ends the loop after it."""
        if self.tasks is not None:
            self.tasks.stop()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def handle_warm_shutdown_request(self) -> None:
        """RQ's own log line; nothing else."""
        logger.info("the worker stops after its present table")


class Attendance:
    """A thread that says the worker is there and looks for overlooked tasks."""

    def __init__(self, container: Container, queue: TaskQueue, name: str) -> None:
        self._container = container
        self._queue = queue
        self._name = name
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._attend, name="attendance", daemon=True)

    def __enter__(self) -> Attendance:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()
        try:
            self._queue.remove_worker(self._name)
        except RedisError:
            logger.info("Redis is away, nobody hears that this worker leaves")

    def _attend(self) -> None:
        while not self._ended.is_set():
            try:
                self._queue.announce_worker(self._name)
                wake_for_overlooked(self._container.shared.platform, self._queue)
            except (RedisError, CituError, SQLAlchemyError) as error:
                logger.warning("the worker cannot look for tasks: %s", type(error).__name__)
            self._ended.wait(_TURN_SECONDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 after an orderly stop, 1 with one clear sentence when it cannot start."""
    parser = argparse.ArgumentParser(prog="serving.worker", description=__doc__)
    parser.add_argument("--burst", action="store_true", help="do what waits, then end")
    options = parser.parse_args(arguments)
    if os.environ.get(STOP_WITH_PARENT):
        stop_with_parent()
    container: Container | None = None
    try:
        container = build_container()
        container.start()
        work(container, is_burst=options.burst)
    except CituError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if container is not None:
            container.close()
    return 0


def work(container: Container, *, is_burst: bool) -> None:
    """Do tasks until told to stop, or in a burst until none waits.

    Raises:
        CituError: a store cannot be reached at the start.
    """
    settings = container.settings
    execution = build_execution(
        settings,
        platform=container.shared.platform,
        business_url=lambda: container.shared.stores.business_url,
        mode=container.read_only_mode,
        pipelines=container.pipelines,
    )
    serve_with(execution)
    queue = TaskQueue(container.shared.stores.redis_url, timeout_seconds=settings.get("REDIS_TIMEOUT"))
    name = f"{socket.gethostname()}-{os.getpid()}"
    connection = Redis.from_url(container.shared.stores.redis_url)
    worker = TaskWorker([QUEUE], connection=connection, serializer=JSONSerializer)
    worker.tasks = execution
    worker.log_job_description = False
    try:
        wake_for_overlooked(container.shared.platform, queue)
        with Attendance(container, queue, name):
            worker.work(burst=is_burst, logging_level="WARNING")
    finally:
        queue.close()
        connection.close()


if __name__ == "__main__":
    sys.exit(main())

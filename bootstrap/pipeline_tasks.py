"""Builds the services of pipeline tasks, the queue that wakes workers, and what a worker runs.

RQ carries only names of tasks, as JSON: what is to be done stands in the platform database, so a lost or forged
message runs nothing that was not asked for.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flask import Request
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

import app_config
from bootstrap.database_tools import database_targets
from bootstrap.pipeline import Pipelines
from bootstrap.quotas import file_quota
from common.config_service import ConfigService
from core.database import Database
from core.logging import get_app_logger
from core.read_only_mode import ReadOnlyMode
from core.vector_store.origin import Standing
from features.pipeline_tasks.connections import BusinessTargets
from features.pipeline_tasks.events import TaskEvents
from features.pipeline_tasks.existing_tasks import ExistingTasks
from features.pipeline_tasks.files import TaskFiles
from features.pipeline_tasks.logs import TaskLogs
from features.pipeline_tasks.repository import waiting_runs
from features.pipeline_tasks.service import PipelineTaskService
from features.pipeline_tasks.shipped_lists import ShippedLists
from features.pipeline_tasks.table_lists import TableLists
from features.pipeline_tasks.task_folders import TaskFolders
from features.pipeline_tasks.worker.execution import TaskExecution
from features.wire import sse
from web.training_trust import TrainingTrust

logger = get_app_logger("pipeline_tasks")
QUEUE: Final = "citu-pipeline"
WORKERS_KEY: Final = "citu:pipeline:workers"
WORKER_SILENT_SECONDS: Final = 10.0
KILL_SWITCH: Final = "CITU_PIPELINE_TASK_KILL_AT"
"""Environment variable of the kill tests: a number N kills this process at the N-th point of a run's bookkeeping."""

_JOB: Final = "bootstrap.pipeline_tasks.run_queued_task"
_OVERLOOKED_SECONDS: Final = 2.0
_MOST_AT_ONCE: Final = 200
_JOB_KEPT_SECONDS: Final = 60
_running: list[TaskExecution] = []


@dataclass(frozen=True)
class PipelineTasks:
    """Everything about pipeline tasks that an entry may ask for."""

    tasks: PipelineTaskService
    files: TaskFiles
    lists: TableLists
    logs: TaskLogs
    events: TaskEvents
    require_admin: Callable[[Any], None]
    standing_of: Callable[[Any], Standing | None]


class TaskQueue:
    """The queue in Redis. Losing it loses no task: workers look into the database, too.

    Args:
        url: Redis; timeout_seconds: how long a message may take to be left.
    """

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        retry = Retry(NoBackoff(), 0)
        self._redis = Redis.from_url(
            url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds, retry=retry
        )
        self._queue = Queue(QUEUE, connection=self._redis, serializer=JSONSerializer)

    def wake(self, tenant: str, task_id: str) -> None:
        """Tell a worker of a task."""
        try:
            self._queue.enqueue_call(
                _JOB, args=(tenant, task_id), timeout=-1, result_ttl=0, failure_ttl=_JOB_KEPT_SECONDS
            )
        except RedisError as error:
            logger.warning("no worker could be told of a task, one will look: %s", type(error).__name__)

    def is_empty(self) -> bool:
        """Whether no message waits. Raises RedisError."""
        return bool(self._queue.is_empty())

    def announce_worker(self, name: str) -> None:
        """A worker says that it is there; to be repeated within `WORKER_SILENT_SECONDS`. Raises RedisError."""
        now = time.time()
        with self._redis.pipeline() as pipeline:
            pipeline.zadd(WORKERS_KEY, {name: now})
            pipeline.zremrangebyscore(WORKERS_KEY, "-inf", now - WORKER_SILENT_SECONDS)
            pipeline.execute()

    def remove_worker(self, name: str) -> None:
        """A worker leaves. Raises RedisError."""
        self._redis.zrem(WORKERS_KEY, name)

    def has_worker(self) -> bool:
        """Whether a worker has reported itself lately."""
        try:
            return bool(self._redis.zcount(WORKERS_KEY, time.time() - WORKER_SILENT_SECONDS, "+inf"))
        except RedisError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()
        self._redis.connection_pool.disconnect()


def build_pipeline_tasks(
    settings: ConfigService,
    *,
    platform: Database,
    redis_url: str,
    business_url: Callable[[], str],
    mode: ReadOnlyMode,
    trust: TrainingTrust,
    on_close: Callable[[Callable[[], Any]], None],
    require_admin: Callable[[Request], None],
) -> PipelineTasks:
    """The services of an entry."""
    queue = TaskQueue(redis_url, timeout_seconds=settings.get("REDIS_TIMEOUT"))
    on_close(queue.close)
    folders, existing, name = _folders(settings), ExistingTasks(platform), _output_name(settings)
    service = PipelineTaskService(
        database=platform,
        folders=folders,
        targets=_targets(settings, business_url),
        lists=ShippedLists(folder=app_config.ROOT / "data_pipeline", name="data_pipeline"),
        mode=mode,
        wake=queue.wake,
        has_worker=queue.has_worker,
        output_name=name,
        quota=file_quota(settings),
    )
    events = TaskEvents(
        database=platform,
        frame=lambda envelope, seq: sse.frame(sse.as_line(envelope), seq),
        opened=sse.OPENED,
        heartbeat=sse.HEARTBEAT,
        quiet_seconds=settings.get("SSE_HEARTBEAT_SECONDS"),
    )
    return PipelineTasks(
        service,
        TaskFiles(folders=folders, existing=existing, quota=file_quota(settings)),
        TableLists(folders=folders, existing=existing),
        TaskLogs(folders=folders, existing=existing, output_name=name),
        events,
        require_admin,
        trust.run_standing_of,
    )


def build_execution(
    settings: ConfigService,
    *,
    platform: Database,
    business_url: Callable[[], str],
    mode: ReadOnlyMode,
    pipelines: Pipelines,
) -> TaskExecution:
    """What a worker does with a task."""
    return TaskExecution(
        database=platform,
        folders=_folders(settings),
        targets=_targets(settings, business_url),
        mode=mode,
        runner_of=pipelines.runner,
        lease_seconds=settings.get("PIPELINE_LEASE_SECONDS"),
        reached=_kill_switch(),
    )


def serve_with(execution: TaskExecution) -> None:
    """Let the jobs of this process be done by `execution`."""
    _running[:] = [execution]


def run_queued_task(tenant: str, task_id: str) -> str:
    """A job: what RQ calls in a worker."""
    return _running[0].run(tenant, task_id)


def wake_for_overlooked(platform: Database, queue: TaskQueue) -> int:
    """Tell workers of tasks whose message or worker was lost; how many. Raises RedisError, StoreUnavailableError."""
    if not queue.is_empty():
        return 0
    with platform.session() as session:
        found = waiting_runs(session, queued_for_seconds=_OVERLOOKED_SECONDS, limit=_MOST_AT_ONCE)
    for tenant, task_id in found:
        queue.wake(tenant, task_id)
    return len(found)


def _folders(settings: ConfigService) -> TaskFolders:
    return TaskFolders(app_config.project_path(settings.get("PIPELINE_OUTPUT_DIR")))


def _output_name(settings: ConfigService) -> str:
    """The folder as answers may name it: relative to the project, else by its last part."""
    folder = app_config.project_path(settings.get("PIPELINE_OUTPUT_DIR"))
    return folder.relative_to(app_config.ROOT).as_posix() if folder.is_relative_to(app_config.ROOT) else folder.name


def _targets(settings: ConfigService, business_url: Callable[[], str]) -> BusinessTargets:
    return BusinessTargets(configured=business_url, targets=database_targets(settings, business_url))


def _kill_switch() -> Callable[[str], None]:
    wanted = os.environ.get(KILL_SWITCH, "")
    count = 0

    def reached(_point: str) -> None:
        nonlocal count
        count += 1
        if str(count) == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached

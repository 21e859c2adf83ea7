"""A worker of pipeline tasks in a thread of the test process; it looks into the database, RQ is not needed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bootstrap.container import Container
from bootstrap.pipeline_tasks import build_execution
from features.pipeline_tasks.repository import waiting_runs

_LOOK_SECONDS = 0.05


@contextmanager
def working(container: Container) -> Iterator[None]:
    """Tasks of the container's database are done while the block lasts."""
    ended = threading.Event()
    thread = threading.Thread(target=_work, args=(container, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _work(container: Container, ended: threading.Event) -> None:
    execution = build_execution(
        container.settings,
        platform=container.shared.platform,
        business_url=lambda: container.shared.stores.business_url,
        mode=container.read_only_mode,
        pipelines=container.pipelines,
    )
    while not ended.wait(_LOOK_SECONDS):
        with container.shared.platform.session() as session:
            found = waiting_runs(session, queued_for_seconds=0, limit=10)
        for tenant, task_id in found:
            execution.run(tenant, task_id)

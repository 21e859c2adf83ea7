"""The parent of several server processes, and the way one of them asks for its successor; for the launcher."""

from __future__ import annotations

import os
import random
import signal

from uvicorn.supervisors import Multiprocess

from core.process_tree import LAUNCHER_PID

# How long a replacement may take until it serves; the restart is given up after that and the old worker stays.
WORKER_START_SECONDS = 60
# A worker that does not answer its supervisor for so long is taken for dead; it cannot answer while it is imported.
WORKER_SILENT_SECONDS = 15


class Supervisor(Multiprocess):
    """Keeps the workers running. SIGHUP, or a worker that has served long enough, has them replaced one by one, each
    once its successor serves: nobody waits and nothing fails, with a single worker too."""

    def keep_subprocess_alive(self) -> None:
        # While the parent holds the worker's end too, a dead worker's silence looks like a slow one's: the supervisor
        # would wait out its whole patience before it starts another.
        for process in self.processes:
            process.child_conn.close()
        super().keep_subprocess_alive()

    def handle_signals(self) -> None:
        """SIGUSR1 is a worker that asks for its successor; others that ask meanwhile get theirs in the same turn."""
        is_asked = signal.SIGUSR1 in self.signal_queue
        super().handle_signals()
        if is_asked and not self.should_exit.is_set():
            self.restart_all()
            self.signal_queue[:] = [number for number in self.signal_queue if number != signal.SIGUSR1]

    def terminate_all(self) -> None:
        """The end: without a listener of the parent's, clients that come now are refused instead of left waiting."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def restart_all(self) -> None:
        self.config.timeout_worker_healthcheck = WORKER_START_SECONDS  # the same value decides both
        try:
            super().restart_all()
        finally:
            self.config.timeout_worker_healthcheck = WORKER_SILENT_SECONDS


class WorkerLife:
    """Counts the requests of one worker process; after the last of them its supervisor is asked for new workers.

    uvicorn's own limit lets a worker go first and starts another afterwards: with few workers clients wait for seconds.
    """

    def __init__(self, *, max_requests: int, jitter: int) -> None:
        """Args: max_requests: 0 for no end; jitter: at most so many more, drawn here."""
        self._left = max_requests + random.randint(0, jitter) if max_requests else -1  # noqa: S311  no secret

    def count_request(self) -> None:
        """Called on the event loop for each request."""
        self._left -= 1
        if self._left == 0 and os.environ.get(LAUNCHER_PID) == str(os.getppid()):
            os.kill(os.getppid(), signal.SIGUSR1)

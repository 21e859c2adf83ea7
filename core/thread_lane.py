"""A bounded set of threads with a bounded queue in front; requests have an ordinary lane and a small reserved one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

logger = logging.getLogger("app.asgi_adapter")

Job = Callable[[], None]


@dataclass(frozen=True, slots=True)
class LaneCounts:
    """What a lane holds at one moment. `threads` counts every living thread, those that serve streams included."""

    threads: int
    busy: int
    queued: int
    streams: int
    completed: int

    @property
    def in_flight(self) -> int:
        return self.busy + self.queued + self.streams


class Lane:
    """Runs jobs on at most `threads` threads, keeps at most `queue` waiting, and refuses the rest.

    A job that turns out to be a long stream may leave the ordinary threads (`become_stream`): up to `streams`
    such threads exist beside the `threads` ordinary ones, so open streams do not starve short requests.
    Threads are daemons, started when first needed: one that hangs never keeps the process alive.
    """

    def __init__(self, *, name: str, threads: int, queue: int, streams: int = 0) -> None:
        if threads < 1 or queue < 0 or streams < 0:
            raise ValueError(f"lane {name}: threads >= 1, queue >= 0 and streams >= 0 expected")
        self._name = name
        self._thread_cap = threads
        self._room = threads + queue
        self._stream_cap = streams
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._ordinary_threads = 0
        self._pending = 0
        self._streaming: set[int] = set()
        self._completed = 0
        self._started = 0
        self._stopped = False

    def has_room(self) -> bool:
        """True while one more job would be taken. A hint only: `submit` decides."""
        return self._pending < self._room and not self._stopped

    def submit(self, job: Job) -> bool:
        """Queue `job`; False when threads and queue are full or the lane is stopped."""
        with self._lock:
            if self._stopped or self._pending >= self._room:
                return False
            self._pending += 1
            self._start_thread_if_needed()
        self._jobs.put(job)
        return True

    def become_stream(self) -> bool:
        """Called inside a job: hand its ordinary place on. False when too many streams are open already."""
        with self._lock:
            if len(self._streaming) >= self._stream_cap:
                return False
            self._streaming.add(threading.get_ident())
            self._pending -= 1
            self._ordinary_threads -= 1
            if not self._stopped:
                self._start_thread_if_needed()
            return True

    def counts(self) -> LaneCounts:
        with self._lock:
            busy = min(self._pending, self._ordinary_threads)
            return LaneCounts(
                threads=self._ordinary_threads + len(self._streaming),
                busy=busy,
                queued=self._pending - busy,
                streams=len(self._streaming),
                completed=self._completed,
            )

    def stop(self) -> None:
        """Take no further job; threads leave when the jobs already taken are done."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            for _ in range(self._ordinary_threads):
                self._jobs.put(None)

    def _start_thread_if_needed(self) -> None:
        if self._pending <= self._ordinary_threads or self._ordinary_threads >= self._thread_cap:
            return
        thread = threading.Thread(target=self._work, name=f"{self._name}-{self._started}", daemon=True)
        thread.start()
        self._started += 1
        self._ordinary_threads += 1

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except BaseException:  # a worker thread outlives every job: this is its boundary
                logger.exception("a job of lane %s failed", self._name)
            del job
            if not self._finish_job():
                return
        with self._lock:
            self._ordinary_threads -= 1

    def _finish_job(self) -> bool:
        """Count the job; False when this thread has to end because its place was taken."""
        with self._lock:
            self._completed += 1
            if threading.get_ident() not in self._streaming:
                self._pending -= 1
                return True
            self._streaming.discard(threading.get_ident())
            if self._stopped or self._ordinary_threads >= self._thread_cap:
                return False
            self._ordinary_threads += 1
            return True

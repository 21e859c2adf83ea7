"""The same costly work is done once for everybody who wants it at the same time, in this process and in others.

Who comes first leads; the others wait for what the leader finds, within their own deadline. Threads of one process wait
on one flag, processes on a lock in Redis that its leader renews, so that a killed leader is replaced within a lease.
A leader's failure is its own: one of those who waited leads next. Without Redis each process has a leader.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError

from common.cancellation import CancelSignal
from core.async_bridge import CallerLeftError
from core.logging import get_app_logger

T = TypeVar("T")
_LOGGER = get_app_logger("single_flight")

MAX_WATCHED: Final = 2
"""Flights a caller waits for in vain; then it works for itself, or many failures would queue up behind each other."""
_LOOK_AROUND_SECONDS: Final = 0.1
_RENEWALS_A_LEASE: Final = 3

# KEYS lock; ARGV the leader's token, lease in milliseconds. Only the holder's own lock is touched.
_RENEW: Final = (
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('PEXPIRE', KEYS[1], ARGV[2])"
)
_RELEASE: Final = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('DEL', KEYS[1])"


@dataclass(frozen=True)
class SharedJob(Generic[T]):
    """What is to be done once.

    Attributes:
        find: the finished result where `make` keeps it, or None; it raises nothing.
        make: does the work within the seconds given and keeps the result where `find` looks.
        may_share: whether a result just made is good for those who waited.
    """

    find: Callable[[], T | None]
    make: Callable[[float], T]
    may_share: Callable[[T], bool]


@dataclass(frozen=True)
class SharedResult(Generic[T]):
    """A result; `is_own` when this caller did the work."""

    value: T
    is_own: bool


@dataclass
class _InFlight(Generic[T]):
    """One flight of this process; `result` stands before `has_ended` is set, and stays None when it failed."""

    has_ended: threading.Event = field(default_factory=threading.Event)
    result: T | None = None


class SingleFlight:
    """See the module. Threads share it.

    Args:
        redis: a client with text responses and short timeouts.
        lease_seconds: how long a lock outlives a leader that was killed.
        poll_seconds: how often a process looks whether another one's leader has ended.
    """

    def __init__(self, redis: Redis, *, lease_seconds: float = 5.0, poll_seconds: float = 0.05) -> None:
        self._redis = redis
        self._lease_seconds = lease_seconds
        self._poll_seconds = poll_seconds
        self._renew = redis.register_script(_RENEW)
        self._release = redis.register_script(_RELEASE)
        self._lock = threading.Lock()
        self._flights: dict[str, _InFlight[object]] = {}

    def run(
        self, name: str, work: SharedJob[T], *, timeout_seconds: float, cancel: CancelSignal | None = None
    ) -> SharedResult[T]:
        """What `work.find` finds, at once or after somebody else's flight, or what `work.make` makes.

        Args:
            name: the Redis key of the lock; the same for the same work.

        Raises:
            TimeoutError: `timeout_seconds` passed while waiting.
            CallerLeftError: `cancel` was set while waiting.
            Exception: what `work.make` raises for this caller.
        """
        patience = _Patience(timeout_seconds, cancel)
        for _ in range(MAX_WATCHED):
            found = work.find()
            if found is not None:
                return SharedResult(found, is_own=False)
            is_leader, flight = self._join(name)
            if is_leader:
                return self._lead_threads(name, flight, work, patience)
            while not flight.has_ended.wait(min(_LOOK_AROUND_SECONDS, patience.remaining())):
                pass
            if flight.result is not None:
                return SharedResult(flight.result, is_own=False)  # type: ignore[arg-type]  # the name fixes the type
        return _find_or_make(work, patience)

    def _join(self, name: str) -> tuple[bool, _InFlight[object]]:
        """The flight of this process, and whether the caller has to lead it."""
        with self._lock:
            flight = self._flights.get(name)
            if flight is not None:
                return False, flight
            flight = self._flights[name] = _InFlight()
            return True, flight

    def _lead_threads(
        self, name: str, flight: _InFlight[object], work: SharedJob[T], patience: _Patience
    ) -> SharedResult[T]:
        try:
            landed = self._lead_processes(name, work, patience)
            if not landed.is_own or work.may_share(landed.value):
                flight.result = landed.value
            return landed
        finally:
            with self._lock:
                del self._flights[name]
            flight.has_ended.set()

    def _lead_processes(self, name: str, work: SharedJob[T], patience: _Patience) -> SharedResult[T]:
        token = uuid4().hex
        for _ in range(MAX_WATCHED):
            if self._take(name, token):
                with self._lock_held(name, token):
                    return _find_or_make(work, patience)  # the last leader may have ended since we looked
            self._wait_for_other_process(name, patience)
            found = work.find()
            if found is not None:
                return SharedResult(found, is_own=False)
        return _find_or_make(work, patience)

    def _take(self, name: str, token: str) -> bool:
        """Whether the lock is ours; without Redis nobody can hold it against us."""
        try:
            return bool(self._redis.set(name, token, nx=True, px=self._lease_milliseconds))
        except RedisError:
            return True

    def _wait_for_other_process(self, name: str, patience: _Patience) -> None:
        """Until the present holder lets go, dies, is replaced, or Redis is lost."""
        holder = now = self._holder(name)
        while now is not None and now == holder:
            time.sleep(min(self._poll_seconds, patience.remaining()))
            now = self._holder(name)

    def _holder(self, name: str) -> object:
        try:
            return self._redis.get(name)
        except RedisError:
            return None

    @property
    def _lease_milliseconds(self) -> int:
        return max(1, int(self._lease_seconds * 1000))

    @contextmanager
    def _lock_held(self, name: str, token: str) -> Iterator[None]:
        """Renew the lock until the block ends, then give it back."""
        has_ended = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(name, token, has_ended), name="single-flight", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            has_ended.set()
            keeper.join()
            try:
                self._release(keys=[name], args=[token])
            except RedisError as error:
                _LOGGER.debug("a lock was left to expire: %s", type(error).__name__)

    def _keep(self, name: str, token: str, has_ended: threading.Event) -> None:
        while not has_ended.wait(self._lease_seconds / _RENEWALS_A_LEASE):
            try:
                self._renew(keys=[name], args=[token, self._lease_milliseconds])
            except RedisError as error:
                _LOGGER.debug("a lock could not be renewed: %s", type(error).__name__)


class _Patience:
    """How long a caller waits."""

    def __init__(self, timeout_seconds: float, cancel: CancelSignal | None) -> None:
        self._deadline = time.monotonic() + timeout_seconds
        self._cancel = cancel

    def remaining(self) -> float:
        """Seconds left, more than 0; raises like `SingleFlight.run`."""
        if self._cancel is not None and self._cancel.is_set():
            raise CallerLeftError("the caller left while it waited for another's work")
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("another's work took too long")
        return seconds


def _find_or_make(work: SharedJob[T], patience: _Patience) -> SharedResult[T]:
    found = work.find()
    if found is not None:
        return SharedResult(found, is_own=False)
    return SharedResult(work.make(patience.remaining()), is_own=True)

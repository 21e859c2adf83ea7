"""Thread ids: how they are made, whom they belong to, and under which id a tenant's thread is stored."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from redis import Redis
from redis.exceptions import RedisError

from common.tenant import DEFAULT_TENANT_NAME, Tenant, redis_key

MAX_THREAD_ID_CHARS: Final = 200
_SEPARATOR: Final = "\x1f"
"""No id a client sends may hold a control character, so nobody reaches into another tenant with it."""
_CONTROL: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_MILLISECOND: Final = timedelta(milliseconds=1)
_CLAIM_SECONDS: Final = 60
_MOST_CLASHES: Final = 1_000
_lock = threading.Lock()
_last = datetime.min  # noqa: DTZ901 - local wall clock, as ids have always shown it


def new_thread_id(user_id: str) -> str:
    """`<user_id>:<YYYYMMDDHHMMSSmmm>` of now in the server's zone; this process never gives one out twice."""
    global _last
    with _lock:
        now = datetime.now()  # noqa: DTZ005 - see above
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        _last = max(now, _last + _MILLISECOND) if _last > now - timedelta(seconds=5) else now
        stamp = _last
    return f"{user_id}:{stamp:%Y%m%d%H%M%S}{stamp.microsecond // 1000:03d}"


class NewThreadIds:
    """Gives out ids of new threads that no other process gives out: two guests may ask in the same millisecond.

    An id is claimed in Redis for a minute. Without Redis the processes do not know of each other; a thread that exists
    under a new id is then refused by the agent.

    Args:
        redis: a client with text responses and short timeouts, asked for at each use.
    """

    def __init__(self, redis: Callable[[], Redis]) -> None:
        self._redis = redis

    def new(self, tenant: str, user_id: str) -> str:
        """See `new_thread_id`."""
        thread_id = new_thread_id(user_id)
        try:
            for _ in range(_MOST_CLASHES):
                key = redis_key(tenant, f"react:new_thread:{thread_id}")
                if self._redis().set(key, "1", nx=True, ex=_CLAIM_SECONDS):
                    break
                thread_id = new_thread_id(user_id)
        except RedisError:
            pass  # the client has logged it
        return thread_id


def owner_of(thread_id: str) -> str:
    """The user a thread belongs to: what stands before the first colon; empty when there is none."""
    owner, colon, _ = thread_id.partition(":")
    return owner if colon else ""


def is_storable(text: str) -> bool:
    """Whether every store takes the text: no control characters, no halves of surrogate pairs."""
    return _CONTROL.search(text) is None


def stored_id(tenant: str, thread_id: str) -> str:
    """The id in the checkpoint store: unchanged for the default tenant, else under the tenant's own prefix."""
    name = Tenant(tenant)
    return thread_id if name == DEFAULT_TENANT_NAME else f"{name}{_SEPARATOR}{thread_id}"


def stored_prefix(tenant: str) -> str:
    """What all stored ids of the tenant begin with; empty for the default tenant."""
    return stored_id(tenant, "")


def wire_id(tenant: str, stored: str) -> str | None:
    """The thread id of a stored one; None when it is another tenant's."""
    prefix = stored_prefix(tenant)
    if not stored.startswith(prefix) or (not prefix and _SEPARATOR in stored):
        return None
    return stored[len(prefix) :]

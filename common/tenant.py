"""The tenant of a piece of data: a checked name, and the Redis keys that belong to it. Used by every store.

A tenant is always an argument, never ambient state: whoever has none gets a `ValueError`, not somebody's data.
"""

from __future__ import annotations

import re
from typing import Final

_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
DEFAULT_TENANT_NAME: Final = "default"


class Tenant(str):
    """A tenant's name: 1 to 63 of `a-z 0-9 _ -`, starting with a letter or digit.

    It is a string, so it goes into SQL parameters and JSON as it is.

    Raises:
        ValueError: the name is empty, not a string or breaks the pattern.
    """

    __slots__ = ()

    def __new__(cls, name: str) -> Tenant:
        if isinstance(name, cls):
            return name
        if not isinstance(name, str) or not _PATTERN.fullmatch(name):
            raise ValueError("a tenant name is 1 to 63 of a-z, 0-9, '_' and '-', starting with a letter or digit")
        return super().__new__(cls, name)


def redis_key(tenant: str, key: str) -> str:
    """The Redis key of `tenant` for a historical key: unchanged for `default`, else `tenant:{tenant}:{key}`."""
    name = Tenant(tenant)
    return key if name == DEFAULT_TENANT_NAME else f"tenant:{name}:{key}"

"""Who a piece of work is done for, so that shared resources can be divided fairly between callers.

The HTTP boundary sets the caller of a request; services add the user id as soon as they know it; whatever hands out a
shared resource asks for `current_caller()`. A context variable carries it, so threads and requests never mix; work
that moves to another thread by itself takes it along with `working_for`. Access rights never depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Caller:
    """One party that shares are counted for; two requests of the same caller compare equal.

    Attributes:
        tenant: name of the tenant, empty for work of the service itself.
        user_id: who the client says it is; a claim, empty when the request names nobody.
        address: network address of the client, empty for work of the service itself.
        is_exempt: whether limits of requests and quotas leave the address out, as a setting says.
    """

    tenant: str = ""
    user_id: str = ""
    address: str = ""
    is_exempt: bool = field(default=False, compare=False)

    @property
    def is_internal(self) -> bool:
        """Whether the service works for itself: warm-up, health checks, pipeline."""
        return self == INTERNAL


INTERNAL: Final = Caller()
_caller: ContextVar[Caller] = ContextVar("citu_caller", default=INTERNAL)


def current_caller() -> Caller:
    """The caller of this context, `INTERNAL` when nobody set one."""
    return _caller.get()


def set_caller(caller: Caller) -> None:
    """Work for `caller` from now on in this context; called where a request comes in, for every request."""
    _caller.set(caller)


def set_caller_user(user_id: str) -> None:
    """Add the user id to the caller of this context; work of the service itself stays internal."""
    caller = _caller.get()
    if not caller.is_internal:
        _caller.set(replace(caller, user_id=user_id))


@contextmanager
def working_for(caller: Caller) -> Iterator[None]:
    """Work for `caller` within the block, as before after it."""
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)

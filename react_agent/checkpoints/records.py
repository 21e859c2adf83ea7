"""What everybody but the graph needs of the checkpoint store, the same for either store.

Ids are stored ids (see `react_agent.thread_ids`) and plain data: none of their characters has a meaning here.
Every method raises `StoreUnavailableError` when the store cannot be reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from langchain_core.messages import AnyMessage
from langgraph.checkpoint.base import CheckpointTuple

from common.askers import Beginning


@dataclass(frozen=True)
class StoredThread:
    """The newest state of a thread. `updated_at` is UTC ISO, `message_times` UTC ISO by message id.

    `begun` says in which session it was begun; None when an older release wrote it.
    """

    thread_id: str
    checkpoint_id: str
    updated_at: str
    checkpoint_count: int
    messages: Sequence[AnyMessage] = ()
    message_times: Mapping[str, str] = field(default_factory=dict)
    begun: Beginning | None = None


class CheckpointRecords(Protocol):
    """Reads and cleans up."""

    @property
    def store(self) -> str:
        """`postgresql` or `redis`, as `/health` names it."""
        ...

    def latest(self, thread_id: str) -> StoredThread | None:
        """The thread as it is now; None when there is none."""
        ...

    def counts(self, prefix: str = "") -> dict[str, int]:
        """Checkpoints of each thread whose id begins with `prefix`."""
        ...

    def trim(self, thread_id: str, keep: int) -> int:
        """Delete all but the newest `keep` checkpoints with all that belongs to them; how many that were."""
        ...

    def expire(self, older_than_seconds: float) -> int:
        """Delete the threads nothing was added to for so long; how many that were."""
        ...

    def is_available(self) -> bool:
        """Whether the store answers now; raises nothing."""
        ...


def stored_thread(found: CheckpointTuple, count: int) -> StoredThread:
    """A saver's checkpoint as a record."""
    values = found.checkpoint.get("channel_values") or {}
    return StoredThread(
        thread_id=str(found.config["configurable"]["thread_id"]),
        checkpoint_id=str(found.checkpoint["id"]),
        updated_at=str(found.checkpoint["ts"]),
        checkpoint_count=count,
        messages=list(values.get("messages") or []),
        message_times=dict(values.get("message_times") or {}),
        begun=Beginning.of_fields(values.get("begun") or {}),
    )

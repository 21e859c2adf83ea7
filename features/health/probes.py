"""What `/health` asks: each probe is bounded in time and says in a sentence what is wrong, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from common import messages
from common.errors import CituError, ServiceUnavailableError
from core.database import Database
from core.redis_client import RedisClient
from core.schema_catalog import SchemaCatalog
from core.sql_executor import SqlExecutor
from core.sql_executor.reader_rights import ExcessRights
from core.sql_executor.reader_role import can_write

Probe = Callable[[], str | None]
RIGHTS_SECONDS = 60.0


def redis_probe(redis: RedisClient) -> Probe:
    return lambda: None if redis.is_available() else messages.COMPONENT_REDIS_LOST


def platform_probe(platform: Database) -> Probe:
    return lambda: None if platform.is_available() else messages.COMPONENT_PLATFORM_LOST


def business_probe(executor: SqlExecutor, catalog: SchemaCatalog) -> Probe:
    """Whether it can be asked; a server that is too old says so."""

    def probe() -> str | None:
        if not executor.is_available():
            return messages.COMPONENT_BUSINESS_LOST
        return catalog.refusal()

    return probe


def schema_detail(catalog: SchemaCatalog) -> str:
    """How many tables and views can be asked about, or how far they are read."""
    progress = catalog.progress()
    if progress.tables is not None:
        return messages.SCHEMA_READ.format(tables=progress.tables)
    return messages.SCHEMA_PROGRESS.format(read=progress.columns_read, columns=progress.columns)


class WatchedModel(Protocol):
    """What is known of the model's endpoint without asking it."""

    @property
    def trouble(self) -> str | None: ...


def model_probe(model: Callable[[], WatchedModel | None]) -> Probe:
    """How the last calls of this process ended, whoever made them; None stands for the offline engine."""

    def probe() -> str | None:
        client = model()
        trouble = None if client is None else client.trouble
        return None if trouble is None else messages.COMPONENT_MODEL[trouble]

    return probe


def agent_probe(engine: Callable[[], Any]) -> Probe:
    """Building the agent is the test; it is built once."""

    def probe() -> str | None:
        try:
            engine()
        except (CituError, ImportError):
            return messages.COMPONENT_AGENT_LOST
        return None

    return probe


class ReaderRightsProbe:
    """A business account that can do more than it should is a warning, not a failure.

    Whether it can write is looked at once a minute, what else it can do whenever the schema is read.

    Args:
        excess: what the login can do beyond the policy.
    """

    def __init__(
        self,
        business_url: str,
        *,
        excess: Callable[[], ExcessRights] = ExcessRights,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._business_url = business_url
        self._excess = excess
        self._clock = clock
        self._looked_at: float | None = None
        self._reasons: list[str] = []

    def __call__(self) -> str | None:
        """What the account could do beyond reading what it may, or None; rights nobody can tell are a reason too."""
        try:
            if self._looked_at is None or self._clock() - self._looked_at >= RIGHTS_SECONDS:
                self._reasons = can_write(self._business_url)
                self._looked_at = self._clock()
            excess = self._excess()
        except ServiceUnavailableError:
            return messages.COMPONENT_BUSINESS_RIGHTS_UNKNOWN
        sentences = []
        if self._reasons:
            names = "、".join(messages.READER_RIGHTS.get(reason, reason) for reason in self._reasons)
            sentences.append(messages.COMPONENT_BUSINESS_CAN_WRITE.format(reasons=names))
        if excess:
            sentences.append(excess_sentence(excess))
        return "；".join(sentences) or None


def excess_sentence(excess: ExcessRights) -> str:
    """What the login can do beyond the policy, and the statements that mend it."""
    kinds = (
        (messages.EXCESS_COLUMNS, excess.columns),
        (messages.EXCESS_FUNCTIONS, excess.functions),
        (messages.EXCESS_SCHEMAS, excess.schemas),
    )
    found = "，".join(text.format(names="、".join(names)) for text, names in kinds if names)
    mending = "; ".join(excess.mending) or messages.EXCESS_NEEDS_ANOTHER_LOGIN
    return messages.COMPONENT_BUSINESS_EXCESS.format(excess=found, mending=mending)

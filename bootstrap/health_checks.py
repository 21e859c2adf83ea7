"""Builds the two health services: what `/health` looks at, and what `agent_health` exercises."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from bootstrap import probes
from common.errors import CituError, StoreUnavailableError
from common.messages import react as react_texts
from common.messages import retrieval as texts
from common.tenant import DEFAULT_TENANT_NAME
from core.llm.metering import CallAccount
from core.logging import get_app_logger
from core.vector_store.embedding import Embedder
from core.vector_store.store import VectorStore
from features.health.agent.service import AgentHealthService, HealthTest
from features.health.service import Component, HealthService
from web.exposure import exposure_warning

if TYPE_CHECKING:
    from bootstrap.container import Container
    from bootstrap.react import React

logger = get_app_logger("health")

GOOD_SECONDS: Final = 30.0
BAD_SECONDS: Final = 5.0
WAIT_SECONDS: Final = 1.5
ACCOUNT: Final = CallAccount(DEFAULT_TENANT_NAME, "health_check", "health")


class EmbeddingProbe:
    """Whether texts can be embedded: tried every half minute, in a thread of its own so that nobody waits long."""

    def __init__(self, embedder: Embedder, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._embedder = embedder
        self._clock = clock
        self._lock = threading.Lock()
        self._attempt: threading.Thread | None = None
        self._tried_at: float | None = None
        self._reason: str | None = None

    def __call__(self) -> str | None:
        """None, or that it does not work; one that takes too long to answer counts as lost until it does."""
        with self._lock:
            kept_seconds = GOOD_SECONDS if self._reason is None else BAD_SECONDS
            if self._tried_at is not None and self._clock() - self._tried_at < kept_seconds:
                return self._reason
            if self._attempt is None:
                self._attempt = threading.Thread(target=self._try, name="embedding-probe", daemon=True)
                self._attempt.start()
            attempt = self._attempt
        attempt.join(WAIT_SECONDS)
        return texts.EMBEDDING_LOST if attempt.is_alive() else self._reason

    def _try(self) -> None:
        reason = None
        try:
            self._embedder.embed([texts.EMBEDDED_TEXT], account=ACCOUNT)
        except CituError:
            reason = texts.EMBEDDING_LOST
        with self._lock:
            self._reason, self._tried_at, self._attempt = reason, self._clock(), None


class RecordsProbe:
    """Whether training records lie idle because another model made their vectors; counted every half minute."""

    def __init__(self, store: VectorStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._counted: tuple[float, int] | None = None

    def __call__(self) -> str | None:
        """None, or how many; None too while the store is away, which is told by another probe."""
        if self._counted is None or self._clock() - self._counted[0] >= GOOD_SECONDS:
            try:
                self._counted = (self._clock(), self._store.count(DEFAULT_TENANT_NAME).unusable)
            except StoreUnavailableError:
                return None
        count = self._counted[1]
        return texts.RECORDS_UNUSABLE.format(count=count) if count else None


def build_health(parts: Container) -> HealthService:
    """Of the parts of a container."""
    return HealthService(
        [
            Component("redis", probes.redis_probe(parts.redis)),
            Component("platform_database", probes.platform_probe(parts.platform)),
            Component("business_database", probes.business_probe(parts.executor), is_vital=True),
            Component("business_rights", probes.ReaderRightsProbe(parts.stores.business_url)),
            Component("embedding", parts.embedding_probe),
            Component("training_records", RecordsProbe(parts.vector_store)),
            Component("original_agent", probes.agent_probe(parts.classic_agent), is_vital=True),
            Component("react_agent", _react_probe(parts, lambda react: react.agent_probe())),
            Component(
                "checkpoints",
                _react_probe(parts, lambda react: react.checkpoints_probe()),
                detail=lambda: parts.react.store_name(),
            ),
        ],
        warnings={"ADMIN_TOKEN": lambda: exposure_warning(parts.settings)},
        has_react_answered=lambda: "react" in parts.__dict__ and parts.react.has_answered,
    )


def _react_probe(parts: Container, look: Callable[[React], str | None]) -> Callable[[], str | None]:
    """Loads that agent when it is looked at: one that cannot be loaded is a reason, and everything else goes on."""

    def probe() -> str | None:
        try:
            return look(parts.react)
        except ImportError as error:
            logger.error("the ReAct agent cannot be loaded: %s", error)
            return react_texts.COMPONENT_REACT_LOST

    return probe


def build_agent_health(parts: Container) -> AgentHealthService:
    """Of the parts of a container."""
    settings = parts.settings
    test = HealthTest(
        question=settings.get("AGENT_HEALTH_TEST_QUESTION"),
        is_full=settings.get("AGENT_HEALTH_FULL_TEST"),
        timeout_seconds=settings.get("AGENT_HEALTH_TIMEOUT"),
    )
    return AgentHealthService(
        engine=parts.classic_agent,
        classify=parts.classify_by_rules,
        stores={
            "business_database": probes.business_probe(parts.executor),
            "platform_database": probes.platform_probe(parts.platform),
            "embedding": parts.embedding_probe,
        },
        test=test,
    )

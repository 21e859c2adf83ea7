"""Probes of `/health` that are too dear for every request: they look every half minute and repeat what they saw."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from common import messages
from common.errors import CituError, StoreUnavailableError
from common.messages import retrieval as texts
from common.tenant import DEFAULT_TENANT_NAME
from core.llm.metering import CallAccount
from core.vector_store.embedding import Embedder
from core.vector_store.records import RecordCounts
from core.vector_store.store import VectorStore

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
        self._counted: tuple[float, RecordCounts] | None = None

    def __call__(self) -> str | None:
        """None, or how many; None too while the store is away, which is told by another probe."""
        counts = self._counts()
        return texts.RECORDS_UNUSABLE.format(count=counts.unusable) if counts is not None and counts.unusable else None

    def detail(self) -> str:
        """How many records are trained; empty while the store is away."""
        counts = self._counts()
        return "" if counts is None else messages.RECORDS_TRAINED.format(count=counts.total)

    def _counts(self) -> RecordCounts | None:
        if self._counted is None or self._clock() - self._counted[0] >= GOOD_SECONDS:
            try:
                self._counted = (self._clock(), self._store.count(DEFAULT_TENANT_NAME))
            except StoreUnavailableError:
                return None
        return self._counted[1]

"""Turns texts into vectors at an OpenAI-compatible `/embeddings` endpoint. Built by `bootstrap`.

Fulfils the `Embedder` protocol of `core.vector_store.embedding`. Like a chat call, each request goes on an account,
takes its tenant's turn at the `FairGate`, passes the circuit breaker and is metered.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr

from core.llm.call_scope import CallScope
from core.llm.circuit_breaker import CircuitBreaker
from core.llm.config import check_endpoint
from core.llm.errors import (
    EmbeddingDimensionError,
    ModelReplyError,
    error_for_status,
)
from core.llm.fair_gate import FairGate
from core.llm.http_pool import typed_errors
from core.llm.messages import CALL_KIND_HEADER, TokenUsage
from core.llm.metering import CallAccount, CallMeter, NoMeter
from core.llm.retry import Attempts, RetryPolicy, call_with_retry
from core.llm.token_estimate import estimated_tokens


@dataclass(frozen=True)
class EmbeddingConfig:
    """Settings of one embedding model.

    Args:
        base_url: http(s) URL; `/embeddings` is added unless it ends so already.
        dimension: length every vector must have.
        timeout_seconds: the most one batch may take, tries and pauses together.
        attempt_timeout_seconds: the most one try may take.
        batch_size: texts a request carries (DashScope accepts ten).
        asks_for_dimension: send `dimensions`, for models whose vectors can have several lengths.
        max_connections: requests at a time, when no gate is given.
    """

    base_url: str
    model: str
    api_key: SecretStr = field(repr=False)
    dimension: int = 1024
    timeout_seconds: float = 30.0
    attempt_timeout_seconds: float = 12.0
    max_calls: int = 3
    batch_size: int = 10
    asks_for_dimension: bool = False
    max_connections: int = 8

    def __post_init__(self) -> None:
        check_endpoint(self.base_url)


class OpenAIEmbeddings:
    """Embeds texts; threads share it.

    Args:
        config: endpoint, model, key and limits.
        http_client: a pooled client of `core.llm.http_pool`; closed by `close`.
        gate: who may call when; by default `config.max_connections` requests at a time.
        breaker: of this endpoint; by default one of its own.
        meter: whose call is allowed and what it cost; by default nobody counts.
        retry: pauses between tries; by default derived from `config`.
        clock: seconds from any fixed point, never going back.
    """

    def __init__(
        self,
        *,
        config: EmbeddingConfig,
        http_client: httpx.Client,
        gate: FairGate | None = None,
        breaker: CircuitBreaker | None = None,
        meter: CallMeter | None = None,
        retry: RetryPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model_name = config.model
        self.dimension = config.dimension
        self._config = config
        self._http_client = http_client
        self._gate = gate or FairGate(limit=config.max_connections, clock=clock)
        self._breaker = breaker or CircuitBreaker(clock=clock)
        self._meter = meter or NoMeter()
        self._retry = retry or RetryPolicy(
            max_calls=config.max_calls, attempt_timeout_seconds=config.attempt_timeout_seconds
        )
        self._clock = clock
        base = config.base_url.rstrip("/")
        self._url = base if base.endswith("/embeddings") else f"{base}/embeddings"

    def embed(self, texts: Sequence[str], *, account: CallAccount) -> list[list[float]]:
        """Return one vector of length 1 and `dimension` numbers for each text, in order; blank text gives zeros.

        Raises:
            EmbeddingDimensionError: the service answers with vectors of another length.
            ModelCallError: another of its subclasses.
            BudgetExceededError: the account has used its tokens of the day.
        """
        vectors = [[0.0] * self.dimension for _ in texts]
        wanted = [index for index, text in enumerate(texts) if text.strip()]
        for start in range(0, len(wanted), self._config.batch_size):
            batch = wanted[start : start + self._config.batch_size]
            found = self._embed_batch([texts[index] for index in batch], account)
            for index, vector in zip(batch, found, strict=True):
                vectors[index] = vector
        return vectors

    def embed_question(self, question: str, *, account: CallAccount) -> list[float]:
        """`embed` for one text."""
        return self.embed([question], account=account)[0]

    def close(self) -> None:
        """Give the pooled connections back."""
        self._http_client.close()

    def _embed_batch(self, texts: Sequence[str], account: CallAccount) -> list[list[float]]:
        scope = CallScope(self._config.timeout_seconds, self._clock)
        attempts = Attempts(self._retry, scope, "embed", self._breaker)

        def ask(seconds: float) -> list[list[float]]:
            if attempts.made > 1:
                self._gate.note_request()
            return self._request(texts, seconds, account)

        with self._gate.enter(account.tenant, scope):
            self._meter.admit(account)
            return call_with_retry(ask, attempts, scope)

    def _request(self, texts: Sequence[str], seconds: float, account: CallAccount) -> list[list[float]]:
        wanted: dict[str, Any] = {"model": self._config.model, "input": list(texts), "encoding_format": "float"}
        if self._config.asks_for_dimension:
            wanted["dimensions"] = self.dimension
        with typed_errors():
            response = self._http_client.post(
                self._url,
                json=wanted,
                headers=self._headers(),
                timeout=seconds,
            )
            if response.status_code >= 300:
                raise error_for_status(max(response.status_code, 400), response.headers)
            body = json.loads(response.content)
            self._record(body, texts, account)
            return self._vectors(body, len(texts))

    def _headers(self) -> dict[str, str]:
        """A local server needs no key, and an empty one is no valid header."""
        key = self._config.api_key.get_secret_value()
        return {CALL_KIND_HEADER: "embed", **({"Authorization": f"Bearer {key}"} if key else {})}

    def _record(self, body: Any, texts: Sequence[str], account: CallAccount) -> None:
        """An answer that cannot be used has been paid for too."""
        counted = counted_tokens(body)
        tokens = sum(map(estimated_tokens, texts)) if counted is None else counted
        self._meter.record(
            account,
            kind="embed",
            model=self._config.model,
            usage=TokenUsage(tokens, 0),
            is_estimated=counted is None,
        )

    def _vectors(self, body: Any, count: int) -> list[list[float]]:
        rows = sorted(body["data"], key=lambda row: int(row["index"]))
        if [row["index"] for row in rows] != list(range(count)):
            raise ModelReplyError
        return [self._normalised(row["embedding"]) for row in rows]

    def _normalised(self, numbers: Sequence[float]) -> list[float]:
        if len(numbers) != self.dimension:
            raise EmbeddingDimensionError
        length = math.sqrt(math.fsum(float(number) ** 2 for number in numbers))
        if not math.isfinite(length) or length == 0.0:
            raise ModelReplyError
        return [number / length for number in numbers]


def counted_tokens(body: Any) -> int | None:
    """What the service says it has read; None when it does not say, as Ollama's older releases."""
    usage = body.get("usage") if isinstance(body, dict) else None
    counted = [usage.get(name) for name in ("prompt_tokens", "total_tokens")] if isinstance(usage, dict) else []
    return next((number for number in counted if isinstance(number, int) and number > 0), None)

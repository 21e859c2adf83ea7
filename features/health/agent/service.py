"""Exercises the classic agent: its classifier, its model, the training store and the business database.

Called by the HTTP route. The expensive part, a question to the model, is bounded in time, made by one caller at a time,
and every outcome is kept for a few seconds, so that anybody may ask without running up the model's bill.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from common import messages
from common.answering import Answer, Question
from common.errors import CituError, ModelUnavailableError, StatementFailedError, StoreUnavailableError
from common.tenant import DEFAULT_TENANT_NAME
from core.async_bridge import run_in_request_loop
from core.logging import get_app_logger

logger = get_app_logger("agent_health")
Found = TypeVar("Found")
ASKER: Final = "health_check"
NO_EXAMPLES: Final = "no_examples"
FAILURE_SECONDS: Final = 5.0
"""A failing outcome is kept no longer, so that a repair is soon seen."""
VITAL: Final = frozenset({"agent_creation", "tools_import", "classifier_ready", "business_database"})


class ExaminedAgent(Protocol):
    """What is examined of the agent."""

    @property
    def steps(self) -> Sequence[str]:
        """Names of the workflow's steps that do the work."""
        ...

    async def answer(self, question: Question) -> Answer: ...


@dataclass(frozen=True)
class HealthTest:
    """The test question, whether the agent has to answer it, and the seconds that may take."""

    question: str
    is_full: bool
    timeout_seconds: float
    fresh_seconds: float = 5.0


@dataclass
class Findings:
    """What an examination found; `reasons` has an entry for every part that does not work."""

    steps: Sequence[str] | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    test_failure: str | None = None

    @property
    def status(self) -> str:
        if not VITAL.isdisjoint(self.reasons):
            return "unhealthy"
        return "degraded" if self.reasons else "healthy"


class AgentHealthService:
    """Examines the agent now, or returns the result of a recent examination."""

    def __init__(
        self,
        *,
        engine: Callable[[], ExaminedAgent],
        classify: Callable[[str], Any],
        stores: Mapping[str, Callable[[], str | None]],
        test: HealthTest,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args:
        engine: builds the agent or returns the one there is; raises a `CituError` when it cannot be built.
        classify: by rules; raises a `CituError` when they cannot be loaded.
        stores: probes by name, cheap and bounded; each returns None or says what is wrong.
        """
        self._engine = engine
        self._classify = classify
        self._stores = stores
        self._test = test
        self._clock = clock
        self._lock = threading.Lock()
        self._last: tuple[float, Findings] | None = None

    def check(self) -> Findings:
        """What an examination finds; the agent is one for all tenants.

        Raises:
            StatementFailedError: the examination itself broke off.
        """
        try:
            return self._findings()
        except Exception as error:  # whatever is wrong with the agent, a health check answers
            logger.exception("the examination of the agent broke off")
            raise StatementFailedError(messages.AGENT_HEALTH_BROKEN) from error

    def _findings(self) -> Findings:
        arrived = self._clock()
        with self._lock:
            if self._last is None or not self._is_fresh(*self._last, arrived):
                found = self._examine()
                self._last = (self._clock(), found)
            return self._last[1]

    def _is_fresh(self, found_at: float, found: Findings, arrived: float) -> bool:
        """Those who waited for an examination share what it found, whatever that is."""
        fresh = self._test.fresh_seconds
        kept_seconds = fresh if found.status == "healthy" else min(fresh, FAILURE_SECONDS)
        return found_at > arrived or self._clock() - found_at < kept_seconds

    def _examine(self) -> Findings:
        found = Findings()
        agent = _attempt(found, "agent_creation", self._engine)
        if agent is not None:
            found.steps = agent.steps
            if not agent.steps:
                found.reasons["tools_import"] = messages.AGENT_UNAVAILABLE
        _attempt(found, "classifier_ready", lambda: self._classify(self._test.question))
        for name, probe in self._stores.items():
            if (reason := _attempt(found, name, probe)) is not None:
                found.reasons[name] = reason
        if agent is not None and self._test.is_full and VITAL.isdisjoint(found.reasons):
            self._ask(agent, found)
        return found

    def _ask(self, agent: ExaminedAgent, found: Findings) -> None:
        question = Question(self._test.question, DEFAULT_TENANT_NAME, ASKER, ASKER, route="agent_health")
        try:
            answer = run_in_request_loop(lambda: agent.answer(question), timeout_seconds=self._test.timeout_seconds)
        except TimeoutError:
            # the stores answered a moment ago and have short limits of their own: what is slow is the model
            _fail(found, "llm_connection", messages.MODEL_TIMED_OUT)
        except CituError as error:
            _fail(found, _part_of(error), error.message)
        else:
            if not answer.response.strip():
                _fail(found, "llm_connection", messages.AGENT_EMPTY_ANSWER)
            elif NO_EXAMPLES in answer.provenance.get("notes", ()):
                found.reasons.setdefault("platform_database", messages.COMPONENT_PLATFORM_LOST)


def _attempt(found: Findings, name: str, work: Callable[[], Found]) -> Found | None:
    try:
        return work()
    except CituError as error:
        found.reasons[name] = error.message
        return None


def _fail(found: Findings, name: str, reason: str) -> None:
    found.reasons[name] = found.test_failure = reason


def _part_of(error: CituError) -> str:
    if isinstance(error, ModelUnavailableError):
        return "llm_connection"
    return "business_database" if isinstance(error, StoreUnavailableError) else "answer"

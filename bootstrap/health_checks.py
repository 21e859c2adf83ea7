"""Builds the two health services: what `/health` looks at, and what `agent_health` exercises."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bootstrap.foundation import Foundation
from common.answering import Classification
from common.messages import react as react_texts
from core.logging import get_app_logger
from features.health import probes
from features.health.agent.service import AgentHealthService, HealthTest
from features.health.sampled_probes import EmbeddingProbe, RecordsProbe
from features.health.service import Component, HealthService
from web.exposure import exposure_warning, open_hosts_warning

if TYPE_CHECKING:
    from bootstrap.react import React

logger = get_app_logger("health")


def build_health(
    parts: Foundation,
    *,
    embedding: EmbeddingProbe,
    react: Callable[[], React],
    has_react_answered: Callable[[], bool],
) -> HealthService:
    """What `/health` and `/` ask.

    Args:
        react: loads the ReAct agent's parts; may raise ImportError.
        has_react_answered: whether that agent has answered in this process; loads nothing.
    """
    records = RecordsProbe(parts.vector_store)
    return HealthService(
        [
            Component("redis", probes.redis_probe(parts.redis)),
            Component("platform_database", probes.platform_probe(parts.platform)),
            Component(
                "business_database",
                probes.business_probe(parts.executor, parts.catalog),
                is_vital=True,
                detail=lambda: probes.schema_detail(parts.catalog),
            ),
            Component(
                "business_rights",
                probes.ReaderRightsProbe(parts.stores.business_url, excess=parts.catalog.excess_rights_at_hand),
            ),
            Component("model", probes.model_probe(lambda: parts.model)),
            Component("embedding", embedding),
            Component("training_records", records, detail=records.detail),
            Component("original_agent", probes.agent_probe(parts.classic_agent), is_vital=True),
            Component("react_agent", _react_probe(react, lambda agent: agent.agent_probe())),
            Component(
                "checkpoints",
                _react_probe(react, lambda agent: agent.checkpoints_probe()),
                detail=lambda: react().store_name(),
            ),
        ],
        prompt_value_columns=parts.shown_to_the_model,
        warnings={
            "ADMIN_TOKEN": lambda: exposure_warning(parts.settings),
            "ALLOWED_HOSTS": lambda: open_hosts_warning(parts.settings),
        },
        has_react_answered=has_react_answered,
    )


def _react_probe(react: Callable[[], React], look: Callable[[React], str | None]) -> Callable[[], str | None]:
    """Loads that agent when it is looked at: one that cannot be loaded is a reason, and everything else goes on."""

    def probe() -> str | None:
        try:
            return look(react())
        except ImportError as error:
            logger.error("the ReAct agent cannot be loaded: %s", error)
            return react_texts.COMPONENT_REACT_LOST

    return probe


def build_agent_health(
    parts: Foundation, *, classify: Callable[[str], Classification], embedding: EmbeddingProbe
) -> AgentHealthService:
    """What `agent_health` exercises."""
    settings = parts.settings
    test = HealthTest(
        question=settings.get("AGENT_HEALTH_TEST_QUESTION"),
        is_full=settings.get("AGENT_HEALTH_FULL_TEST"),
        timeout_seconds=settings.get("AGENT_HEALTH_TIMEOUT"),
        fresh_seconds=settings.get("AGENT_HEALTH_FRESH_SECONDS"),
    )
    return AgentHealthService(
        engine=parts.classic_agent,
        classify=classify,
        stores={
            "business_database": probes.business_probe(parts.executor, parts.catalog),
            "platform_database": probes.platform_probe(parts.platform),
            "embedding": embedding,
        },
        test=test,
    )

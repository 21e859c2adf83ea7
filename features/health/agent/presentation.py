"""What an examination of the classic agent found, in the envelope: 200 when healthy, else 503."""

from __future__ import annotations

from typing import Any

from common import messages
from common.result import Envelope, health_error_response, health_success_response
from features.health.agent.service import Findings


def shown(found: Findings) -> Envelope:
    """The state of the agent, of each part of it, and why a part does not work."""
    names = ("agent_creation", "tools_import", "llm_connection", "classifier_ready")
    is_built = found.steps is not None
    members: dict[str, Any] = {
        "workflow_compiled": is_built,
        "tools_count": len(found.steps or ()),
        "checks": {name: name not in found.reasons and (is_built or name == "classifier_ready") for name in names},
        "reasons": dict(found.reasons) or None,
    }
    if found.status == "healthy":
        return health_success_response(message=messages.AGENT_HEALTH_DONE, **members)
    is_answering = is_built and found.test_failure is None and found.status == "degraded"
    return health_error_response(found.status, is_answering, _sentence(found), **members)


def _sentence(found: Findings) -> str:
    if found.test_failure is not None:
        return messages.AGENT_FULL_TEST_FAILED.format(reason=found.test_failure)
    if found.steps is None:
        return messages.AGENT_CREATION_FAILED.format(reason=found.reasons["agent_creation"])
    return messages.SOME_COMPONENTS_FAILING

"""A ReAct agent that cannot be loaded takes down its own routes only, on either entry."""

import sys
from unittest import mock

from tests.contract.conftest import Start
from tools.harness.model_server import ScriptedModelServer


def test_other_routes_go_on_and_health_names_it(
    start: Start, small_business_url: str, model: ScriptedModelServer, entry: str
) -> None:
    model.add_rule("你好！", kind="chat")
    broken = mock.patch.dict(sys.modules, {"bootstrap.react": None})
    with broken, start(small_business_url, model, entry) as service:
        assert service.client.get("/").status_code == 200
        health = service.client.get("/health")
        assert (health.status_code, health.json()["status"]) == (200, "degraded")
        assert "react_agent" in health.json()["reasons"]
        assert service.ask("你好", routing_mode="chat_direct").status_code == 200

"""A model whose server does not know its calls: they come as text, are made all the same, and are shown to nobody."""

import json
from collections.abc import Iterator

import pytest

from tests.contract.conftest import Start
from tools.harness.model_script import RecordedCall, ScriptedReply
from tools.harness.model_server import ScriptedModelServer

pytestmark = pytest.mark.entries("unified")

CALL = {"name": "run_sql", "arguments": {"sql": "SELECT count(*) AS n FROM bss_company"}}


class WritesCalls:
    """Writes its call into the text, then answers from the rows."""

    def answer(self, call: RecordedCall) -> ScriptedReply:
        if any(message.get("role") == "tool" for message in call.messages):
            return ScriptedReply("共有3家公司")
        return ScriptedReply(f"<tool_call>\n{json.dumps(CALL)}\n</tool_call>")


@pytest.fixture
def model() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer(script=WritesCalls()) as server:
        yield server


def test_a_call_written_as_text_is_made(start: Start, small_business_url: str, model: ScriptedModelServer) -> None:
    with start(small_business_url, model) as service:
        asked = service.client.post("/api/v0/ask_react_agent", json={"question": "有多少家公司", "user_id": "alice"})
        data = asked.json()["data"]
        assert (data["response"], data["sql"]) == ("共有3家公司", CALL["arguments"]["sql"])
        stream = {"question": "有多少家公司", "user_id": "bob", "tokens": "1"}
        with service.client.stream("GET", "/api/v0/ask_react_agent_stream", params=stream) as response:
            text = response.read().decode()
    assert "共有3家公司" in text
    assert "tool_call>" not in text

"""Several statements for a question, from a model that writes another each time: the most common result counts."""

from collections.abc import Iterator

import pytest

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.harness.model_script import RecordedCall, ScriptedReply
from tools.harness.model_server import ScriptedModelServer

pytestmark = pytest.mark.entries("unified")

RIGHT = ("SELECT count(*) AS n FROM bss_company", "SELECT count(id) AS total FROM bss_company")
WRONG = ("SELECT 42 AS n FROM bss_company LIMIT 1", "SELECT nothing FROM nowhere")


class TakingTurns:
    """Writes another statement at each call; summaries say nothing in figures."""

    def __init__(self) -> None:
        self.statements = [WRONG[0], RIGHT[0], WRONG[1], RIGHT[1]]

    def answer(self, call: RecordedCall) -> ScriptedReply:
        if call.kind == "write_candidate":
            return ScriptedReply(self.statements.pop(0))
        return ScriptedReply("SELECT still FROM nowhere" if call.kind == "repair_sql" else "如下")


@pytest.fixture
def model() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer(script=TakingTurns()) as server:
        yield server


def test_the_result_of_most_candidates_is_the_answer(
    start: Start, small_business_url: str, model: ScriptedModelServer
) -> None:
    with start(small_business_url, model, SQL_CANDIDATES="4", LLM_TEMPERATURE="0.8") as service:
        data = asked(service)
    assert [list(row.values()) for row in data["records"]["rows"]] == [[3]]
    assert data["sql"] in RIGHT
    assert (data["provenance"]["candidates"], data["provenance"]["agreeing_candidates"]) == (4, 2)
    temperatures = {call.body["temperature"] for call in model.calls if call.kind == "write_candidate"}
    assert temperatures == {0.8}
    assert {call.body["temperature"] for call in model.calls if call.kind == "repair_sql"} == {0.0}


def asked(service: Service) -> dict[str, object]:
    response = service.ask("公司有多少家", routing_mode="database_direct")
    assert response.status_code == 200, response.text
    data: dict[str, object] = response.json()["data"]
    return data

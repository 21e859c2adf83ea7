"""What users write and are answered is in no log, whichever agent answers and however that ends."""

import itertools
import logging
from collections.abc import Iterator

import pytest

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.harness.model_faults import Fault
from tools.harness.model_server import ScriptedModelServer
from tools.harness.react_script import ReactScript, query, tool

pytestmark = pytest.mark.entries("unified")

ASKED, ANSWERED = "geheimwort", "antwortwort"
WRONG = f"SELECT company_name, 1 / (id - id) AS {ANSWERED} FROM bss_company WHERE company_name <> '{ASKED}'"
ALL = f"SELECT company_name AS {ANSWERED} FROM bss_company WHERE company_name <> '{ASKED}'"
PLANS = {"公司": query(ALL), "除零": [tool("run_sql", sql=WRONG)], "删除": [tool("run_sql", sql=f"DROP TABLE {ASKED}")]}
QUESTIONS = (f"所有公司 {ASKED}", f"除零 {ASKED}", f"删除 {ASKED}", f"你好 {ASKED}")
_numbers = itertools.count()


@pytest.fixture
def model() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer(script=ReactScript(PLANS, {"公司": ALL, "除零": WRONG, "删除": "DROP TABLE x"})) as server:
        yield server


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Every record of every logger, with its traceback, whatever handlers it meets; INFO as in operation."""
    caplog.set_level(logging.INFO)
    found: list[str] = []
    handle, formatter = logging.Logger.handle, logging.Formatter()

    def see(self: logging.Logger, record: logging.LogRecord) -> None:
        if record.name != "httpx":  # the client of this test writes the addresses that it calls
            found.append(formatter.format(record))
        handle(self, record)

    monkeypatch.setattr(logging.Logger, "handle", see)
    return found


def ask_everything(service: Service, model: ScriptedModelServer) -> None:
    """Each question by each agent and route, then with a model that fails."""
    for fault in (None, Fault("status", 500)):
        for text in QUESTIONS:
            asked = {"question": text, "message": text, "user_id": f"amy{next(_numbers)}"}
            for path in ("ask_agent", "ask", "ask_cached", "ask_react_agent", "citu_run_sql"):
                if fault is not None:
                    model.queue_fault(fault)
                service.client.post(f"/api/v0/{path}", json={**asked, "sql": WRONG})
            service.client.post("/chat", json=asked)
            for path in ("ask_agent_stream", "ask_react_agent_stream"):
                service.client.get(f"/api/v0/{path}", params=asked)
    body = {"question": f"公司 {ASKED}", "sql": ALL, "is_thumb_up": True, "user_id": "amy"}
    service.client.post("/api/v0/qa_feedback/add", json=body)
    service.client.post("/api/v0/citu_train_question_sql", json={"question": f"公司 {ASKED}", "sql": ALL})


def test_no_log_has_what_was_asked_or_answered(
    start: Start, small_business_url: str, model: ScriptedModelServer, lines: list[str]
) -> None:
    with start(small_business_url, model, LLM_BREAKER_FAILURES="0") as service:
        ask_everything(service, model)
    assert lines, "nothing was logged at all"
    assert [line for line in lines if ASKED in line or ANSWERED in line] == []


def test_a_setting_writes_the_beginning_of_each_question(
    start: Start, small_business_url: str, model: ScriptedModelServer, lines: list[str]
) -> None:
    with start(small_business_url, model, REACT_MAX_LOG_LENGTH="7") as service:
        service.client.post("/api/v0/ask_react_agent", json={"question": f"{ASKED} 公司"})
    assert [line for line in lines if ASKED[:7] in line] == [f"question: {ASKED[:7]}"]

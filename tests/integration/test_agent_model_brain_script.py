"""The brain, the client and the recorded script together, over real HTTP: how each step of the recordings comes out."""

import asyncio
from collections.abc import Iterator
from datetime import date

import pytest

from agent.model_brain import ModelBrain
from agent.prompt_files import PromptLibrary
from common.answering import Question, ResultSet, SqlRequest
from common.business_schema import BusinessSchema, Column, Table
from core.llm.errors import ModelServerError
from tests.contract import recordings
from tests.fakes.model_clients import chat_client
from tools.harness.model_script import RecordedScript
from tools.harness.model_server import ScriptedModelServer

SCRIPT = {
    "sql": {
        "公司总数是多少": "SELECT COUNT(*) AS 公司总数 FROM bss_company;",
        "代码块测试": "好的，SQL如下：\n```sql\nSELECT COUNT(*) AS 数量 FROM bss_section_route;\n```\n以上。",
        "语法错误测试": "SELECT COUNT(* AS 数量 FROM bss_broken_forever;",
        "删除测试": "DELETE FROM bss_company;",
    },
    "classify_database_when_question_contains": ["公司"],
    "classification": {
        "database": "分类: DATABASE\n理由: 问题涉及业务数据。\n置信度: 0.92",
        "chat": "分类: CHAT\n理由: 问题与业务数据无关。\n置信度: 0.95",
        "unusable_when_question_contains_分类乱码": "我不知道该怎么分类。",
    },
    "no_sql_for_unknown_question": "无法生成SQL：当前数据库中没有与该问题相关的表或字段。",
    "summary": "【桩摘要】查询已完成，结果如上所示。",
    "repair": {"contains bss_fixme_table": "SELECT 1;", "otherwise": "SELECT COUNT(* AS 数量 FROM t;"},
    "http_500_when_question_contains": "LLM故障",
    "question_for_a_sql_without_one": "这条SQL查询的业务问题是什么？",
}
SCHEMA = BusinessSchema((Table("public", "bss_company", "公司", (Column("company_name", "text", "公司名称"),)),))


@pytest.fixture
def server() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer(script=RecordedScript(SCRIPT)) as running:
        yield running


@pytest.fixture
def brain(server: ScriptedModelServer) -> Iterator[ModelBrain]:
    with chat_client(server.base_url) as client:
        asked = Question("公司总数是多少", "default", "alice", "alice:1")
        yield ModelBrain(client=client, prompts=PromptLibrary()).on_behalf_of(asked)


def request(question: str, context: str = "") -> SqlRequest:
    return SqlRequest(question, context, SCHEMA, date(2024, 1, 1))


@pytest.mark.parametrize(
    ("question", "context", "kind", "confidence"),
    [
        ("公司总数是多少？", "", "DATABASE", 0.92),
        ("你好", "", "CHAT", 0.95),
        ("你好", "User: 公司有多少家\nAssistant: 3", "CHAT", 0.95),
        ("分类乱码", "", "CHAT", 0.5),
    ],
)
def test_classification(brain: ModelBrain, question: str, context: str, kind: str, confidence: float) -> None:
    found = asyncio.run(brain.classify(question, context, SCHEMA))
    assert (found.question_type, found.confidence, found.method) == (kind, confidence, "enhanced_llm")


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        ("公司总数是多少？", "SELECT COUNT(*) AS 公司总数 FROM bss_company;"),
        ("代码块测试", "SELECT COUNT(*) AS 数量 FROM bss_section_route;"),
        ("语法错误测试", "SELECT COUNT(* AS 数量 FROM bss_broken_forever;"),
        ("删除测试", "DELETE FROM bss_company;"),
    ],
)
def test_sql_is_handed_on_as_written(brain: ModelBrain, question: str, sql: str) -> None:
    assert asyncio.run(brain.write_sql(request(question, "User: 你好\nAssistant: 好"))).sql == sql


def test_an_unknown_question_is_explained(brain: ModelBrain) -> None:
    draft = asyncio.run(brain.write_sql(request("明天天气")))
    assert (draft.sql, draft.explanation, draft.reason) == (
        "",
        SCRIPT["no_sql_for_unknown_question"],
        "llm_explanation",
    )


def test_repair_summary_and_chat(brain: ModelBrain) -> None:
    repaired = asyncio.run(brain.repair_sql(request("修复"), "SELECT * FROM bss_fixme_table", "没有这张表"))
    assert repaired.sql == "SELECT 1;"
    summary = asyncio.run(brain.summarise("公司总数", ResultSet(("公司总数",), ({"公司总数": 3},), 1)))
    assert summary == SCRIPT["summary"]
    assert asyncio.run(brain.chat("你好", "User: 早\nAssistant: 早")) == "【桩回答】已收到您的问题：你好"


def test_a_broken_model_is_an_error_and_no_answer(server: ScriptedModelServer, brain: ModelBrain) -> None:
    with pytest.raises(ModelServerError):
        asyncio.run(brain.chat("LLM故障", ""))
    assert len(server.calls) == 3


def test_the_script_of_the_recordings_is_played(brain: ModelBrain, server: ScriptedModelServer) -> None:
    if not recordings.MODEL_SCRIPT.exists():
        pytest.skip(recordings.ABSENT_REASON)
    server.load_script(recordings.MODEL_SCRIPT)
    draft = asyncio.run(brain.write_sql(request("服务区总数是多少？")))
    assert draft.sql == "SELECT COUNT(*) AS 服务区总数 FROM bss_service_area WHERE delete_ts IS NULL;"

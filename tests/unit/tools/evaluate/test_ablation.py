"""What each level of an ablation leaves in the prompt that a model gets."""

import asyncio
from datetime import date

import pytest

from agent.model_brain import ModelBrain
from agent.prompt_files import PromptLibrary
from common.answering import Question, SqlRequest, TrainedPair
from common.business_schema import BusinessSchema, Column, Table
from tests.unit.agent.test_model_brain import ScriptedClient
from tools.evaluate.ablation import LEVELS, AblatedBrain, settings_of

TABLE = Table("public", "bss_company", "公司", (Column("company_name", "text", "名称"),))
REQUEST = SqlRequest(
    "公司有多少家",
    "",
    BusinessSchema((TABLE,)),
    date(2026, 1, 1),
    pairs=(TrainedPair("例题", "SELECT 'example'", 0.9, "1"),),
    wrong_pairs=(TrainedPair("错题", "SELECT 'mistake'", 0.9, "2"),),
    ddl=("CREATE TABLE trained_ddl (a int)",),
    documentation=("trained_text",),
)
MARKS = ("company_name", "trained_ddl", "trained_text", "example", "mistake")
ASKED = Question("公司有多少家", "acme", "alice", "alice:1")


def prompt_at(level: str) -> str:
    client = ScriptedClient("SELECT 1")
    brain = AblatedBrain(ModelBrain(client=client, prompts=PromptLibrary()), level).on_behalf_of(ASKED)
    assert asyncio.run(brain.write_sql(REQUEST)).sql == "SELECT 1"
    return "\n".join(message.content for message in client.sent)


@pytest.mark.parametrize(
    ("level", "shown"),
    [("none", MARKS[:0]), ("ddl", MARKS[:2]), ("documentation", MARKS[:3]), ("examples", MARKS), ("repair", MARKS)],
)
def test_each_level_adds_one_part(level: str, shown: tuple[str, ...]) -> None:
    prompt = prompt_at(level)
    assert tuple(mark for mark in MARKS if mark in prompt) == shown
    assert ASKED.text in prompt


def test_only_the_last_level_repairs() -> None:
    assert [settings_of(level)["AGENT_SQL_AUTO_REPAIR"] for level in LEVELS] == ["False"] * 4 + ["True"]


def test_a_repair_is_shown_no_more_than_the_first_attempt() -> None:
    client = ScriptedClient("SELECT 2")
    brain = AblatedBrain(ModelBrain(client=client, prompts=PromptLibrary()), "none").on_behalf_of(ASKED)
    asyncio.run(brain.repair_sql(REQUEST, "SELECT 1", "no"))
    assert not any(mark in message.content for message in client.sent for mark in MARKS)


def test_what_writes_no_sql_is_the_inner_brain() -> None:
    inner = ModelBrain(client=ScriptedClient("x"), prompts=PromptLibrary())
    assert AblatedBrain(inner, "none").provenance == inner.provenance

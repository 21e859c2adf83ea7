"""The pipeline with a model that follows the script of the recordings, over real HTTP and a real database."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

import app_config
from bootstrap.pipeline import build_pipelines
from common.config_service import ConfigService
from core.database import Database
from core.schema_migrations import upgrade_to_head
from core.sql_executor.reader_role import ensure_reader_role
from core.vector_store.door import TrainingDoor
from core.vector_store.embedding import HashedNgramEmbedder
from core.vector_store.store import VectorStore
from data_pipeline.runner import PipelineRunner
from data_pipeline.task import TaskSpec
from tests.fakes.model_clients import chat_client
from tools.harness.model_faults import Fault
from tools.harness.model_script import RecordedScript, RuleScript, ScriptedReply
from tools.harness.model_server import ScriptedModelServer

SPEC = TaskSpec("task_model", started_at=datetime(2024, 7, 1, 8, 0, 0), database_name="highway_db")
SCRIPT = {
    "classify_database_when_question_contains": [],
    "http_500_when_question_contains": "LLM故障",
    "question_for_a_sql_without_one": "这条SQL查询的业务问题是什么？",
    "pipeline": {
        "table comment": "<table>业务数据表，用于记录经营信息",
        "column comments": {"id": "主键ID", "other": "字段<name>", "enum columns": ["kind", "label"]},
        "themes": [
            {"topic_name": "甲", "description": "商店", "related_tables": ["trade", "missing"], "biz_entities": ["店"]},
            {"topic_name": "乙", "description": "别的表", "related_tables": ["no_such_table"]},
        ],
        "pairs": {
            "甲": [["有多少？", "SELECT count(*) AS n FROM trade"], ["坏的？", "SELECT nope FROM trade;"],
                  ["更坏？", "DELETE FROM trade"]],
            "otherwise": [],
        },
        "repair of a failed pair": "SELECT label FROM trade;",
    },
}  # fmt: skip
TABLES = """
CREATE SCHEMA IF NOT EXISTS public; DROP TABLE IF EXISTS trade CASCADE;
CREATE TABLE trade (id int PRIMARY KEY, kind varchar(10), label varchar(20));
INSERT INTO trade SELECT i, 'k' || i % 2, 'label ' || i FROM generate_series(1, 40) i;
"""


@pytest.fixture(scope="module")
def urls(scratch_business_url: str, platform_url: str) -> tuple[str, str]:
    upgrade_to_head(platform_url)
    with psycopg.connect(scratch_business_url, autocommit=True) as connection:
        connection.execute(TABLES)
    reader = ensure_reader_role(scratch_business_url, role="citu_test_model", password="x", schemas=["public"])
    return reader, platform_url


@pytest.fixture
def server() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer(script=RecordedScript(SCRIPT)) as running:
        yield running


@pytest.fixture
def runner(server: ScriptedModelServer, urls: tuple[str, str], tmp_path: Path) -> Iterator[PipelineRunner]:
    settings = ConfigService(
        app_config.rows(), environ={}, dotenv_path=tmp_path / ".env", settings_path=tmp_path / "settings.json"
    )
    with ExitStack() as stack:
        client = stack.enter_context(chat_client(server.base_url, max_calls=1))
        platform = Database(urls[1], pool_size=2)
        stack.callback(platform.dispose)
        store = VectorStore(platform, HashedNgramEmbedder())
        pipelines = build_pipelines(
            settings,
            business_url=lambda: urls[0],
            model=client,
            door=TrainingDoor(store),
            store=store,
            platform=platform,
        )
        yield stack.enter_context(pipelines.runner())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "task"
    path.mkdir()
    (path / "table_list.txt").write_text("trade")
    return path


def test_texts_of_the_model_are_written_checked_and_repaired(
    runner: PipelineRunner, server: ScriptedModelServer, folder: Path
) -> None:
    (folder / "plain.sql").write_text("SELECT kind FROM trade; -- a;b\n")
    result = runner.run(replace(SPEC, has_training=False), folder)
    assert [step.status for step in result.steps] == ["completed"] * 3
    assert (folder / "trade.ddl").read_text().splitlines()[:4] == [
        "-- 中文名: trade业务数据表",
        "-- 描述: trade业务数据表，用于记录经营信息",
        "create table public.trade (",
        "  id integer not null,        -- 主键ID，主键",
    ]
    page = (folder / "trade_detail.md").read_text()
    assert "kind 为枚举字段，包含取值：k0、k1" in page
    assert "label 为枚举" not in page
    assert result.steps[1].artifact["total_themes"] == 1
    assert result.steps[2].artifact["repair_stats"] == {"attempted": 2, "successful": 2, "failed": 0}
    pairs = json.loads((folder / "qs_highway_db_20240701_080000_pair.json").read_text())
    assert [pair["sql"] for pair in pairs] == ["SELECT count(*) AS n FROM trade;", *["SELECT label FROM trade;"] * 2]
    backup = json.loads((folder / "qs_highway_db_20240701_080000_pair.json.backup").read_text())
    assert [pair["question"] for pair in backup] == ["有多少？", "坏的？", "更坏？"]
    assert {call.kind for call in server.calls} == {
        "describe_table", "write_themes", "write_pairs", "write_scope", "repair_pairs",
    }  # fmt: skip


def test_plain_sql_gets_its_question_from_the_model(runner: PipelineRunner, folder: Path) -> None:
    (folder / "plain.sql").write_text("SELECT kind FROM trade; -- a;b\n")
    result = runner.run(SPEC, folder, "training_load")
    assert result.status == "completed"
    assert result.steps[0].problems == ()


def test_model_that_fails_fails_the_step_and_nothing_is_made_up(
    runner: PipelineRunner, server: ScriptedModelServer, folder: Path
) -> None:
    for _ in range(3):
        server.queue_fault(Fault("status", 500))
    result = runner.run(SPEC, folder)
    assert [(step.step, step.status) for step in result.steps] == [("ddl_generation", "failed")]
    assert result.error
    assert not list(folder.glob("*.ddl"))
    assert runner.run(replace(SPEC, has_training=False), folder, resume=True).status == "completed"


@pytest.mark.parametrize("text", ["no json", "[]", '{"themes": 5}', '{"themes": [{"topic_name": 1}]}', "[" * 5000])
def test_reply_that_is_none_is_an_error_in_words(
    urls: tuple[str, str], tmp_path: Path, folder: Path, text: str
) -> None:
    settings = ConfigService(
        app_config.rows(), environ={}, dotenv_path=tmp_path / ".env", settings_path=tmp_path / "settings.json"
    )
    script = RuleScript(otherwise=ScriptedReply(text))
    platform = Database(urls[1], pool_size=2)
    with ExitStack() as stack:
        stack.callback(platform.dispose)
        server = stack.enter_context(ScriptedModelServer(script=script))
        client = stack.enter_context(chat_client(server.base_url, max_calls=1))
        store = VectorStore(platform, HashedNgramEmbedder())
        pipelines = build_pipelines(
            settings,
            business_url=lambda: urls[0],
            model=client,
            door=TrainingDoor(store),
            store=store,
            platform=platform,
        )
        runner = stack.enter_context(pipelines.runner())
        result = runner.run(SPEC, folder)
    assert result.status == "failed"
    assert result.error

"""The README's questions, answered offline by the whole service: rows equal to those of hand-written SQL."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient

import app_config
from bootstrap.container import Container
from bootstrap.stores import Stores
from common.config_service import ConfigService
from core.sql_executor.reader_role import reader_url_of
from web.app import create_app
from web.route_table import ROUTES

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = json.loads((ROOT / "tests" / "fixtures" / "readme_questions.json").read_text())
ROLE, PASSWORD = "citu_reader_readme", "p@ss/word:1"


@pytest.fixture(scope="module")
def client(
    platform_url: str, business_owner_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FlaskClient]:
    folder = tmp_path_factory.mktemp("readme")
    environ = {"DATA_DIR": str(folder), "BUSINESS_READER_ROLE": ROLE, "DEMO_END_DATE": "2024-06-30"}
    (folder / "embedded").mkdir()
    settings = ConfigService(
        app_config.rows(), environ=environ, dotenv_path=folder / ".env", settings_path=folder / "settings.json"
    )
    stores = Stores(
        platform_url=platform_url,
        business_url=reader_url_of(business_owner_url, ROLE, PASSWORD),
        redis_url=redis_url,
        business_owner_url=business_owner_url,
        reader_password=PASSWORD,
    )
    container = Container(settings, stores=stores)
    container.start()
    yield create_app(container, ROUTES).test_client()
    container.close()


def rows_of(url: str, sql: str) -> list[list[Any]]:
    with psycopg.connect(url) as connection:
        return [list(row) for row in connection.execute(sql.encode()).fetchall()]


def comparable(value: Any) -> Any:
    """Numbers by value (the wire carries decimals as text), everything else by its text."""
    if value is None or isinstance(value, bool):
        return value
    try:
        return round(Decimal(str(value)), 4)
    except ArithmeticError:
        return str(value)


def test_there_are_ten_and_the_readme_shows_them() -> None:
    readme = (ROOT / "README.md").read_text()
    assert len(QUESTIONS) == 10
    assert not [entry["question"] for entry in QUESTIONS if entry["question"] not in readme]


@pytest.mark.parametrize("entry", QUESTIONS, ids=lambda entry: entry["question"])
def test_question_is_answered_with_the_rows_of_hand_written_sql(
    client: FlaskClient, business_owner_url: str, entry: dict[str, Any]
) -> None:
    response = client.post("/api/v0/ask_agent", json={"question": entry["question"], "user_id": "reader"})
    assert response.status_code == 200, response.text
    data = response.json["data"]
    given = [[comparable(value) for value in row.values()] for row in data["records"]["rows"]]
    wanted = [[comparable(value) for value in row] for row in rows_of(business_owner_url, entry["sql"])]
    assert wanted
    if not entry["ordered"]:
        given, wanted = sorted(given, key=str), sorted(wanted, key=str)
    assert given == wanted
    assert data["type"] == "DATABASE"
    assert data["response"]


def test_readme_shows_the_answer_the_service_gives(client: FlaskClient) -> None:
    readme = (ROOT / "README.md").read_text()
    data = client.post("/api/v0/ask_agent", json={"question": QUESTIONS[0]["question"]}).json["data"]
    assert data["response"] in readme
    assert [row for row in data["records"]["rows"] if row["总营收"] not in readme] == []


def test_question_about_what_is_not_there_is_refused_honestly(client: FlaskClient) -> None:
    response = client.post(
        "/api/v0/ask_agent", json={"question": "上个月员工工资最高的是谁？", "routing_mode": "database_direct"}
    )
    assert response.status_code == 422
    assert response.json["data"]["error_type"] == "agent_processing_failed"
    assert response.json["data"]["validation_error_type"]
    assert "records" not in response.json["data"]


def test_second_question_of_a_conversation_has_the_first_as_context(client: FlaskClient) -> None:
    first = client.post("/api/v0/ask_agent", json={"question": QUESTIONS[0]["question"], "user_id": "ctx"}).json["data"]
    wanted = {"question": "你好", "user_id": "ctx", "conversation_id": first["conversation_id"]}
    second = client.post("/api/v0/ask_agent", json=wanted).json["data"]
    assert (second["conversation_status"], second["context_used"]) == ("continue", True)
    assert second["type"] == "CHAT"


def test_health_is_healthy_with_everything_there(client: FlaskClient) -> None:
    assert client.get("/health?strict=1").json["status"] == "healthy"

"""The database tools answer about the business database, refuse what is wrong with a 4xx, and tell no secrets."""

import json
from typing import Any

import psycopg
import pytest

from tests.contract.conftest import READER_PASSWORD
from tests.contract.service_in_process import Service

TABLES, TABLE = "tables", "table/ddl"
NASTY = 'a"b; DROP TABLE bss_company; --'


@pytest.fixture(scope="module", autouse=True)
def nasty_table(small_business_url: str) -> None:
    """Names that are SQL, and comments that try to end a comment."""
    with psycopg.connect(small_business_url) as connection:
        connection.execute(
            """
            CREATE TABLE IF NOT EXISTS "Mixed Case" (id integer PRIMARY KEY, "a""b; DROP TABLE bss_company; --" text);
            COMMENT ON TABLE "Mixed Case" IS E'first\nDROP TABLE bss_company';
            INSERT INTO "Mixed Case" VALUES (1, 'x'), (2, 'y') ON CONFLICT DO NOTHING;
            CREATE TABLE IF NOT EXISTS bssxcompany (id integer)
            """
        )


def call(service: Service, name: str, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = service.client.post(f"/api/v0/database/{name}", content=json.dumps(body))
    envelope = answer.json()
    assert envelope["code"] == answer.status_code
    assert READER_PASSWORD not in answer.text
    return answer.status_code, envelope["data"]


def test_tables_of_the_configured_database(service: Service) -> None:
    status, data = call(service, TABLES)
    assert status == 200
    assert data["tables"] == sorted(data["tables"])
    assert {"public.bss_company", "public.Mixed Case"} <= set(data["tables"])
    assert (data["total"], data["schemas"]) == (len(data["tables"]), ["public"])


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("bss_*", ["public.bss_company"]),
        ("bss_company", ["public.bss_company"]),
        ("bss_c%", ["public.bss_company", "public.bssxcompany"]),
        ("*'; DROP TABLE bss_company; --", []),
        ("\\", []),
    ],
)
def test_pattern(service: Service, pattern: str, found: list[str]) -> None:
    status, data = call(service, TABLES, table_name_pattern=pattern)
    assert (status, data["tables"], data["table_name_pattern"]) == (200, found, pattern)


@pytest.mark.parametrize("schema", ["public,public", " public , ,", "'; DROP TABLE bss_company; --, public"])
def test_schema_names_are_data(service: Service, schema: str) -> None:
    status, data = call(service, TABLES, schema=schema)
    assert (status, data["tables"].count("public.bss_company")) == (200, 1)


def test_names_and_comments_of_a_hostile_schema_stay_data(service: Service, small_business_url: str) -> None:
    status, data = call(service, TABLE, table="public.Mixed Case", type="both")
    assert (status, data["table_info"]["row_count"], data["table_info"]["field_count"]) == (200, 2, 2)
    assert [field["name"] for field in data["fields"]] == ["id", NASTY]
    with psycopg.connect(small_business_url) as connection:
        connection.execute("CREATE SCHEMA trial")
        connection.execute(data["ddl"].replace("public.", "trial."))
        assert connection.execute("SELECT count(*) FROM bss_company").fetchall() == [(3,)]
        connection.rollback()


def test_comments_stay_as_they_are_when_the_model_writes_nonsense(service: Service) -> None:
    status, data = call(service, TABLE, table="bss_company", business_context="服务区")
    info = data["generation_info"]
    assert (status, info["has_llm_comments"], info["business_context"]) == (200, True, "服务区")
    assert data["table_info"]["row_count"] == 3


@pytest.mark.parametrize("table", ["nope", "nope.nope", "a.b.c", ".", "pg_catalog.pg_class; --", 5, True, "x" * 900])
def test_missing_table_is_404(service: Service, table: Any) -> None:
    status, data = call(service, TABLE, table=table)
    assert (status, data["error_type"]) == (404, "resource_not_found")
    assert data["response"].startswith("获取表DDL失败: 获取表结构失败: 表 ")


@pytest.mark.parametrize("value", ["", None, 0, False])
def test_falsy_value_counts_as_not_given(service: Service, value: Any) -> None:
    status, data = call(service, TABLES, schema=value, table_name_pattern=value, db_connection=value)
    assert (status, data["schemas"], "public.bss_company" in data["tables"]) == (200, ["public"], True)
    assert "table_name_pattern" not in data
    status, data = call(service, TABLE, table=value, type="html")
    assert (status, data["missing_params"], data["response"]) == (400, ["table"], "缺少必需参数：table")


@pytest.mark.parametrize("kind", ["html", None, 5, ["ddl"], {}, "DDL"])
def test_wrong_type_is_400(service: Service, kind: Any) -> None:
    status, data = call(service, TABLE, table="bss_company", type=kind)
    assert (status, data["invalid_params"]) == (400, ["type"])
    assert data["response"].endswith("支持的值: ['ddl', 'md', 'both']")


@pytest.mark.parametrize(
    ("name", "body", "named"),
    [
        (TABLES, {"schema": ["public"]}, "schema"),
        (TABLES, {"schema": "a\0b"}, "schema"),
        (TABLES, {"schema": "x" * 5_000}, "schema"),
        (TABLES, {"table_name_pattern": {}}, "table_name_pattern"),
        (TABLES, {"table_name_pattern": "%\\"}, "table_name_pattern"),
        (TABLES, {"db_connection": "garbage"}, "db_connection"),
        (TABLES, {"db_connection": 5}, "db_connection"),
        (TABLES, {"db_connection": ["a"]}, "db_connection"),
        (TABLES, {"db_connection": "\ud800"}, "db_connection"),
        (TABLE, {"table": ["a"]}, "table"),
        (TABLE, {"table": "x" * 2_000}, "table"),
        (TABLE, {"table": "bss_company", "business_context": {}}, "business_context"),
        (TABLE, {"table": "bss_company", "business_context": "x" * 20_000}, "business_context"),
    ],
)
def test_wrong_parameter_is_named(service: Service, name: str, body: dict[str, Any], named: str) -> None:
    status, data = call(service, name, **body)
    assert (status, data["invalid_params"]) == (400, [named])


@pytest.mark.parametrize("url", ["postgresql://u:hidden@127.0.0.1:1/d", "postgresql://u:hidden@169.254.169.254/d"])
@pytest.mark.parametrize("name", [TABLES, TABLE])
def test_another_database_is_403_without_its_address(service: Service, name: str, url: str) -> None:
    status, data = call(service, name, table="bss_company", db_connection=url)
    assert (status, data["error_type"]) == (403, "forbidden")
    assert not any(word in data["response"] for word in ("hidden", "127.0.0.1", "169.254"))


def test_own_address_with_a_wrong_password_tells_no_login(service: Service) -> None:
    own = service.container.shared.stores.business_url
    assert call(service, TABLES, db_connection=own)[0] == 200
    user = own.partition("://")[2].partition(":")[0]
    status, data = call(service, TABLES, db_connection=own.replace(user, "nobody_at_all", 1))
    assert (status, data["error_type"]) == (500, "database_error")
    assert "nobody_at_all" not in data["response"]


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"null", b'"text"'])
@pytest.mark.parametrize("name", [TABLES, TABLE])
def test_body_that_is_no_object_is_400(service: Service, name: str, body: bytes) -> None:
    assert service.client.post(f"/api/v0/database/{name}", content=body).status_code == 400

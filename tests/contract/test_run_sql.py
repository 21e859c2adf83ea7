"""`POST /api/v0/citu_run_sql` as a client meets it: rows, refusals, failures, and a caller who leaves."""

import json
import socket
import time
from typing import Any

import httpx
import psycopg
import pytest

from tests.contract.service_in_process import Service

PATH = "/api/v0/citu_run_sql"
ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"


def run(service: Service, sql: Any) -> httpx.Response:
    return service.client.post(PATH, json={"sql": sql})


def test_rows_come_in_the_contracts_form(service: Service) -> None:
    response = run(service, "SELECT id, company_name FROM bss_company ORDER BY id LIMIT 1")
    data = response.json()["data"]
    assert response.status_code == 200
    assert data["query_result"]["columns"] == ["id", "company_name"]
    assert data["query_result"]["row_count"] == len(data["query_result"]["rows"]) == 1
    assert data["response"] == "SQL执行完成，共返回 1 条记录"
    assert data["explain"]["is_accepted"]


def test_values_are_json_ready(service: Service) -> None:
    sql = "SELECT 'NaN'::float8 AS nan, 1.50::numeric AS price, date '2024-02-03' AS day, interval '1 day' AS took"
    assert run(service, sql).json()["data"]["query_result"]["rows"] == [
        {"nan": None, "price": "1.50", "day": "2024-02-03", "took": "1 day"}
    ]


def test_missing_sql_is_a_400(service: Service) -> None:
    response = service.client.post(PATH, json={})
    assert response.status_code == 400
    assert response.json()["data"]["missing_params"] == ["sql"]
    assert response.json()["data"]["response"] == "缺少必需参数：sql"


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("DELETE FROM bss_company", "statement.kind"),
        ("SELECT 1; COMMIT; DELETE FROM bss_company", "statement.multiple"),
        ("SELECT pg_sleep(9)", "function.denied"),
        ("SELECT * FROM pg_shadow", "relation.unknown"),
        (" ", "text.empty"),
    ],
)
def test_refusal_is_a_422_with_rule_and_sentence(service: Service, sql: str, rule: str) -> None:
    response = run(service, sql)
    data = response.json()["data"]
    assert response.status_code == 422
    assert (data["error_type"], data["rule"]) == ("sql_refused", rule)
    assert data["response"]
    count = run(service, "SELECT count(*) AS n FROM bss_company").json()["data"]["query_result"]["rows"][0]["n"]
    assert count > 0


def test_error_of_the_database_is_a_500(service: Service) -> None:
    response = run(service, "SELECT 1 / (id - id) AS x FROM bss_company")
    data = response.json()["data"]
    assert response.status_code == 500
    assert (data["error_type"], data["can_retry"], data["sqlstate"]) == ("database_error", True, "22012")
    assert data["response"] == "SQL执行失败，请检查SQL语句是否正确"


@pytest.mark.entries("unified")
def test_statement_of_a_caller_who_left_is_cancelled(service: Service, small_business_url: str) -> None:
    body = json.dumps({"sql": ENDLESS}).encode()
    address = (service.client.base_url.host, service.client.base_url.port or 80)
    with psycopg.connect(small_business_url, autocommit=True) as watching:
        with socket.create_connection(address) as caller:
            head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
            caller.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
            wait_for_queries(watching, 1, seconds=10)
        wait_for_queries(watching, 0, seconds=2)


def wait_for_queries(watching: psycopg.Connection[Any], wanted: int, *, seconds: float) -> None:
    """Until so many of the service's statements fetch rows in this database; fails when the time is over."""
    query = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
               AND application_name = 'citu-reader' AND state = 'active' AND query LIKE 'FETCH%'"""
    until = time.monotonic() + seconds
    found = None
    while time.monotonic() < until:
        found = watching.execute(query).fetchone()
        if found == (wanted,):
            return
        time.sleep(0.05)
    pytest.fail(f"{found} queries are active, not {wanted}")

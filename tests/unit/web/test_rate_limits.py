"""Limits of requests for each caller and of wrong administrator's tokens, on both entries; no Redis."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.unit.web.test_attacks import ADMIN, LOCAL, QUESTION, STRANGER, build, send

SQL = "/api/v0/citu_run_sql"
NARROW = {"RATE_LIMIT_QUESTIONS": "1/3", "RATE_LIMIT_SQL": "1/2"}


@pytest.fixture(params=["unified", "citu"])
def client(request: pytest.FixtureRequest) -> FlaskClient:
    return build.__wrapped__(request.param, **NARROW)


def statuses(client: FlaskClient, number: int, path: str = QUESTION, **more: Any) -> list[int]:
    more = {"address": STRANGER, "json": {"question": "x"}, **more}
    return [send(client, path, **more).status_code for _ in range(number)]


def test_caller_above_the_limit_is_told_when_to_come_back(client: FlaskClient) -> None:
    assert statuses(client, 3) == [200] * 3
    refused = send(client, QUESTION, json={"question": "x"}, address=STRANGER)
    assert (refused.status_code, refused.json["code"], refused.json["success"]) == (429, 429, False)
    assert refused.json["data"]["error_type"] == "rate_limited"
    assert refused.json["data"]["can_retry"] is True
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_kinds_users_and_addresses_have_buckets_of_their_own(client: FlaskClient) -> None:
    assert statuses(client, 4) == [200] * 3 + [429]
    assert statuses(client, 3, SQL, json={"sql": "SELECT 1"}) == [200, 200, 429]
    assert statuses(client, 4, json={"question": "x", "user_id": "amy"}) == [200] * 3 + [429]
    assert statuses(client, 1, json={"question": "x", "conversation_id": "amy:20261120133238100"}) == [429]
    assert statuses(client, 4, address="203.0.113.10") == [200] * 3 + [429]


def test_a_new_name_for_each_request_is_bounded_by_the_address(client: FlaskClient) -> None:
    answers = [statuses(client, 1, json={"question": "x", "user_id": f"user {n}"})[0] for n in range(40)]
    assert answers == [200] * 30 + [429] * 10


@pytest.mark.parametrize(
    "body",
    [
        {"data": "{", "content_type": "application/json"},
        {"data": json.dumps({"user_id": [1]}), "content_type": "application/json"},
        {"data": json.dumps({"user_id": "x", "question": "y" * 300_000}), "content_type": "application/json"},
        {"data": "[" * 100_000, "content_type": "application/json"},
        {"data": {"user_id": "amy"}},
        {"data": b"\xff\xfe"},
        {},
    ],
    ids=["broken", "list", "large", "deep", "form", "bytes", "none"],
)
def test_bodies_that_name_nobody_count_for_the_guest(client: FlaskClient, body: dict[str, Any]) -> None:
    assert statuses(client, 4, json=None, **body) == [200] * 3 + [429]


def test_this_machine_and_listed_addresses_are_not_limited(client: FlaskClient) -> None:
    assert statuses(client, 10, address=LOCAL) == [200] * 10
    exempt = build.__wrapped__("unified", **NARROW, RATE_LIMIT_EXEMPT="203.0.113.0/24")
    assert statuses(exempt, 10) == [200] * 10
    assert statuses(exempt, 4, address=LOCAL) == [200] * 3 + [429]


def test_proxy_that_nobody_configured_lends_nobody_its_address(client: FlaskClient) -> None:
    assert statuses(client, 4, headers={"X-Forwarded-For": "198.51.100.1"}, address=LOCAL) == [200] * 3 + [429]
    assert statuses(client, 1, headers={"X-Forwarded-For": "198.51.100.2"}, address=LOCAL) == [429]


@pytest.mark.parametrize("entry", ["unified", "citu"])
def test_callers_behind_a_trusted_proxy_are_told_apart(entry: str) -> None:
    client = build.__wrapped__(entry, **NARROW, TRUSTED_PROXIES=LOCAL)
    for caller in ("198.51.100.1", "198.51.100.2"):
        assert statuses(client, 4, headers={"X-Forwarded-For": caller}, address=LOCAL) == [200] * 3 + [429]


@pytest.mark.parametrize("entry", ["unified", "citu"])
def test_reading_and_upkeep_are_not_limited(entry: str) -> None:
    client = build.__wrapped__(entry, **NARROW)
    answers = [send(client, "/api/v0/qa_cache_list", method="GET", address=STRANGER).status_code for _ in range(50)]
    assert answers == [200] * 50


@pytest.mark.parametrize("entry", ["unified", "citu"])
def test_changed_verdicts_count_like_new_ones(entry: str) -> None:
    client = build.__wrapped__(entry, RATE_LIMIT_TRAINING="1/2")
    path = "/api/v0/qa_feedback/update/1"
    answers = [
        send(client, path, method="PUT", json={"sql": "SELECT 1"}, address=STRANGER).status_code for _ in range(3)
    ]
    assert answers[-1] == 429
    assert 429 not in answers[:2]


def test_streams_are_limited_though_they_are_read() -> None:
    client = build.__wrapped__("unified", RATE_LIMIT_STREAMS="1/2")
    path = "/api/v0/ask_agent_stream?question=x&user_id=amy"
    answers = [send(client, path, method="GET", address=STRANGER).status_code for _ in range(3)]
    assert answers == [200, 200, 429]


@pytest.mark.parametrize("entry", ["unified", "citu"])
def test_repeated_wrong_tokens_of_an_address_have_to_wait(entry: str) -> None:
    client = build.__wrapped__(entry, ADMIN_TOKEN="s3cret", ADMIN_TOKEN_ATTEMPTS="1/3")
    right, wrong = {"Authorization": "Bearer s3cret"}, {"Authorization": "Bearer wrong"}
    assert statuses(client, 5, ADMIN, headers=right) == [200] * 5
    assert statuses(client, 5, ADMIN, headers={}) == [403] * 5, "no token is no attempt"
    assert statuses(client, 4, ADMIN, headers=wrong) == [403] * 3 + [429]
    assert statuses(client, 1, ADMIN, headers=right) == [429], "guessing must not go on behind a refusal"
    assert statuses(client, 1, ADMIN, headers=right, address="203.0.113.10") == [200]


@pytest.mark.parametrize("token", ["", "s3cre", "s3crett", "S3CRET", "\u00fc", "s3cret x"])
def test_only_the_whole_token_is_right(token: str) -> None:
    client = build("unified", ADMIN_TOKEN="s3cret", ADMIN_TOKEN_ATTEMPTS="0")
    assert statuses(client, 1, ADMIN, headers={"Authorization": f"Bearer {token}"}) == [403]

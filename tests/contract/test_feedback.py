"""The feedback routes refuse what they cannot keep with a 4xx that says why, and keep nothing of it."""

import json
from typing import Any

import pytest

from tests.contract.service_in_process import Service

PAIR = {"question": "q", "sql": "SELECT 1", "is_thumb_up": True}
HUGE = 10**30


def call(service: Service, method: str, name: str, **members: Any) -> tuple[int, dict[str, Any]]:
    answer = service.client.request(method, f"/api/v0/qa_feedback/{name}", **members)
    envelope = answer.json()
    assert envelope["code"] == answer.status_code
    return answer.status_code, envelope["data"]


def total(service: Service) -> int:
    return int(call(service, "GET", "stats")[1]["total_feedback"])


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"question": ["a"]}, "question"),
        ({"question": "a\0b"}, "question"),
        ({"sql": {"a": 1}}, "sql"),
        ({"sql": "\ud800"}, "sql"),
        ({"is_thumb_up": "maybe"}, "is_thumb_up"),
        ({"is_thumb_up": 2}, "is_thumb_up"),
        ({"is_thumb_up": []}, "is_thumb_up"),
        ({"user_id": None}, "user_id"),
        ({"user_id": "u" * 65}, "user_id"),
        ({"user_id": "\0"}, "user_id"),
    ],
)
def test_wrong_verdict_is_named_and_not_kept(service: Service, members: dict[str, Any], named: str) -> None:
    before = total(service)
    body = json.dumps({**PAIR, **members})
    status, data = call(service, "POST", "add", content=body)
    assert (status, data["error_type"], data["invalid_params"]) == (400, "invalid_params", [named])
    assert total(service) == before


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"page": 0}, "page"),
        ({"page": HUGE}, "page"),
        ({"page": "1"}, "page"),
        ({"page": None}, "page"),
        ({"page": True}, "page"),
        ({"page": 1.5}, "page"),
        ({"page_size": 0}, "page_size"),
        ({"page_size": 101}, "page_size"),
        ({"is_thumb_up": "maybe"}, "is_thumb_up"),
        ({"create_time_start": "not a date"}, "create_time_start"),
        ({"create_time_end": "2024-02-30"}, "create_time_end"),
        ({"create_time_end": "9" * 70}, "create_time_end"),
        ({"create_time_end": "\0"}, "create_time_end"),
        ({"sort_by": ["id"]}, "sort_by"),
    ],
)
def test_wrong_query_is_named(service: Service, wanted: dict[str, Any], named: str) -> None:
    status, data = call(service, "POST", "query", json=wanted)
    assert (status, data["invalid_params"]) == (400, [named])


def test_page_far_beyond_the_end_is_empty(service: Service) -> None:
    status, data = call(service, "POST", "query", json={"page": 10**15, "page_size": 100})
    assert (status, data["records"], data["pagination"]["has_prev"]) == (200, [], True)


@pytest.mark.parametrize("number", ["0", "2147483648", str(HUGE)])
def test_nobodys_id_is_404(service: Service, number: str) -> None:
    assert call(service, "PUT", f"update/{number}", json={"sql": "x"})[0] == 404
    assert call(service, "DELETE", f"delete/{number}")[0] == 404
    assert call(service, "POST", "add_to_training", json={"feedback_ids": [int(number)]})[0] == 404


@pytest.mark.parametrize("tail", ["abc", "-1", "1.0", "9" * 5000, "%00"])
def test_what_is_no_id_is_an_unknown_path(service: Service, tail: str) -> None:
    status, data = call(service, "DELETE", f"delete/{tail}")
    assert (status, data["error_type"]) == (404, "resource_not_found")


@pytest.mark.parametrize("ids", [["abc"], [1.5], [True], [[1]], [{}]])
def test_ids_that_are_none_are_400(service: Service, ids: list[Any]) -> None:
    status, data = call(service, "POST", "add_to_training", json={"feedback_ids": ids})
    assert (status, data["invalid_params"]) == (400, ["feedback_ids"])


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"null", b'"text"', b"\xff", b"[" * 100_000])
@pytest.mark.parametrize(
    ("method", "name"), [("POST", "add"), ("POST", "query"), ("PUT", "update/1"), ("POST", "add_to_training")]
)
def test_body_that_is_no_object_is_400(service: Service, method: str, name: str, body: bytes) -> None:
    assert call(service, method, name, content=body)[0] == 400

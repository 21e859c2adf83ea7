"""The replayer's judgement: what is equal, what is intended, what differs, and what travels from answer to request."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cutover.parity.compare import compare
from cutover.parity.exchanges import Exchange
from cutover.parity.replay import Outcome, Replayer, summary, summary_by
from cutover.parity.sending import Sender

Handler = Callable[[httpx.Request], httpx.Response]


def exchange(response: dict[str, Any], **members: Any) -> Exchange:
    request = {"method": "POST", "path": "/api/v0/ask_agent", "query": {}, "headers": {}, "json": {"question": "你好"}}
    given = {"id": "x-1", "app": "unified_api", "group": "10", "request": request, "response": response, **members}
    return Exchange(**given)


def replayed(handler: Handler, *exchanges: Exchange) -> list[Outcome]:
    with httpx.Client(base_url="http://service", transport=httpx.MockTransport(handler)) as client:
        return list(Replayer(client).replay(exchanges))


def verdicts(handler: Handler, *exchanges: Exchange) -> list[str]:
    return [outcome.verdict for outcome in replayed(handler, *exchanges)]


def answering(status: int, body: Any) -> Handler:
    return lambda _request: httpx.Response(status, json=body)


def test_extra_keys_are_no_difference() -> None:
    assert not compare({"a": 1}, {"a": 1, "b": 2})


def test_missing_key_wrong_type_and_wrong_value_are_differences() -> None:
    found = compare({"a": 1, "b": "x", "c": [1]}, {"b": 2, "c": [1, 2]})
    assert {difference.path for difference in found} == {"$.a", "$.b", "$.c.length"}


def test_volatile_values_are_compared_by_type() -> None:
    assert not compare({"timestamp": "2026-01-01"}, {"timestamp": "2027-01-01"})
    assert compare({"timestamp": "2026-01-01"}, {"timestamp": None})


def test_local_time_must_stay_one() -> None:
    assert not compare({"timestamp": "2026-11-20T11:20:25.388159"}, {"timestamp": "2027-01-01T00:00:00"})
    assert compare({"timestamp": "2026-11-20T11:20:25.388159"}, {"timestamp": "2027-01-01T00:00:00+00:00"})


def test_conversation_ids_differ_in_their_stamp_only() -> None:
    assert not compare("会话 a:20261120112024488", "会话 a:20271120112024999")
    assert compare({"conversation_id": "a:20261120112024488"}, {"conversation_id": "b:20261120112024488"})


def test_ids_as_keys_stand_for_each_other_in_their_order() -> None:
    old = {"a:20261120112024488": {"n": 1}, "a:20261120112024999": {"n": 2}}
    new = {"a:20271120112024001": {"n": 1}, "a:20271120112024002": {"n": 2}}
    assert not compare(old, new)
    assert [found.path for found in compare(old, dict(zip(new, reversed(new.values()), strict=True)))] == [
        f"$.{key}.n" for key in old
    ]
    assert compare(old, {"b:20271120112024001": {"n": 1}})
    known = {"a:20261120112024488": "a:20271120112024002", "a:20261120112024999": "a:20271120112024001"}
    assert not compare(old, dict(zip(new, reversed(new.values()), strict=True)), ids=known)


def test_known_id_must_come_back_as_the_one_that_stands_for_it() -> None:
    ids = {"a:20261120112024488": "a:20300101000000000"}
    assert not compare("a:20261120112024488", "a:20300101000000000", ids=ids)
    assert compare("a:20261120112024488", "a:20300101000000999", ids=ids)


def test_boolean_is_not_a_number() -> None:
    assert compare({"n": 1}, {"n": True})


def test_loose_keys_are_compared_by_type() -> None:
    assert not compare({"records": [1, 2]}, {"records": []}, loose=frozenset({"records"}))
    assert compare({"records": [1, 2]}, {"records": None}, loose=frozenset({"records"}))


def test_equal_answer_is_equal_and_changed_one_differs() -> None:
    recorded = exchange({"status": 200, "json": {"code": 200, "data": {"type": "CHAT"}}})
    same = verdicts(answering(200, {"code": 200, "data": {"type": "CHAT"}}), recorded)
    other = verdicts(answering(200, {"code": 200, "data": {"type": "DATABASE"}}), recorded)
    assert (same, other) == (["same"], ["different"])


def test_captured_id_travels_into_the_next_request() -> None:
    seen: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content).get("conversation_id"))
        return httpx.Response(200, json={"data": {"conversation_id": "a:20260101000000000"}})

    response = {"status": 200, "json": {"data": {"conversation_id": "a:20250101000000000"}}}
    first = exchange(response, capture={"first": "data.conversation_id"})
    second = exchange(response, template={"json": {"conversation_id": "{{first}}"}})
    assert verdicts(answer, first, second) == ["same", "same"]
    assert seen == [None, "a:20260101000000000"]


def test_conversation_that_did_not_go_on_is_a_difference() -> None:
    stamps = iter(("a:20260101000000000", "a:20260101000000001"))
    response = {"status": 200, "json": {"data": {"conversation_id": "a:20250101000000000"}}}
    first = exchange(response, capture={"first": "data.conversation_id"})
    outcomes = verdicts(
        lambda _request: httpx.Response(200, json={"data": {"conversation_id": next(stamps)}}),
        first,
        exchange(response),
    )
    assert outcomes == ["same", "different"]


def test_exchange_whose_id_was_never_captured_is_different() -> None:
    lost = exchange({"status": 200, "json": {}}, template={"json": {"conversation_id": "{{nobody}}"}})
    outcomes = replayed(answering(200, {}), lost)
    assert summary(outcomes) == {
        "total": 1,
        "same": 0,
        "intended": 0,
        "different": 1,
        "status_match": 0,
        "shape_match": 0,
        "value_match": 0,
    }


def test_exchange_whose_id_an_intended_difference_took_away_is_intended() -> None:
    request = {"method": "POST", "path": "/api/v0/ask_agent", "json": {"question": "你好", "user_id": "a:b"}}
    old = {"status": 200, "json": {"data": {"conversation_id": "a:b:20250101000000000"}}}
    refusal = {
        "code": 400, "success": False, "message": "请求参数错误", "invalid_params": ["user_id"],
        "data": {
            "response": "用户ID不能包含冒号", "error_type": "invalid_params", "timestamp": "2026-01-01T00:00:00",
            "invalid_params": ["user_id"],
        },
    }  # fmt: skip
    first = exchange(old, request=request, capture={"colon": "data.conversation_id"})
    second = exchange({"status": 500, "json": {}}, template={"json": {"conversation_id": "{{colon}}"}})
    outcomes = replayed(answering(400, refusal), first, second)
    assert [outcome.verdict for outcome in outcomes] == ["intended", "intended"]
    assert "colon-refused" in outcomes[1].why


def test_step_before_that_nobody_knows_is_different_and_named() -> None:
    (outcome,) = replayed(answering(200, {}), exchange({"status": 200, "json": {}}, before=[{"dance": 1}]))
    assert (outcome.verdict, "dance" in outcome.why) == ("different", True)


def test_stream_is_compared_event_by_event() -> None:
    def stream(_request: httpx.Request) -> httpx.Response:
        text = ': hello\n\ndata: {"data": {"type": "progress"}}\n\ndata: {"data": {"type": "completed"}}\n\n'
        return httpx.Response(200, text=text, headers={"content-type": "text/event-stream; charset=utf-8"})

    def recorded(*types: str) -> Exchange:
        return exchange({"status": 200, "events": [{"data": {"data": {"type": kind}}} for kind in types]})

    assert verdicts(stream, recorded("progress", "completed")) == ["same"]
    assert verdicts(stream, recorded("progress", "error")) == ["different"]
    assert verdicts(stream, recorded("completed")) == ["different"]


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ({"fields": {"kind": "ddl"}, "files": {}}, b'name="__none"'),
        ({"fields": {}, "files": {"file": {"filename": "t.txt", "content": "bss_company"}}}, b'filename="t.txt"'),
        ({"fields": {}, "files": {"f": {"filename": "t", "content_gen": {"prefix": "p", "char": "a", "count": 9}}}},
         b"paaaaaaaaa"),
    ],
)  # fmt: skip
def test_upload_is_sent_as_a_multipart_form(form: dict[str, Any], sent: bytes) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    request = {"method": "POST", "path": "/upload", "headers": {}, "multipart": form}
    assert verdicts(answer, exchange({"status": 200, "json": {}}, request=request)) == ["same"]
    assert seen[0].headers["content-type"].startswith("multipart/form-data")
    assert sent in seen[0].content


def test_file_is_compared_by_text_and_name() -> None:
    headers = {"content-disposition": "attachment; filename=x.md"}
    response = {"status": 200, "content_type": "text/markdown; charset=utf-8", "text": "# hi\n", "headers": headers}

    def file(text: str, name: str) -> Handler:
        given = {"content-type": "text/markdown", "content-disposition": f"attachment; filename={name}"}
        return lambda _request: httpx.Response(200, text=text, headers=given)

    assert verdicts(file("# hi\n", "x.md"), exchange(response)) == ["same"]
    assert verdicts(file("# ho\n", "x.md"), exchange(response)) == ["different"]
    assert verdicts(file("# hi\n", "y.md"), exchange(response)) == ["different"]


def test_summary_counts_each_group() -> None:
    recorded = {"status": 200, "json": {"code": 200}}
    outcomes = replayed(answering(200, {"code": 200}), exchange(recorded), exchange(recorded, group="11"))
    assert {group: counts["same"] for group, counts in summary_by(outcomes).items()} == {"10": 1, "11": 1}


@pytest.mark.parametrize(
    ("step", "status", "asked"),
    [("completed", "in_progress", 1), ("pending", "failed", 1), ("pending", "pending", 5)],
)
def test_waits_for_a_step_until_it_or_its_whole_task_has_ended(step: str, status: str, asked: int) -> None:
    paths: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        return httpx.Response(200, json={"data": {"status": status, "step_status": {"ddl_generation": step}}})

    poll = {"poll": "/task", "field": "data.step_status.ddl_generation", "until": ["completed"], "timeout": 1}
    with httpx.Client(base_url="http://service", transport=httpx.MockTransport(answer)) as client:
        Sender(client, sleep=lambda _seconds: None).send(exchange({"status": 200}, before=[poll]))
    assert paths == ["/task"] * asked + ["/api/v0/ask_agent"]

"""The replayer's judgement: what is equal, what is intended, what differs."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from scripts.parity.compare import compare
from scripts.parity.exchanges import Exchange
from scripts.parity.replay import Replayer, summary


def exchange(response: dict[str, Any], **members: Any) -> Exchange:
    request = {"method": "POST", "path": "/api/v0/ask_agent", "query": {}, "headers": {}, "json": {"question": "你好"}}
    given = {"id": "x-1", "app": "unified_api", "group": "10", "request": request, "response": response, **members}
    return Exchange(**given)


def replayer(answer: Callable[[httpx.Request], httpx.Response]) -> Replayer:
    return Replayer(httpx.Client(base_url="http://service", transport=httpx.MockTransport(answer)))


def verdicts(handler: Callable[[httpx.Request], httpx.Response], *exchanges: Exchange) -> list[str]:
    player = replayer(handler)
    with player.client:
        return [outcome.verdict for outcome in player.replay(exchanges)]


def test_extra_keys_are_no_difference() -> None:
    assert not compare({"a": 1}, {"a": 1, "b": 2})


def test_missing_key_wrong_type_and_wrong_value_are_differences() -> None:
    found = compare({"a": 1, "b": "x", "c": [1]}, {"b": 2, "c": [1, 2]})
    assert {difference.path for difference in found} == {"$.a", "$.b", "$.c.length"}


def test_volatile_values_are_compared_by_type() -> None:
    assert not compare({"timestamp": "2026-01-01"}, {"timestamp": "2027-01-01"})
    assert compare({"timestamp": "2026-01-01"}, {"timestamp": None})


def test_conversation_ids_inside_texts_are_equal() -> None:
    assert not compare("会话 a:20261120112024488", "会话 a:20271120112024999")


def test_boolean_is_not_a_number() -> None:
    assert compare({"n": 1}, {"n": True})


def test_equal_answer_is_equal_and_changed_one_differs() -> None:
    recorded = exchange({"status": 200, "json": {"code": 200, "data": {"type": "CHAT"}}})
    same = verdicts(lambda _r: httpx.Response(200, json={"code": 200, "data": {"type": "CHAT"}}), recorded)
    other = verdicts(lambda _r: httpx.Response(200, json={"code": 200, "data": {"type": "DATABASE"}}), recorded)
    assert (same, other) == (["equal"], ["different"])


def test_html_error_that_became_an_envelope_is_intended_but_a_500_is_not() -> None:
    recorded = exchange({"status": 404, "content_type": "text/html; charset=utf-8"})
    assert verdicts(lambda _r: httpx.Response(404, json={"code": 404}), recorded) == ["intended"]
    assert verdicts(lambda _r: httpx.Response(500, json={"code": 500}), recorded) == ["different"]


def test_captured_id_travels_into_the_next_request() -> None:
    seen: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content).get("conversation_id"))
        return httpx.Response(200, json={"data": {"conversation_id": "a:20260101000000000"}})

    response = {"status": 200, "json": {"data": {"conversation_id": "a:20250101000000000"}}}
    first = exchange(response, capture={"first": "data.conversation_id"})
    second = exchange(response, template={"json": {"conversation_id": "{{first}}"}})
    assert verdicts(answer, first, second) == ["equal", "equal"]
    assert seen == [None, "a:20260101000000000"]


def test_exchange_whose_id_was_never_captured_is_skipped() -> None:
    lost = exchange({"status": 200, "json": {}}, template={"json": {"conversation_id": "{{nobody}}"}})
    player = replayer(lambda _r: httpx.Response(200, json={}))
    with player.client:
        outcomes = list(player.replay([lost]))
    assert summary(outcomes) == {"total": 1, "equal": 0, "intended": 0, "different": 0, "skipped": 1}

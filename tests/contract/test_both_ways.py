"""Going there and back: whatever one entry writes, the other reads, continues, uses and deletes, on the same stores."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from core.read_only_mode import REFRESH_SECONDS
from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.harness.model_server import ScriptedModelServer

COUNT = "SELECT count(*) AS 数量 FROM bss_company"
DATABASE = {"routing_mode": "database_direct"}


class Pair(NamedTuple):
    """Two entries on the same stores; `writer` goes first."""

    writer: Service
    reader: Service


@pytest.fixture(scope="module")
def services(start: Start, small_business_url: str, model: ScriptedModelServer) -> Iterator[dict[str, Service]]:
    """Both entries side by side, each on a port of its own."""
    model.add_rule(COUNT, kind="write_sql", contains="多少")
    model.add_rule("共三家。", kind="summarise")
    caching = {"ENABLE_QUESTION_ANSWER_CACHE": "true"}
    with start(small_business_url, model, "unified", **caching) as unified:
        shared = {name: unified.container.settings.get(name) for name in ("DATABASE_URL", "REDIS_URL")}
        with start(small_business_url, model, "citu", **caching, **shared) as old:
            yield {"unified": unified, "citu": old}


@pytest.fixture(params=["unified", "citu"])
def pair(request: pytest.FixtureRequest, services: dict[str, Service]) -> Pair:
    """Once from each side; `tag` in texts keeps the two directions apart."""
    other = "citu" if request.param == "unified" else "unified"
    return Pair(services[request.param], services[other])


@pytest.fixture
def tag(pair: Pair) -> str:
    return f"写自{pair.writer.app.name.removesuffix('_app')}"


def data_of(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


def get(service: Service, path: str, **params: Any) -> dict[str, Any]:
    return data_of(service.client.get(f"/api/v0/{path}", params=params))


def post(service: Service, path: str, body: Any = None) -> dict[str, Any]:
    return data_of(service.client.post(f"/api/v0/{path}", json=body))


def without_times(value: Any) -> Any:
    """The answer but for the moment it was given."""
    return {name: member for name, member in value.items() if name not in ("timestamp", "query_time")}


def test_conversation_goes_on_across_both(pair: Pair, tag: str) -> None:
    first = data_of(pair.writer.ask(f"你好，{tag}", user_id=tag, routing_mode="chat_direct"))
    known = {"user_id": tag, "conversation_id": first["conversation_id"], "routing_mode": "chat_direct"}
    second = data_of(pair.reader.ask("还记得我吗", **known))
    third = data_of(pair.writer.ask("那现在呢", **known))
    assert first["context_used"] is False
    for answer in (second, third):
        assert (answer["context_used"], answer["conversation_id"]) == (True, first["conversation_id"])
    for path in (f"conversation/{first['conversation_id']}/messages", f"user/{tag}/conversations/full"):
        assert without_times(get(pair.reader, path)) == without_times(get(pair.writer, path))
    messages = get(pair.reader, f"conversation/{first['conversation_id']}/messages")["messages"]
    questions = [one["content"] for one in messages if one["role"] == "user"]
    assert questions == [f"你好，{tag}", "还记得我吗", "那现在呢"]


def test_answer_kept_by_one_is_served_by_the_other(pair: Pair, tag: str, model: ScriptedModelServer) -> None:
    question = f"{tag}有多少公司"
    first = data_of(pair.writer.ask(question, **DATABASE))
    calls = len(model.calls)
    second = data_of(pair.reader.ask(question, **DATABASE))
    assert (first["from_cache"], second["from_cache"], len(model.calls)) == (False, True, calls)
    assert (second["sql"], second["records"]) == (first["sql"], first["records"])
    listed = [row["question"] for row in get(pair.reader, "qa_cache_list", limit=5)["cache_list"]]
    assert question in listed
    kept = get(pair.writer, "embedding_cache_stats")["total_count"]
    assert get(pair.reader, "embedding_cache_stats")["total_count"] == kept > 0
    assert post(pair.reader, "qa_cache_cleanup")["deleted_count"] > 0
    assert get(pair.writer, "qa_cache_stats")["total_count"] == 0


def test_session_of_ask_cached_is_served_by_the_other(pair: Pair, tag: str, model: ScriptedModelServer) -> None:
    body = {"question": f"{tag}会话有多少公司", "user_id": tag}
    first = post(pair.writer, "ask_cached", body)
    calls = len(model.calls)
    second = post(pair.reader, "ask_cached", body)
    assert (first["cached"], second["cached"], len(model.calls)) == (False, True, calls)
    assert second["query_result"] == first["query_result"]


def test_feedback_becomes_training_data_by_the_other(pair: Pair, tag: str) -> None:
    verdict = {"question": f"{tag}的反馈", "sql": COUNT, "is_thumb_up": True, "user_id": tag}
    number = post(pair.writer, "qa_feedback/add", verdict)["feedback_id"]
    wrong = post(pair.writer, "qa_feedback/add", {**verdict, "question": f"{tag}的差评", "is_thumb_up": False})
    records = post(pair.reader, "qa_feedback/query", {"sort_by": "id"})["records"]
    mine = [record for record in records if record["user_id"] == tag]
    assert {record["id"] for record in mine} == {number, wrong["feedback_id"]}
    changed = pair.reader.client.put(f"/api/v0/qa_feedback/update/{number}", json={"question": f"{tag}的好评"})
    assert changed.status_code == 200
    trained = post(pair.reader, "qa_feedback/add_to_training", {"feedback_ids": [number, wrong["feedback_id"]]})
    assert trained["successfully_trained_ids"] == [number, wrong["feedback_id"]]
    found = post(pair.writer, "training_data/query", {"search_keyword": tag})["records"]
    assert {(one["training_data_type"], one["question"]) for one in found} == {
        ("sql", f"{tag}的好评"),
        ("error_sql", f"{tag}的差评"),
    }
    assert pair.reader.client.delete(f"/api/v0/qa_feedback/delete/{number}").status_code == 200
    assert pair.writer.client.delete(f"/api/v0/qa_feedback/delete/{number}").status_code == 404
    shared = [without_times(get(service, "qa_feedback/stats")) for service in pair]
    assert shared[0] == shared[1]


def test_training_data_is_used_and_deleted_by_the_other(pair: Pair, tag: str) -> None:
    before = get(pair.reader, "training_data/stats")["total_count"]
    record = {"training_data_type": "sql", "question": f"{tag}训练有多少公司", "sql": COUNT}
    documentation = {"training_data_type": "documentation", "content": f"{tag}训练：公司表每行一家公司。"}
    made = post(pair.writer, "training_data/create", {"data": [record, documentation]})
    ids = [result["training_id"] for result in made["results"]]
    wrong = {"question": f"{tag}训练错误", "sql": "SELEC 1"}
    ids.append(post(pair.writer, "training_error_question_sql", wrong)["id"])
    assert get(pair.reader, "training_data/stats")["total_count"] == before + 3
    query = {"search_keyword": f"{tag}训练"}
    lists = [post(service, "training_data/query", query)["records"] for service in pair]
    assert lists[0] == lists[1]
    assert {one["id"] for one in lists[1]} == set(ids)
    answer = data_of(pair.reader.ask(f"{tag}训练有多少公司？", **DATABASE))
    assert ids[0] in answer["provenance"]["training_records"]
    assert post(pair.reader, "training_data/delete", {"ids": ids, "confirm": True})["deleted_ids"] == ids
    assert post(pair.writer, "training_data/query", query)["records"] == []


def test_cleaning_up_by_the_other_leaves_nothing(pair: Pair, tag: str) -> None:
    user = f"{tag}-gone"
    made = data_of(pair.writer.ask("你好", user_id=user, routing_mode="chat_direct"))["conversation_id"]
    pair.writer.container.shared.redis.commands.delete(f"conversation:{made}:meta")
    assert post(pair.reader, "conversation_cleanup", {"cleanup_invalid_refs": True})
    assert get(pair.writer, f"user/{user}/conversations")["conversations"] == []


def test_read_only_mode_of_one_holds_for_the_other(services: dict[str, Service]) -> None:
    switch = "maintenance/readonly"
    verdict = {"question": "q", "sql": COUNT, "is_thumb_up": True}
    try:
        post(services["unified"], switch, {"reason": "换班"})
        time.sleep(REFRESH_SECONDS)
        refused = services["citu"].client.post("/api/v0/qa_feedback/add", json=verdict)
        assert (refused.status_code, refused.json()["data"]["error_type"]) == (503, "read_only")
        assert "换班" in refused.json()["data"]["response"]
    finally:
        post(services["unified"], switch, {"enabled": False})

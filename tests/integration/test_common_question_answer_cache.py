"""Cached answers on a real Redis: what comes back, what two keys share, what is never found."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from common.answering import Answer, Classification, Question, ResultSet
from common.errors import StoreUnavailableError
from common.question_answer_cache import AnswerKey, QuestionAnswerCache
from core.redis_client import connect_redis

QUESTION = Question(text="服务区总数是多少？", tenant="default", user_id="alice", conversation_id="alice:1")
ORIGIN = {"training_revision": 3, "schema": "ab", "brain": {"model": "m", "prompts": {"write_sql.txt": "1"}}}
ROWS = ResultSet(("名称", "数"), ({"名称": "甲", "数": "1.50"}, {"名称": None, "数": 2.25}), 7, is_limited=True)
ANSWER = Answer(
    question_type="DATABASE",
    response="共2个",
    classification=Classification("DATABASE", 0.9, "理由", "enhanced_llm"),
    execution_path=("start", "classify"),
    sql="SELECT 1",
    records=ROWS,
    summary="共2个",
    provenance={"training_records": ["a"]},
)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    client = connect_redis(redis_url, timeout_seconds=5)
    client.commands.flushdb()
    yield client.commands
    client.close()


@pytest.fixture
def cache(redis: Redis) -> QuestionAnswerCache:
    return QuestionAnswerCache(redis)


def key(origin: Any = None, **members: Any) -> AnswerKey:
    return AnswerKey.of(replace(QUESTION, **members), ORIGIN if origin is None else origin)


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER,
        replace(ANSWER, records=ResultSet(("名称",), (), 0), summary=None, response=""),
        Answer("CHAT", "你好", Classification("UNCERTAIN", 0.5, "理由", "rule_based_uncertain"), ("start",)),
    ],
    ids=["rows", "no rows", "chat"],
)
def test_answer_comes_back_as_it_was(cache: QuestionAnswerCache, answer: Answer) -> None:
    assert cache.get_cached_answer(key()) is None
    cache.cache_answer(key(), QUESTION, answer)
    found = cache.get_cached_answer(key())
    assert found is not None
    assert found.answer == answer


def test_stored_value_has_the_historical_members(cache: QuestionAnswerCache, redis: Redis) -> None:
    cache.cache_answer(key(), QUESTION, ANSWER)
    (name,) = redis.scan_iter("qa_cache:*")
    value = redis.get(name)
    assert len(name) == len("qa_cache:") + 16
    assert 86_000 < redis.ttl(name) <= 86_400
    assert value.isascii()
    members = json.loads(value)
    historical = {"success", "type", "response", "sql", "query_result", "summary", "execution_path"}
    assert historical | {"classification_info", "cached_at", "original_question"} <= members.keys()
    assert (members["original_question"], members["query_result"]["row_count"]) == (QUESTION.text, 2)


def test_spaces_around_case_user_and_conversation_make_no_difference(cache: QuestionAnswerCache) -> None:
    cache.cache_answer(key(text="  GDP 是多少 "), QUESTION, ANSWER)
    assert cache.get_cached_answer(key(text="gdp 是多少", user_id="bob", conversation_id="bob:1")) is not None


@pytest.mark.parametrize(
    "other",
    [
        key(text="别的"),
        key(tenant="acme"),
        key(routing_mode="chat_direct"),
        key(context="User: 你好"),
        key({**ORIGIN, "training_revision": 4}),
        key({**ORIGIN, "schema": "cd"}),
        key({**ORIGIN, "brain": {"model": "other", "prompts": {"write_sql.txt": "1"}}}),
        key({**ORIGIN, "brain": {"model": "m", "prompts": {"write_sql.txt": "2"}}}),
    ],
    ids=["question", "tenant", "routing", "context", "training", "schema", "model", "prompts"],
)
def test_whatever_an_answer_depends_on_keeps_answers_apart(cache: QuestionAnswerCache, other: AnswerKey) -> None:
    cache.cache_answer(key(), QUESTION, ANSWER)
    assert cache.get_cached_answer(other) is None


def test_tenants_have_keys_of_their_own(cache: QuestionAnswerCache, redis: Redis) -> None:
    acme = key(tenant="acme")
    cache.cache_answer(acme, QUESTION, ANSWER)
    assert [name.startswith("tenant:acme:qa_cache:") for name in redis.scan_iter("*")] == [True]
    assert acme.lock_name.startswith("tenant:acme:lock:")


def test_name_that_two_questions_share_gives_neither_the_others_answer(
    cache: QuestionAnswerCache,
) -> None:
    mine = key()
    clash = AnswerKey(mine.tenant, mine.identity[:16] + "0" * 48)
    cache.cache_answer(clash, QUESTION, ANSWER)
    assert clash.name == mine.name
    assert cache.get_cached_answer(mine) is None


@pytest.mark.parametrize("value", ["", "x", "[]", "null", "{}", '{"identity": "%s"}', "[" * 100_000])
def test_value_nobody_can_read_is_not_found(cache: QuestionAnswerCache, redis: Redis, value: str) -> None:
    redis.set(key().name, value.replace("%s", key().identity))
    assert cache.get_cached_answer(key()) is None


def test_answer_of_the_older_service_is_not_found(cache: QuestionAnswerCache, redis: Redis) -> None:
    redis.set(key().name, json.dumps({"success": True, "type": "CHAT", "response": "旧", "cached_at": "2024-01-01"}))
    assert cache.get_cached_answer(key()) is None


def test_answer_grows_old_and_ends(redis: Redis) -> None:
    now = 1_000.0
    cache = QuestionAnswerCache(redis, ttl_seconds=60, clock=lambda: now)
    cache.cache_answer(key(), QUESTION, ANSWER)
    now += 42.9
    found = cache.get_cached_answer(key())
    assert found is not None
    assert cache.age_seconds(found) == 42
    assert 0 < redis.ttl(key().name) <= 60


@pytest.mark.parametrize("forever", [None, 0])
def test_no_ttl_means_for_ever(redis: Redis, forever: int | None) -> None:
    QuestionAnswerCache(redis, ttl_seconds=forever).cache_answer(key(), QUESTION, ANSWER)
    assert redis.ttl(key().name) == -1


def test_too_large_or_unwritable_answers_are_not_kept(redis: Redis) -> None:
    QuestionAnswerCache(redis, max_bytes=100).cache_answer(key(), QUESTION, ANSWER)
    unwritable = replace(ANSWER, records=ResultSet(("数",), ({"数": float("nan")},), 1))
    QuestionAnswerCache(redis).cache_answer(key(), QUESTION, unwritable)
    assert list(redis.scan_iter("*")) == []


def test_lost_redis_finds_and_keeps_nothing() -> None:
    client = connect_redis("redis://127.0.0.1:9/0")
    cache = QuestionAnswerCache(client.commands)
    assert cache.cache_answer(key(), QUESTION, ANSWER).answer == ANSWER
    assert cache.get_cached_answer(key()) is None
    client.close()


def test_figures_list_and_removal_are_a_tenants_own(cache: QuestionAnswerCache, redis: Redis) -> None:
    for number in range(3):
        for tenant in ("default", "acme"):
            asked = replace(QUESTION, text=f"问题{number}", tenant=tenant)
            cache.cache_answer(AnswerKey.of(asked, ORIGIN), asked, ANSWER)
        redis.expire(AnswerKey.of(replace(QUESTION, text=f"问题{number}"), ORIGIN).name, 100 + number)
    redis.set("qa_cache:0123456789abcdef", json.dumps({"original_question": "旧", "type": "CHAT"}), ex=50)
    redis.set("qa_cache:fedcba9876543210", "no json", ex=40)
    assert cache.stats("default")[0] == 5
    assert [listed.question for listed in cache.newest("default", 4)] == ["问题2", "问题1", "问题0", "旧"]
    newest = cache.newest("default", 1)[0]
    assert (newest.question_type, newest.has_sql, newest.has_summary) == ("DATABASE", True, True)
    assert 0 < newest.ttl_seconds <= 102
    assert (cache.clear("default"), cache.clear("default")) == (5, 0)
    assert [listed.question for listed in cache.newest("acme", 9)] == ["问题2", "问题1", "问题0"]


def test_forgotten_answer_is_not_found(cache: QuestionAnswerCache) -> None:
    cache.cache_answer(key(), QUESTION, ANSWER)
    cache.forget([key().name])
    cache.forget([])
    assert cache.get_cached_answer(key()) is None


def test_without_redis_figures_and_removal_are_failures() -> None:
    client = connect_redis("redis://127.0.0.1:9/0", timeout_seconds=0.2)
    cache = QuestionAnswerCache(client.commands)
    for ask in (cache.stats, cache.clear, lambda tenant: cache.newest(tenant, 5)):
        with pytest.raises(StoreUnavailableError):
            ask("default")
    cache.forget(["qa_cache:0"])
    assert not cache.is_available()
    client.close()

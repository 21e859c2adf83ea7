"""The ask service around a scripted engine: identity, conversation, what is kept, what errors carry. Redis is away."""

from typing import Any

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.answering import Answer, Classification, Question, ResultSet, Watch, nobody_watches
from common.errors import AnswerFailedError, BadRequestError, ServiceUnavailableError
from common.redis_conversation_manager import RedisConversationManager
from features.ask.schemas import AskRequest
from features.ask.service import AskLimits, AskService

CLASSIFICATION = Classification("DATABASE", 0.9, "理由", "rule_based_strong_business")
ROWS = ResultSet(columns=("数量",), rows=({"数量": 3},), total_row_count=1)


class ScriptedEngine:
    def __init__(self, outcome: Answer | Exception) -> None:
        self.outcome = outcome
        self.questions: list[Question] = []

    async def answer(self, question: Question, watch: Watch = nobody_watches) -> Answer:
        self.questions.append(question)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def answer(**members: Any) -> Answer:
    given = {
        "question_type": "DATABASE",
        "response": "共3个",
        "classification": CLASSIFICATION,
        "execution_path": ("start", "classify"),
        "sql": "SELECT 3",
        "records": ROWS,
        "summary": "共3个",
    }
    return Answer(**{**given, **members})


def service(engine: ScriptedEngine, **limits: Any) -> AskService:
    redis = Redis(unix_socket_path="/nowhere/redis.sock", retry=Retry(NoBackoff(), 0), decode_responses=True)
    given = {"max_question_chars": 100, "timeout_seconds": 5.0, "default_routing_mode": "hybrid", **limits}
    return AskService(engine=lambda: engine, conversations=RedisConversationManager(redis), limits=AskLimits(**given))


def test_answer_carries_every_field_of_the_contract() -> None:
    data = service(ScriptedEngine(answer())).ask(AskRequest(question="多少个？", user_id="alice"))["data"]
    assert data["records"] == {
        "columns": ["数量"], "rows": [{"数量": 3}], "row_count": 1, "total_row_count": 1, "is_limited": False,
    }  # fmt: skip
    expected = {
        "type": "DATABASE", "response": "共3个", "summary": "共3个", "sql": "SELECT 3", "user_id": "alice",
        "context_used": False, "from_cache": False, "conversation_status": "new", "routing_mode_used": "hybrid",
        "routing_mode_source": "config", "agent_version": "langgraph_v1", "is_guest_user": False,
    }  # fmt: skip
    assert {key: data[key] for key in expected} == expected
    assert data["conversation_id"].startswith("alice:")
    assert "requested_conversation_id" not in data


def test_empty_result_has_a_message_and_no_counts() -> None:
    empty = ResultSet(columns=("数量",), rows=(), total_row_count=0)
    engine = ScriptedEngine(answer(records=empty, summary=None, response=""))
    data = service(engine).ask(AskRequest(question="q"))["data"]
    assert data["records"] == {
        "columns": [], "rows": [], "row_count": 0, "message": "查询执行成功，但没有找到符合条件的数据",
    }  # fmt: skip
    assert data["response"] == ""
    assert "summary" not in data


def test_without_a_user_the_guest_asks() -> None:
    data = service(ScriptedEngine(answer())).ask(AskRequest(question="q"))["data"]
    assert (data["user_id"], data["is_guest_user"]) == ("guest", True)


def test_unknown_conversation_becomes_a_new_one_and_is_named() -> None:
    wanted = AskRequest(question="q", conversation_id="bob:20260101000000000")
    data = service(ScriptedEngine(answer())).ask(wanted)["data"]
    assert data["conversation_status"] == "invalid_id_new"
    assert data["requested_conversation_id"] == "bob:20260101000000000"
    assert data["conversation_id"] != data["requested_conversation_id"]


def test_routing_mode_of_the_caller_is_used_and_said() -> None:
    engine = ScriptedEngine(answer())
    data = service(engine).ask(AskRequest(question="q", routing_mode="database_direct"))["data"]
    assert (data["routing_mode_used"], data["routing_mode_source"]) == ("database_direct", "api")
    assert engine.questions[0].routing_mode == "database_direct"


def test_bad_routing_mode_is_refused_before_the_engine_is_asked() -> None:
    engine = ScriptedEngine(answer())
    with pytest.raises(BadRequestError, match="routing_mode") as caught:
        service(engine).ask(AskRequest(question="q", routing_mode="sideways"))
    assert caught.value.invalid_params == ["routing_mode"]
    assert not engine.questions


def test_question_above_the_limit_is_refused() -> None:
    with pytest.raises(BadRequestError, match="问题过长"):
        service(ScriptedEngine(answer()), max_question_chars=3).ask(AskRequest(question="四个字啊"))


def test_engine_error_tells_whose_conversation_it_was() -> None:
    failure = AnswerFailedError("没有相关的表", data={"sql": "SELECT 1"})
    with pytest.raises(AnswerFailedError) as caught:
        service(ScriptedEngine(failure)).ask(AskRequest(question="q", user_id="carol"))
    assert caught.value.data["user_id"] == "carol"
    assert caught.value.data["conversation_id"].startswith("carol:")
    assert caught.value.data["sql"] == "SELECT 1"


def test_slow_engine_is_cut_off_and_said_to_be_slow() -> None:
    class SlowEngine(ScriptedEngine):
        async def answer(self, question: Question, watch: Watch = nobody_watches) -> Answer:
            import asyncio

            await asyncio.sleep(30)
            return await super().answer(question)

    with pytest.raises(ServiceUnavailableError, match="超时"):
        service(SlowEngine(answer()), timeout_seconds=0.05).ask(AskRequest(question="q"))


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="无法处理"):
        AskRequest(question="\ud800")

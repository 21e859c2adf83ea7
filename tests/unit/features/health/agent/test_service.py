"""What `agent_health` concludes from what the agent and the stores do."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from common.answering import Answer, Classification, Question
from common.errors import (
    AnswerFailedError,
    CituError,
    ModelUnavailableError,
    ServiceUnavailableError,
    StoreUnavailableError,
)
from features.health.agent.presentation import shown
from features.health.agent.service import AgentHealthService, HealthTest

CHAT = Classification("CHAT", 0.9, "", "enhanced_llm")


@dataclass
class OneAnswerAgent:
    """Answers every question alike; an exception is raised, a number of seconds is waited."""

    outcome: Any = "您好"
    provenance: dict[str, Any] = field(default_factory=dict)
    steps: tuple[str, ...] = ("classify_question", "agent_chat")
    asked: list[Question] = field(default_factory=list)

    async def answer(self, question: Question) -> Answer:
        self.asked.append(question)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if isinstance(self.outcome, float):
            await asyncio.sleep(self.outcome)
        return Answer("CHAT", str(self.outcome), CHAT, ("start",), provenance=self.provenance)


def failing(error: CituError) -> Callable[..., Any]:
    def fail(*_arguments: Any) -> Any:
        raise error

    return fail


def service(agent: Any = None, **options: Any) -> AgentHealthService:
    built = agent or OneAnswerAgent()
    test = HealthTest(
        "你好", options.get("is_full", True), options.get("timeout_seconds", 5), options.get("fresh_seconds", 5.0)
    )
    stores = {"business_database": lambda: None, "platform_database": lambda: None, **options.get("stores", {})}
    return AgentHealthService(
        engine=options.get("engine", lambda: built),
        classify=options.get("classify", lambda _question: CHAT),
        stores=stores,
        test=test,
        clock=options.get("clock", iter(range(0, 10**6, 100)).__next__),
    )


def test_answering_agent_is_healthy() -> None:
    agent = OneAnswerAgent()
    envelope = shown(service(agent).check())
    data = envelope["data"]
    assert (envelope["code"], envelope["success"], envelope["message"]) == (200, True, "操作成功")
    assert (data["status"], data["test_result"], data["workflow_compiled"], data["tools_count"]) == (
        "healthy",
        True,
        True,
        2,
    )
    assert data["message"] == data["response"] == "Agent健康检查完成"
    assert data["checks"] == dict.fromkeys(
        ("agent_creation", "tools_import", "llm_connection", "classifier_ready"), True
    )
    assert "reasons" not in data
    assert (agent.asked[0].text, agent.asked[0].conversation_id) == ("你好", "health_check")


@pytest.mark.parametrize("outcome", [ModelUnavailableError("大模型服务暂时不可用"), "  "])
def test_model_without_an_answer_is_degraded(outcome: Any) -> None:
    envelope = shown(service(OneAnswerAgent(outcome)).check())
    data = envelope["data"]
    assert (envelope["code"], envelope["success"], envelope["message"]) == (503, False, "服务暂时不可用")
    assert (data["status"], data["test_result"], data["checks"]["llm_connection"]) == ("degraded", False, False)
    assert data["checks"]["classifier_ready"]
    assert data["workflow_compiled"]
    assert data["message"].startswith("完整测试失败: ")
    assert data["response"] == "部分组件异常"
    assert set(data["reasons"]) == {"llm_connection"}


def test_slow_model_is_given_up_and_degraded() -> None:
    data = shown(service(OneAnswerAgent(60.0), timeout_seconds=0.05).check())["data"]
    assert (data["status"], data["checks"]["llm_connection"]) == ("degraded", False)


def test_agent_that_cannot_be_built_is_unhealthy() -> None:
    data = shown(service(engine=failing(ServiceUnavailableError("缺少组件"))).check())["data"]
    assert (data["status"], data["test_result"], data["workflow_compiled"], data["tools_count"]) == (
        "unhealthy",
        False,
        False,
        0,
    )
    assert (data["message"], data["response"]) == ("Agent创建失败: 缺少组件", "Agent健康检查失败")
    assert data["checks"] == {
        "agent_creation": False, "tools_import": False, "llm_connection": False, "classifier_ready": True,
    }  # fmt: skip


def test_classifier_that_cannot_be_loaded_is_unhealthy() -> None:
    agent = OneAnswerAgent()
    data = shown(service(agent, classify=failing(ServiceUnavailableError("词典"))).check())["data"]
    assert (data["status"], data["checks"]["classifier_ready"]) == ("unhealthy", False)
    assert not agent.asked


@pytest.mark.parametrize(
    ("name", "status", "asks", "is_answering"),
    [("business_database", "unhealthy", 0, False), ("platform_database", "degraded", 1, True)],
)
def test_lost_store_counts_as_much_as_answers_need_it(name: str, status: str, asks: int, is_answering: bool) -> None:
    agent = OneAnswerAgent()
    envelope = shown(service(agent, stores={name: lambda: "不可用"}).check())
    data = envelope["data"]
    assert (envelope["code"], data["status"], len(agent.asked), data["test_result"]) == (
        503,
        status,
        asks,
        is_answering,
    )
    assert (data["message"], data["reasons"]) == ("部分组件异常", {name: "不可用"})


def test_answer_without_examples_is_degraded() -> None:
    data = shown(service(OneAnswerAgent(provenance={"notes": ["no_examples"]})).check())["data"]
    assert (data["status"], list(data["reasons"])) == ("degraded", ["platform_database"])


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (StoreUnavailableError("业务数据库不可用"), "unhealthy", "business_database"),
        (AnswerFailedError("没有SQL"), "degraded", "answer"),
    ],
)
def test_other_failures_name_their_part(error: CituError, status: str, name: str) -> None:
    data = shown(service(OneAnswerAgent(error)).check())["data"]
    assert (data["status"], data["test_result"], data["reasons"]) == (status, False, {name: error.message})


def test_light_test_does_not_ask_the_model() -> None:
    agent = OneAnswerAgent(ModelUnavailableError("不可用"))
    data = shown(service(agent, is_full=False).check())["data"]
    assert (data["status"], data["test_result"], agent.asked) == ("healthy", True, [])


@pytest.mark.parametrize(("outcome", "seconds"), [("您好", 30.0), ("", 5.0), (ModelUnavailableError("不可用"), 5.0)])
def test_outcome_is_kept_for_a_moment_and_a_failure_for_a_shorter_one(outcome: Any, seconds: float) -> None:
    """Repeated looks at a failing agent cost model calls, too."""
    now = [0.0]
    agent = OneAnswerAgent(outcome)
    examined = service(agent, clock=lambda: now[0], fresh_seconds=30.0)
    for moment, asked in ((0.0, 1), (seconds - 0.1, 1), (seconds, 2), (seconds + 0.1, 2)):
        now[0] = moment
        examined.check()
        assert len(agent.asked) == asked


def test_those_who_wait_share_one_examination() -> None:
    entered, release = threading.Event(), threading.Event()
    counted: list[int] = []
    moments = iter(range(0, 10**6, 100))

    def engine() -> OneAnswerAgent:
        counted.append(1)
        entered.set()
        release.wait(10)
        return OneAnswerAgent("")

    arrivals = threading.Semaphore(0)

    def clock() -> float:
        arrivals.release()
        return float(next(moments))

    examined = service(engine=engine, clock=clock)
    threads = [threading.Thread(target=examined.check) for _ in range(5)]
    threads[0].start()
    assert entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    for _ in threads:
        assert arrivals.acquire(timeout=10)
    release.set()
    for thread in threads:
        thread.join(10)
    assert len(counted) == 1

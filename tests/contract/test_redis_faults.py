"""Redis goes away under the running service and comes back: answers go on, and context returns by itself."""

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.bench.own_redis import OwnRedis, Relay, own_redis
from tools.harness.model_server import ScriptedModelServer

BACK_SECONDS = 20


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    with own_redis(tmp_path_factory.mktemp("redis"), "--appendonly", "yes") as server:
        yield server


@pytest.fixture(scope="module")
def relay(redis: OwnRedis) -> Iterator[Relay]:
    relay = Relay(redis.port)
    yield relay
    relay.close()


@pytest.fixture(scope="module")
def service(start: Start, small_business_url: str, model: ScriptedModelServer, relay: Relay) -> Iterator[Service]:
    with start(small_business_url, model, REDIS_URL=f"redis://127.0.0.1:{relay.port}/0") as running:
        yield running


def ask(service: Service, user: str) -> dict[str, Any]:
    response = service.ask("hello", user_id=user, continue_conversation=True, routing_mode="chat_direct")
    assert response.status_code == 200, response.text
    return response.json()["data"]


def wait_for_context(service: Service, user: str) -> None:
    deadline = time.monotonic() + BACK_SECONDS
    while not ask(service, user)["context_used"]:
        assert time.monotonic() < deadline, "no context came back"
        time.sleep(0.05)


def take_away(fault: str, redis: OwnRedis, relay: Relay) -> None:
    if fault == "reset":
        relay.reset(True)
    else:
        redis.send({"stalled": signal.SIGSTOP, "killed": signal.SIGKILL}[fault])


def give_back(fault: str, redis: OwnRedis, relay: Relay) -> None:
    if fault == "reset":
        relay.reset(False)
    elif fault == "stalled":
        redis.send(signal.SIGCONT)
    else:
        redis.start()


@pytest.mark.parametrize("fault", ["stalled", "killed", "reset"])
def test_answers_go_on_without_redis_and_context_returns(
    service: Service, redis: OwnRedis, relay: Relay, fault: str
) -> None:
    wait_for_context(service, fault)
    before = ask(service, fault)["conversation_id"]
    take_away(fault, redis, relay)
    for _ in range(3):
        data = ask(service, fault)
        assert (data["conversation_status"], data["context_used"]) == ("new", False)
    give_back(fault, redis, relay)
    wait_for_context(service, fault)
    assert ask(service, fault)["conversation_status"] == "continue"
    kept = service.client.get(f"/api/v0/conversation/{before}/messages").json()["data"]
    assert len(kept["messages"]) == int(kept["conversation_meta"]["message_count"]) > 0

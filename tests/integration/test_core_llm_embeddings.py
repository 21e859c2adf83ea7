"""The embeddings client over real HTTP: order, length, normalising, and the same typed failures as the chat client."""

import math
import threading
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from common.errors import BudgetExceededError
from core.llm.call_scope import CallScope
from core.llm.circuit_breaker import CircuitBreaker
from core.llm.embeddings import OpenAIEmbeddings, counted_tokens
from core.llm.errors import (
    EmbeddingDimensionError,
    ModelBusyError,
    ModelCallError,
    ModelCircuitOpenError,
    ModelConnectionError,
    ModelRateLimitedError,
    ModelReplyError,
    ModelServerError,
    ModelTimeoutError,
)
from core.llm.fair_gate import FairGate
from core.llm.messages import TokenUsage
from core.llm.metering import CallAccount, NoMeter
from core.vector_store.embedding import Embedder
from tests.fakes.model_clients import TEST_KEY, embeddings_client
from tools.harness.hashed_embedding import hashed_embedding
from tools.harness.model_faults import Fault, patience_for
from tools.harness.model_server import ScriptedModelServer

ANNA = CallAccount("default", "anna", "ask_agent")
BERT = CallAccount("acme", "bert", "ask_agent")


@pytest.fixture
def server() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer() as running:
        yield running


@pytest.fixture
def client(server: ScriptedModelServer) -> Iterator[OpenAIEmbeddings]:
    made = embeddings_client(server.base_url, timeout_seconds=1.2, attempt_timeout_seconds=0.3)
    yield made
    made.close()


def test_vectors_come_in_order_and_in_batches(server: ScriptedModelServer, client: OpenAIEmbeddings) -> None:
    embedder: Embedder = client
    texts = [f"服务区{number}" for number in range(23)]
    vectors = embedder.embed(texts, account=ANNA)
    assert vectors == [pytest.approx(hashed_embedding(text)) for text in texts]
    assert [len(call.body["input"]) for call in server.calls] == [10, 10, 3]
    assert (server.calls[0].kind, server.calls[0].body["encoding_format"]) == ("embed", "float")
    assert server.calls[0].headers["authorization"] == f"Bearer {TEST_KEY}"


def test_vectors_have_length_one(client: OpenAIEmbeddings) -> None:
    assert math.hypot(*client.embed(["营收"], account=ANNA)[0]) == pytest.approx(1)


def test_blank_texts_are_zeros_and_cost_no_call(server: ScriptedModelServer, client: OpenAIEmbeddings) -> None:
    assert client.embed(["", "  \n"], account=ANNA) == [[0.0] * 1024] * 2
    assert client.embed([], account=ANNA) == []
    assert server.calls == []


@pytest.mark.parametrize("suffix", ["", "/", "/embeddings", "/embeddings/"])
def test_the_path_is_added_unless_present(server: ScriptedModelServer, suffix: str) -> None:
    client = embeddings_client(server.base_url + suffix)
    client.embed(["营收"], account=ANNA)
    client.close()
    assert server.calls[0].path == "/v1/embeddings"


def test_another_dimension_is_refused_at_once(server: ScriptedModelServer) -> None:
    client = embeddings_client(server.base_url, dimension=768)
    with pytest.raises(EmbeddingDimensionError):
        client.embed(["营收"], account=ANNA)
    client.close()
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("status", 429), ModelRateLimitedError),
        (Fault("status", 503), ModelServerError),
        (Fault("reset"), ModelConnectionError),
        (Fault("reset_mid_answer"), ModelConnectionError),
        (Fault("hang"), ModelTimeoutError),
        (Fault("slow_drip"), ModelTimeoutError),
        (Fault("malformed_json"), ModelReplyError),
        (Fault("html"), ModelReplyError),
        (Fault("compressed"), ModelReplyError),
        (Fault("oversized"), ModelReplyError),
        (Fault("empty"), ModelReplyError),
    ],
)
def test_failures_are_typed_and_cured_when_they_pass(
    server: ScriptedModelServer, fault: Fault, expected: type[ModelCallError]
) -> None:
    client = embeddings_client(server.base_url, **patience_for(fault))
    server.queue_fault(fault)
    assert len(client.embed(["营收"], account=ANNA)) == 1
    server.queue_fault(fault, times=9)
    with pytest.raises(expected):
        client.embed(["营收"], account=ANNA)
    client.close()
    assert len(server.calls) == 5


class Counted(NoMeter):
    """Remembers what it was told; refuses the users it was given."""

    def __init__(self, *refused: str) -> None:
        self.recorded: list[tuple[str, str, str, TokenUsage, bool]] = []
        self._refused = refused

    def admit(self, account: CallAccount) -> None:
        if account.user_id in self._refused:
            raise BudgetExceededError("used up")

    def record(self, account: CallAccount, *, kind: str, model: str, usage: TokenUsage, is_estimated: bool) -> None:
        self.recorded.append((account.user_id, kind, model, usage, is_estimated))


def test_every_batch_is_on_the_account(server: ScriptedModelServer) -> None:
    meter = Counted("bert")
    client = embeddings_client(server.base_url, meter=meter, batch_size=2)
    client.embed(["营收", "四个汉字", "abcd"], account=ANNA)
    with pytest.raises(BudgetExceededError):
        client.embed_question("营收", account=BERT)
    client.close()
    assert [entry[:3] for entry in meter.recorded] == [("anna", "embed", "scripted")] * 2
    # the scripted server counts nothing, so tokens are estimated
    assert [entry[3:] for entry in meter.recorded] == [(TokenUsage(6, 0), True), (TokenUsage(1, 0), True)]
    assert len(server.calls) == 2


def test_tokens_the_service_counts_are_believed() -> None:
    said = {"usage": {"prompt_tokens": 7, "total_tokens": 7}}
    assert counted_tokens(said) == 7
    assert [counted_tokens(body) for body in ({}, [], {"usage": 3}, {"usage": {"total_tokens": "x"}})] == [None] * 4


def test_requests_wait_for_their_turn(server: ScriptedModelServer) -> None:
    gate = FairGate(limit=1)
    client = embeddings_client(server.base_url, gate=gate, timeout_seconds=0.3)
    with gate.enter("default", CallScope(5)):
        with pytest.raises(ModelBusyError):
            client.embed_question("营收", account=ANNA)
        assert server.calls == []
    client.embed_question("营收", account=ANNA)
    client.close()


def test_calls_at_a_time_are_bounded(server: ScriptedModelServer) -> None:
    server.delay_seconds = 0.05
    gate = FairGate(limit=2)
    client = embeddings_client(server.base_url, gate=gate)
    threads = [
        threading.Thread(target=client.embed_question, args=(str(n),), kwargs={"account": ANNA}) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    assert gate.waiting > 0
    for thread in threads:
        thread.join()
    client.close()
    assert (len(server.calls), gate.waiting) == (8, 0)


def test_minute_limit_lets_later_requests_wait(server: ScriptedModelServer) -> None:
    client = embeddings_client(
        server.base_url, gate=FairGate(limit=8, requests_per_minute=2), timeout_seconds=0.6, batch_size=1
    )
    with pytest.raises(ModelBusyError):
        client.embed(["一", "二", "三"], account=ANNA)
    client.close()
    assert len(server.calls) == 2


def test_endpoint_that_keeps_failing_is_left_alone(server: ScriptedModelServer) -> None:
    client = embeddings_client(server.base_url, breaker=CircuitBreaker(failures=3, open_seconds=60))
    server.queue_fault(Fault("status", 500), times=9)
    for _ in range(2):
        with pytest.raises(ModelCallError):
            client.embed_question("营收", account=ANNA)
    with pytest.raises(ModelCircuitOpenError):
        client.embed_question("营收", account=ANNA)
    client.close()
    assert len(server.calls) == 3


@pytest.mark.parametrize("asks", [True, False])
def test_dimension_is_asked_for_when_the_model_has_several(server: ScriptedModelServer, asks: bool) -> None:
    client = embeddings_client(server.base_url, asks_for_dimension=asks)
    client.embed_question("营收", account=ANNA)
    client.close()
    assert server.calls[0].body.get("dimensions") == (1024 if asks else None)


def test_a_server_without_keys_is_asked_without_one(server: ScriptedModelServer) -> None:
    client = embeddings_client(server.base_url, api_key=SecretStr(""))
    client.embed_question("营收", account=ANNA)
    client.close()
    assert "authorization" not in server.calls[0].headers

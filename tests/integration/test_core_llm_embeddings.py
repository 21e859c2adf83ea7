"""The embeddings client over real HTTP: order, length, normalising, and the same typed failures as the chat client."""

import math
from collections.abc import Iterator

import pytest

from core.llm.embeddings import OpenAIEmbeddings
from core.llm.errors import (
    EmbeddingDimensionError,
    ModelCallError,
    ModelConnectionError,
    ModelRateLimitedError,
    ModelReplyError,
    ModelServerError,
    ModelTimeoutError,
)
from core.vector_store.embedding import Embedder
from tests.fakes.hashed_embedding import hashed_embedding
from tests.fakes.model_clients import TEST_KEY, embeddings_client
from tests.fakes.model_faults import Fault
from tests.fakes.model_server import ScriptedModelServer


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
    vectors = embedder.embed(texts)
    assert vectors == [pytest.approx(hashed_embedding(text)) for text in texts]
    assert [len(call.body["input"]) for call in server.calls] == [10, 10, 3]
    assert (server.calls[0].kind, server.calls[0].body["encoding_format"]) == ("embed", "float")
    assert server.calls[0].headers["authorization"] == f"Bearer {TEST_KEY}"


def test_vectors_have_length_one(client: OpenAIEmbeddings) -> None:
    assert math.hypot(*client.embed(["营收"])[0]) == pytest.approx(1)


def test_blank_texts_are_zeros_and_cost_no_call(server: ScriptedModelServer, client: OpenAIEmbeddings) -> None:
    assert client.embed(["", "  \n"]) == [[0.0] * 1024] * 2
    assert client.embed([]) == []
    assert server.calls == []


@pytest.mark.parametrize("suffix", ["", "/", "/embeddings", "/embeddings/"])
def test_the_path_is_added_unless_present(server: ScriptedModelServer, suffix: str) -> None:
    client = embeddings_client(server.base_url + suffix)
    client.embed(["营收"])
    client.close()
    assert server.calls[0].path == "/v1/embeddings"


def test_another_dimension_is_refused_at_once(server: ScriptedModelServer) -> None:
    client = embeddings_client(server.base_url, dimension=768)
    with pytest.raises(EmbeddingDimensionError):
        client.embed(["营收"])
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
    server: ScriptedModelServer, client: OpenAIEmbeddings, fault: Fault, expected: type[ModelCallError]
) -> None:
    server.queue_fault(fault)
    assert len(client.embed(["营收"])) == 1
    server.queue_fault(fault, times=9)
    with pytest.raises(expected):
        client.embed(["营收"])
    assert len(server.calls) == 5

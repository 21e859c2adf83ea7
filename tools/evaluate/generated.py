"""Sets on the demo database that are made here: times, dialogues, and endings that ask for nothing more."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import yaml

from tools.evaluate.follow_ups import dialogues
from tools.evaluate.sets import PROJECT, EvaluationSet, Pair
from tools.evaluate.time_words import time_questions

_README_QUESTIONS: Final = PROJECT / "tests" / "fixtures" / "readme_questions.json"
_ENDINGS: Final = Path(__file__).parent / "phrases" / "endings.yaml"
_TOTAL: Final = (
    "SELECT SUM(pay_sum) FROM bss_business_day_data"
    " WHERE oper_date BETWEEN '{days.first}' AND '{days.last}' AND delete_ts IS NULL"
)


def time_words(today: date) -> tuple[Pair, ...]:
    """Total revenue of the days that a word means on `today`."""
    return tuple(
        Pair(entry.question, tuple(_TOTAL.format(days=days) for days in entry.accepted), entry.language)
        for entry in time_questions(today)
    )


def readme_endings(_today: date) -> tuple[Pair, ...]:
    """Each README question as it stands and with every prefix and ending: an answer that changes is a fault."""
    endings = yaml.safe_load(_ENDINGS.read_text(encoding="utf-8"))
    pairs: list[Pair] = []
    for entry in json.loads(_README_QUESTIONS.read_text(encoding="utf-8")):
        question = entry["question"]
        stem = question.rstrip("？?")
        variants = [question, *(before + question for before in endings["before"])]
        variants += [stem + behind for behind in endings["behind"]]
        pairs += [Pair(variant, (entry["sql"],), question) for variant in variants]
    return tuple(pairs)


def follow_ups(_today: date) -> tuple[Pair, ...]:
    """What is asked in the course of a dialogue."""
    return tuple(Pair(entry.question, entry.accepted, entry.language, entry.before) for entry in dialogues())


GENERATED: Final[dict[str, Callable[[date], tuple[Pair, ...]]]] = {
    "time_words": time_words,
    "readme_endings": readme_endings,
    "follow_ups": follow_ups,
}


def generated_set(name: str, today: date, *, limit: int | None = None) -> EvaluationSet:
    """The set of this name; raises KeyError when there is none."""
    return EvaluationSet(name, GENERATED[name](today)[:limit], schema=None)

"""On whole questions: whatever the model's provider does, a question ends in time and with a typed answer."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from tools.harness.model_faults import FIGURE_38
from tools.harness.model_server import ScriptedModelServer

from .ask import Asked, Asker
from .ask_service import AskedService, asked_service
from .figures import Figure

SEED: Final = 38
SHARE: Final = 0.2
CALLERS: Final = 8
MOST_CALLS: Final = 3
MEANINGFUL_QUESTIONS: Final = 1_000
CALL_SECONDS: Final = 5
STEPS: Final = 2
WORST_SECONDS: Final = STEPS * CALL_SECONDS + 1.0
TYPED: Final = frozenset({200, 422, 503})
# A well-formed but nonsensical reply is no failure of a call; it is acted out among the single faults.
RANDOM_FAULTS: Final = [fault for name, fault in FIGURE_38.items() if name != "wrong reply"]


@dataclass
class Tally:
    """What became of many questions; a step of one is told from another by the kind of its calls and their length."""

    asked: int = 0
    answered: int = 0
    untyped: int = 0
    worst_seconds: float = 0.0
    most_calls: int = 0

    def add(self, outcome: Asked) -> None:
        self.asked += 1
        self.answered += outcome.is_answered
        self.untyped += int(outcome.body.get("code", 0)) not in TYPED
        self.worst_seconds = max(self.worst_seconds, outcome.seconds)


def measure(*, questions: int, runs: int) -> list[Figure]:
    """`questions` at 20 % random faults from several callers, then `runs` questions for each single fault."""
    with asked_service(LLM_ATTEMPT_TIMEOUT="1", LLM_TIMEOUT=str(CALL_SECONDS)) as service:
        mixed = _mixed(service, questions)
        single = _single(service, runs)
    # three faults in a row end 0.8 % of the questions; a hundred of them say little about that
    goal = 99.0 if questions >= MEANINGFUL_QUESTIONS else None
    return [
        Figure("ask_faults.questions", mixed.asked, "questions"),
        Figure("ask_faults.answered", round(100 * mixed.answered / mixed.asked, 2), "%", goal),
        Figure("ask_faults.worst", round(mixed.worst_seconds, 2), "s", WORST_SECONDS, "lower"),
        Figure("ask_faults.untyped", mixed.untyped + single.untyped, "questions", 0, "lower"),
        Figure("ask_faults.single_questions", single.asked, "questions"),
        Figure("ask_faults.single_worst", round(single.worst_seconds, 2), "s", WORST_SECONDS, "lower"),
        Figure("ask_faults.most_calls_of_a_step", single.most_calls, "calls", MOST_CALLS, "lower"),
    ]


def _mixed(service: AskedService, questions: int) -> Tally:
    """Two steps ask the model: one writes the SQL, one the summary, whose loss costs only the sentence."""
    tally = Tally()
    service.model.fail_randomly(SHARE, seed=SEED, faults=RANDOM_FAULTS)

    def ask_some(number: int) -> list[Asked]:
        asker = Asker(service.url, f"faulty{number}")
        outcomes = [asker.ask() for _ in range(questions // CALLERS)]
        asker.close()
        return outcomes

    with ThreadPoolExecutor(CALLERS) as pool:
        for outcomes in pool.map(ask_some, range(CALLERS)):
            for outcome in outcomes:
                tally.add(outcome)
    service.model.fail_randomly(0.0, seed=SEED, faults=RANDOM_FAULTS)
    return tally


def act_out(
    model: ScriptedModelServer, ask: Callable[[], Asked], runs: int, after: Callable[[], None] = lambda: None
) -> Tally:
    """One caller, `runs` questions for each fault: the first one, two or three calls of each fail in the same way.

    Args:
        after: called after each question, with no fault left.
    """
    tally, chance = Tally(), random.Random(SEED)  # noqa: S311 - which calls fail is no secret
    for fault in FIGURE_38.values():
        for _ in range(runs):
            before = len(model.calls)
            model.queue_fault(fault, times=chance.choice([1, 2, MOST_CALLS]))
            tally.add(ask())
            model.forget_faults()
            steps = Counter((call.kind, len(call.messages)) for call in model.calls[before:])
            tally.most_calls = max(tally.most_calls, *steps.values(), 0)
            after()
    return tally


def _single(service: AskedService, runs: int) -> Tally:
    asker = Asker(service.url, "single")
    tally = act_out(service.model, asker.ask, runs)
    asker.close()
    return tally

"""What a rule of intended differences shows: its wanted answer is intended by it, a near miss is a difference."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.replay import judged
from cutover.parity.rules.rule import Rule

Case = tuple[Exchange, Any, Sequence[Any]]
"""The recorded exchange, the answer wanted today, answers that come near it. A list is the events of a stream."""


def verdict(recorded: Exchange, new: Any, status: int = 0) -> tuple[str, str]:
    """The verdict on `new` and the reason; `status` is the body's code unless given."""
    if isinstance(new, list):
        answer = Answer(200, None, "text/event-stream", events=new)
    else:
        answer = Answer(status or new.get("code", 200), new, "application/json")
    found = judged(recorded, answer, {})
    return found.verdict, found.why


def case_tests(cases: Mapping[str, Case], rules: Iterable[Rule]) -> tuple[Callable[..., None], ...]:
    """Three tests, for a module to name: every rule has a case, wanted answers are intended, near misses are not."""
    misses = [(name, number) for name, case in cases.items() for number in range(len(case[2]))]

    def has_cases() -> None:
        assert sorted(cases) == sorted(rule.name for rule in rules)

    @pytest.mark.parametrize("name", cases)
    def is_intended(name: str) -> None:
        recorded, wanted, _ = cases[name]
        found, why = verdict(recorded, wanted)
        assert (found, name in why) == ("intended", True), why

    @pytest.mark.parametrize(("name", "number"), misses)
    def is_different(name: str, number: int) -> None:
        recorded, _, near = cases[name]
        assert verdict(recorded, near[number])[0] == "different"

    return has_cases, is_intended, is_different

"""From a reading to a plan. Every noun, value, condition, period and form is used; what finds no use is a refusal.

The planner tries the likely roots in turn and keeps the first plan that uses everything.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from offline.confidence import Signals, confidence_of, signals_of
from offline.joins import JoinGraph
from offline.links import LinkIndex
from offline.moments import Moments
from offline.plan import AnyPlan, Refusal
from offline.plan_builder import PlanBuilder
from offline.plan_combining import combined_plan
from offline.plan_forms import apply_forms
from offline.reading import Reading
from offline.resolving import Resolution, Resolver
from offline.time_grammar import Clock
from offline.weights import WEIGHTS

_MOST_TRIES = 6
_WORSE = 0.8
_LEVEL = 1e-6
DEADLINE_SECONDS = 0.8
"""What planning a question may take; further roots are not tried after it."""


@dataclass
class Planned:
    """The outcome: a plan with its confidence 0..1, or the refusal."""

    plan: AnyPlan | None
    refusal: Refusal | None = None
    confidence: float = 0.0
    signals: Signals | None = None
    notes: list[str] = field(default_factory=list)


class Planner:
    """Plans questions against one schema; safe for many threads at once."""

    def __init__(self, index: LinkIndex, joins: JoinGraph) -> None:
        self._index = index
        self._joins = joins
        self._moments = Moments(index, joins)
        self._resolver = Resolver(index, joins)

    def plan(self, reading: Reading, clock: Clock) -> Planned:
        """The best plan that uses everything said."""
        if refusal := _unreadable(reading):
            return Planned(None, refusal)
        resolutions = self._resolver.resolve(reading)
        if not resolutions:
            return Planned(None, Refusal("missing_database_info"))
        if undecided := _undecided(resolutions):
            return Planned(None, undecided)
        deadline = time.monotonic() + DEADLINE_SECONDS
        first: Refusal | None = None
        for place, resolution in enumerate(resolutions[:_MOST_TRIES]):
            if resolution.score < resolutions[0].score - _WORSE or time.monotonic() > deadline:
                break
            outcome = self._try(reading, resolution, clock)
            if isinstance(outcome, Refusal):
                first = first or outcome
                continue
            signals = signals_of(reading, resolutions, place)
            return Planned(outcome, confidence=confidence_of(signals), signals=signals)
        return Planned(None, first or Refusal("unknown_generation_failure"))

    def _try(self, reading: Reading, resolution: Resolution, clock: Clock) -> AnyPlan | Refusal:
        if resolution.missing:
            return Refusal("missing_database_info", tuple(resolution.missing))
        combined = combined_plan(self._builder, self._resolver, reading, resolution, clock, self._joins)
        if combined is not None:
            return combined
        builder = self._builder(reading, resolution, clock)
        built = builder.build()
        return built if isinstance(built, Refusal) else apply_forms(built, builder)

    def _builder(self, reading: Reading, resolution: Resolution, clock: Clock) -> PlanBuilder:
        return PlanBuilder(reading, resolution, clock, self._index, self._joins, self._moments)


def _unreadable(reading: Reading) -> Refusal | None:
    if reading.unknown:
        return Refusal("missing_database_info", tuple(dict.fromkeys(reading.unknown)))
    if reading.has("blocking"):
        words = tuple(reading.tokens[place].text for place in reading.forms["blocking"])
        return Refusal("unknown_generation_failure", words)
    if reading.unread:
        return Refusal("unknown_generation_failure", tuple(dict.fromkeys(reading.unread)))
    if not (reading.mentions or reading.values or reading.has("siblings")):
        return Refusal("missing_database_info")
    return None


def _undecided(resolutions: Sequence[Resolution]) -> Refusal | None:
    """A figure or word that many tables have alike, when nothing said tells which of them is meant."""
    best = resolutions[0]
    level = [one for one in resolutions if one.score >= best.score - _LEVEL]
    if len(level) <= WEIGHTS.most_level:
        return None
    own = [option for option in best.uses.values() if option.relation is best.root]
    if any(option.kind in ("entity", "rows") and option.score >= WEIGHTS.sure for option in own):
        return None
    words = tuple(mention.text for mention, option in best.uses.items() if option.relation is best.root)
    return Refusal("ambiguous_question", words, tuple(one.root.title for one in level[:3])) if words else None


def unused(words: Sequence[str]) -> Refusal:
    """The refusal for what was said and could not be used."""
    return Refusal("unknown_generation_failure", tuple(dict.fromkeys(words)))

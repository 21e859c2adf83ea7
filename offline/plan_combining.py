"""Figures kept in different places: one plan for each place, with the same groups, put side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from offline.joins import JoinGraph
from offline.plan import CombinedPlan, Ordering, Plan, Refusal
from offline.plan_builder import PlanBuilder
from offline.reading import Mention, Reading
from offline.resolving import Resolution, Resolver
from offline.time_grammar import Clock
from offline.titles import Titles

MakeBuilder = Callable[[Reading, Resolution, Clock], PlanBuilder]
_MOST_PARTS = 3
_SINGLE_FORMS = ("growth", "decline", "previous", "year_before", "share", "running", "difference")


def combined_plan(
    make: MakeBuilder, resolver: Resolver, reading: Reading, resolution: Resolution, clock: Clock, joins: JoinGraph
) -> CombinedPlan | Refusal | None:
    """The plans side by side, a refusal when they cannot stand so, None when all figures are in one place."""
    places = _places(reading, resolution, joins)
    if len(places) < 2:
        return None
    if (
        len(places) > _MOST_PARTS
        or reading.conditions
        or (reading.has("respective") and reading.has("rank_word"))
        or reading.has(*_SINGLE_FORMS)
        or any(m.is_negated for m in reading.mentions)
    ):
        return Refusal("unknown_generation_failure", tuple(m.text for mentions in places.values() for m in mentions))
    figures = {mention for mentions in places.values() for mention in mentions}
    parts: list[Plan] = []
    for number, mentions in places.items():
        kept = [m for m in reading.mentions if m in mentions or m not in figures]
        part_reading = replace(reading, mentions=[_unranked(m) if m in figures else m for m in kept])
        options = {m: resolver.options(m, part_reading) for m in part_reading.mentions if not m.names_value}
        built = make(part_reading, resolver.at(joins.relation(number), part_reading, options), clock).build()
        if isinstance(built, Refusal):
            return built
        if not built.measures or built.best_of_each or built.both_ends:
            return Refusal("unknown_generation_failure", tuple(m.text for m in mentions))
        parts.append(built)
    if len({len(part.dimensions) for part in parts}) > 1:
        return Refusal("unknown_generation_failure")
    return _side_by_side(parts, reading, places)


def _places(reading: Reading, resolution: Resolution, joins: JoinGraph) -> dict[int, list[Mention]]:
    """Figures by the relation they are measured in; what is one step to one away stays with the root."""
    root = resolution.root
    found: dict[int, list[Mention]] = {}
    for mention in reading.mentions:
        option = resolution.uses.get(mention)
        if option is None or mention.is_negated or option.kind not in ("measure", "rows", "values"):
            continue
        way = joins.way(root, option.relation)
        stays = option.relation is root or (
            option.kind != "measure" and way is not None and all(edge.is_one for edge in way)
        )
        found.setdefault(root.number if stays else option.relation.number, []).append(mention)
    return found


def _unranked(mention: Mention) -> Mention:
    """Order is said once, for the whole."""
    return mention


def _side_by_side(parts: list[Plan], reading: Reading, places: dict[int, list[Mention]]) -> CombinedPlan:
    titles = Titles(is_english=reading.is_english)
    renamed: list[Plan] = []
    for part in parts:
        measures = tuple(replace(measure, title=titles.unique(measure.title)) for measure in part.measures)
        renamed.append(part.with_(measures=measures, ordering=(), limit=None))
    ordering = parts[0].ordering
    first_title = renamed[0].measures[0].title
    for number, mentions in enumerate(places.values()):
        if any(m.rank or m.order for m in mentions):
            descending = parts[number].ordering[0].is_descending if parts[number].ordering else True
            ordering = (Ordering(renamed[number].measures[0].title, descending),)
    if not ordering and parts[0].dimensions:
        ordering = (Ordering(first_title, is_descending=True),)
    ratio = titles.form("ratio") if reading.has("ratio") else ""
    limit = next((part.limit for part in parts if part.limit is not None), None)
    return CombinedPlan(tuple(renamed), ratio, 1, ordering if parts[0].dimensions else (), limit)

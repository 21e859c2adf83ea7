"""The fixed things of the demo world (companies, areas, routes, systems), read from `world.json` for the generator."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("world.json")


def stable_id(seed: int, *parts: object) -> str:
    """Thirty-two hex characters that depend only on the seed and the parts."""
    text = "|".join(map(str, (seed, *parts)))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Company:
    """A company that manages areas; `no` is the first three characters of its areas' numbers."""

    no: str
    name: str
    is_deleted: bool = False

    def row_id(self, seed: int) -> str:
        return stable_id(seed, "company", self.no, self.name)


@dataclass(frozen=True)
class Area:
    """A service area. `business_until` is the last day with takings, None for no end."""

    no: str
    name: str
    kind: str
    state: str
    position: str
    branches: tuple[str, ...]
    has_business: bool = True
    business_until: date | None = None
    has_cars: bool = True
    is_deleted: bool = False
    is_small: bool = False

    def row_id(self, seed: int) -> str:
        return stable_id(seed, "area", self.no, self.name)


@dataclass(frozen=True)
class Route:
    """A section of motorway and the numbers of the areas along it."""

    code: str
    section: str
    route: str
    areas: tuple[str, ...]
    is_deleted: bool = False

    def row_id(self, seed: int) -> str:
        return stable_id(seed, "route", self.code)


@dataclass(frozen=True)
class SourceSystem:
    """A system that keeps its own numbers (`prefix` first) for the areas."""

    name: str
    type: int
    prefix: str


@dataclass(frozen=True)
class World:
    """Everything that does not change from day to day."""

    companies: tuple[Company, ...]
    areas: tuple[Area, ...]
    routes: tuple[Route, ...]
    source_systems: tuple[SourceSystem, ...]
    car_types: tuple[tuple[str, float], ...]
    spring_festivals: frozenset[date]

    @property
    def live_areas(self) -> tuple[Area, ...]:
        return tuple(area for area in self.areas if not area.is_deleted)


@cache
def load_world() -> World:
    """The world as `world.json` describes it."""
    raw = json.loads(_FILE.read_text(encoding="utf-8"))
    return World(
        companies=tuple(Company(**company) for company in raw["companies"]),
        areas=tuple(_area(raw, item) for item in raw["areas"]),
        routes=tuple(Route(**{**route, "areas": tuple(route["areas"])}) for route in raw["routes"]),
        source_systems=tuple(SourceSystem(**system) for system in raw["source_systems"]),
        car_types=tuple((car["name"], car["share"]) for car in raw["car_types"]),
        spring_festivals=frozenset(date.fromisoformat(day) for day in raw["spring_festivals"]),
    )


def _area(raw: dict[str, Any], item: dict[str, Any]) -> Area:
    fields = dict(item)
    service, parking = raw["area_suffixes"]
    stem = item["name"].removesuffix(service).removesuffix(parking)
    sides = fields.pop("sides")
    count = fields.pop("branches")
    names = [f"{stem}{side}{raw['branch_suffix']}" for side in sides]
    names.append(f"{stem}{raw['branch_brand']}{sides[0]}{raw['branch_suffix']}")
    until = fields.pop("business_until", None)
    return Area(
        branches=tuple(names[:count]),
        business_until=date.fromisoformat(until) if until else None,
        is_small=item["name"].endswith(parking),
        kind=fields.pop("kind", raw["default_kind"]),
        state=fields.pop("state", raw["default_state"]),
        **fields,
    )

"""Rows of the tables that do not grow by the day (companies, areas, routes, links) and the slowly growing mapper."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from demo.rows import COLUMNS, Chunk, copy_line
from demo.seasons import FIRST_DAY
from demo.world import Area, SourceSystem, World, stable_id

_BORN = "2021-12-20 10:00:00"
_REMOVED = "2022-03-01 16:20:00"
_MAPPINGS_A_MONTH = (2, 3, 4)
_DELETED_SHARE = 0.04
_UNLINKED_SHARE = 0.06
_UPDATED_SHARE = 0.35


def master_chunks(world: World, *, seed: int, first_day: date, last_day: date) -> Iterator[Chunk]:
    """One chunk a table; all but the mapper only when the load starts at the demo's first day."""
    if first_day == FIRST_DAY:
        yield _chunk("bss_company", [_company(world, seed, number) for number in range(len(world.companies))])
        yield _chunk("bss_service_area", [_area_line(world, seed, area) for area in world.areas])
        yield _chunk(
            "bss_section_route",
            [
                copy_line(*_audit(route.row_id(seed), route.is_deleted), route.section, route.route, route.code)
                for route in world.routes
            ],
        )
        yield _chunk("bss_section_route_area_link", list(_links(world, seed)))
    mappings = [line for day, line in _mappings(world, seed, last_day) if first_day <= day <= last_day]
    yield _chunk("bss_service_area_mapper", mappings)


def _chunk(table: str, lines: list[str]) -> Chunk:
    return Chunk(table, COLUMNS[table], "".join(lines), len(lines), 1, 1)


def _audit(row_id: str, is_deleted: bool, born: str = _BORN, updated: str | None = None) -> tuple[object, ...]:
    removed = (_REMOVED if born == _BORN else f"{born[:10]} 17:05:00", "admin") if is_deleted else (None, None)
    return (row_id, 1, born, "admin", updated, "admin" if updated else None, *removed)


def _company(world: World, seed: int, number: int) -> str:
    company = world.companies[number]
    return copy_line(*_audit(company.row_id(seed), company.is_deleted), company.name, company.no)


def _area_line(world: World, seed: int, area: Area) -> str:
    company = next(company for company in world.companies if company.no == area.no[:3] and not company.is_deleted)
    return copy_line(
        *_audit(area.row_id(seed), area.is_deleted, updated=None if area.is_deleted else "2022-06-15 11:30:00"),
        *(area.name, area.no, company.row_id(seed), area.position, area.kind, area.state),
    )


def _links(world: World, seed: int) -> Iterator[str]:
    ids = {area.no: area.row_id(seed) for area in world.live_areas}
    for route in world.routes:
        for area_no in route.areas:
            yield copy_line(route.row_id(seed), ids[area_no])


def _mappings(world: World, seed: int, last_day: date) -> Iterator[tuple[date, str]]:
    """Creation day and line of each mapping: every area in two systems on the first day, then a few a month."""
    for area in world.live_areas:
        rng = Random(f"{seed}|mapping|{area.no}")
        for system in rng.sample(world.source_systems, 2):
            yield FIRST_DAY, _mapping(rng, seed, area, system, FIRST_DAY)
    month = FIRST_DAY
    while month <= last_day:
        rng = Random(f"{seed}|mappings|{month.isoformat()}")
        for _ in range(rng.choice(_MAPPINGS_A_MONTH)):
            day = month + timedelta(days=rng.randrange(28))
            area, system = rng.choice(world.live_areas), rng.choice(world.source_systems)
            yield day, _mapping(rng, seed, area, system, day)
        month = (month + timedelta(days=31)).replace(day=1)


def _mapping(rng: Random, seed: int, area: Area, system: SourceSystem, day: date) -> str:
    born = f"{day.isoformat()} {rng.randint(8, 17):02d}:{rng.randint(0, 59):02d}:00"
    has_own_number = rng.random() < 0.4
    number = f"{system.prefix}{rng.randint(1000, 9999)}" if has_own_number else area.no
    updated = f"{day.isoformat()} 18:30:00" if rng.random() < _UPDATED_SHARE else None
    row_id = f"{rng.getrandbits(128):032x}"
    is_deleted = rng.random() < _DELETED_SHARE
    area_id = stable_id(seed, "unknown area", row_id) if rng.random() < _UNLINKED_SHARE else area.row_id(seed)
    return copy_line(*_audit(row_id, is_deleted, born, updated), area.name, number, area_id, system.name, system.type)

"""Makes the rows of the demo database as COPY text, the same for the same seed whatever the end date, for the loader.

Every month of an area draws from its own random stream and days are drawn in order, so a later end date only appends.
Text is PostgreSQL's COPY text format: tabs between columns, `\\N` for NULL, one line a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from demo.master_rows import master_chunks
from demo.rows import COLUMNS, Chunk
from demo.seasons import FIRST_DAY, busyness
from demo.world import Area, World, load_world

_DELETED_SHARE = 0.03
_WRONG_SUM_SHARE = 0.001
_REST_DAY_SHARE = 0.0015
_CORRECTED_SHARE = 0.05
_NO_BEANS_SHARE = 0.03
_COPIED_AT = "01:30:00"


class _Day(NamedTuple):
    """A day with what all its rows share: ISO text, busyness, the following day's ISO text."""

    date: date
    iso: str
    busyness: float
    next_iso: str


class _Trade(NamedTuple):
    """What a branch's days have in common: orders on an average day, money per order, shares of the five payments."""

    orders: float
    ticket: float
    shares: tuple[float, float, float, float]
    source_type: int


def demo_chunks(*, seed: int, first_day: date, last_day: date) -> Iterator[Chunk]:
    """Rows to append for the days `first_day` to `last_day`, table by table; master rows come with the first day.

    Raises:
        ValueError: `first_day` is before the demo's first day.
    """
    if first_day < FIRST_DAY:
        raise ValueError(first_day)
    world = load_world()
    months = list(_months(world, first_day, last_day))
    yield from master_chunks(world, seed=seed, first_day=first_day, last_day=last_day)
    for table, make in (("bss_business_day_data", _business_month), ("bss_car_day_count", _car_month)):
        for number, days in enumerate(months, start=1):
            lines: list[str] = []
            for area in world.live_areas:
                make(lines, world, area, seed, days, first_day)
            yield Chunk(table, COLUMNS[table], "".join(lines), len(lines), number, len(months))


def _months(world: World, first_day: date, last_day: date) -> Iterator[list[_Day]]:
    """Each month's days from its first one on, also those before `first_day`: the streams run through them."""
    day = first_day.replace(day=1)
    month: list[_Day] = []
    while day <= last_day:
        following = day + timedelta(days=1)
        factor = busyness(day, world.spring_festivals)
        month.append(_Day(day, day.isoformat(), factor, following.isoformat()))
        if following.month != day.month:
            yield month
            month = []
        day = following
    if month:
        yield month


def _trade(seed: int, area: Area, branch: str) -> _Trade:
    rng = Random(f"{seed}|trade|{area.no}|{branch}")
    orders = rng.uniform(50, 130) if area.is_small else rng.uniform(160, 620)
    alipay, cash, xs, beans = rng.uniform(0.16, 0.30), rng.uniform(0.05, 0.26), rng.uniform(0.01, 0.05), 0.012
    return _Trade(orders, rng.uniform(24, 46), (alipay, cash, xs, beans), rng.choice((0, 1, 1, 2, 2, 3, 4)))


def _business_month(lines: list[str], world: World, area: Area, seed: int, days: list[_Day], first_day: date) -> None:
    if not area.has_business or (area.business_until and days[0].date > area.business_until):
        return
    rng = Random(f"{seed}|business|{area.no}|{days[0].iso}")
    branches = [
        (f"{area.no}{number:02d}", name, _trade(seed, area, name)) for number, name in enumerate(area.branches, 1)
    ]
    for day in days:
        if area.business_until and day.date > area.business_until:
            return
        is_wanted = day.date >= first_day
        for branch_no, name, trade in branches:
            middle = f"{day.iso}\t{area.no}\t{area.name}\t{branch_no}\t{name}"
            made = _business_lines(rng, day, trade, middle)
            if is_wanted:
                lines.extend(made)


def _business_lines(rng: Random, day: _Day, trade: _Trade, middle: str) -> list[str]:
    """The live row of a branch's day, and now and then a deleted earlier upload of it with less in it."""
    numbers = _takings(rng, day.busyness, trade)
    corrected = f"{day.next_iso} 09:12:00\tadmin" if rng.random() < _CORRECTED_SHARE else "\\N\t\\N"
    live = (
        f"{rng.getrandbits(128):032x}\t1\t{day.next_iso} {_COPIED_AT}\tsystem\t{corrected}\t\\N\t\\N\t"
        f"{middle}\t{numbers}\t{trade.source_type}\n"
    )
    if rng.random() >= _DELETED_SHARE:
        return [live]
    partial = _takings(rng, day.busyness * 0.6, trade)
    deleted = (
        f"{rng.getrandbits(128):032x}\t2\t{day.iso} 23:10:00\tsystem\t\\N\t\\N\t{day.next_iso} 08:40:00\tadmin\t"
        f"{middle}\t{partial}\t{trade.source_type}\n"
    )
    return [live, deleted]


def _takings(rng: Random, factor: float, trade: _Trade) -> str:
    """The twelve number columns from `wx` to `pay_sum`; amounts are counted in cents so that sums are exact."""
    if rng.random() < _REST_DAY_SHARE:
        return "\t".join(["0.0000", "0"] * 5 + ["0", "0.0000"])
    orders = max(1, round(trade.orders * factor * rng.gauss(1, 0.12)))
    cents = round(orders * trade.ticket * 100 * rng.uniform(0.9, 1.1))
    wobble = rng.uniform(0.85, 1.15)
    alipay, cash, xs, beans = (share * wobble for share in trade.shares)
    zfb, rmb, xs_sum, jd = round(cents * alipay), round(cents * cash), round(cents * xs), round(cents * beans)
    zf_n, rmb_n, xs_n, jd_n = int(orders * alipay), int(orders * cash), int(orders * xs), int(orders * beans)
    has_beans = rng.random() >= _NO_BEANS_SHARE
    if not has_beans:
        jd = jd_n = 0
    wx, wx_n = cents - zfb - rmb - xs_sum - jd, orders - zf_n - rmb_n - xs_n - jd_n
    jd_text = f"{jd / 100:.2f}\t{jd_n}" if has_beans else "\\N\t\\N"
    if rng.random() < _WRONG_SUM_SHARE:
        cents += rng.choice((-1, 1)) * rng.randint(100, 99900)
    if rng.random() < _WRONG_SUM_SHARE:
        orders += rng.randint(1, 20)
    return (
        f"{wx / 100:.2f}\t{wx_n}\t{zfb / 100:.2f}\t{zf_n}\t{rmb / 100:.2f}\t{rmb_n}\t"
        f"{xs_sum / 100:.2f}\t{xs_n}\t{jd_text}\t{orders}\t{cents / 100:.2f}"
    )


def _car_month(lines: list[str], world: World, area: Area, seed: int, days: list[_Day], first_day: date) -> None:
    if not area.has_cars:
        return
    size_rng = Random(f"{seed}|cars|{area.no}")
    volume = size_rng.uniform(1500, 4500) if area.is_small else size_rng.uniform(5000, 19000)
    types = [(name, volume * share * size_rng.uniform(0.75, 1.25)) for name, share in world.car_types]
    rng = Random(f"{seed}|cars|{area.no}|{days[0].iso}")
    area_id = area.row_id(seed)
    for day in days:
        is_wanted = day.date >= first_day
        for name, usual in types:
            made = _car_lines(rng, day, usual, f"{name}\t{day.iso}\t{area_id}\n")
            if is_wanted:
                lines.extend(made)


def _car_lines(rng: Random, day: _Day, usual: float, tail: str) -> list[str]:
    count = max(0, round(usual * day.busyness * rng.gauss(1, 0.09)))
    live = f"{rng.getrandbits(128):032x}\t1\t{day.next_iso} {_COPIED_AT}\tsystem\t\\N\t\\N\t\\N\t\\N\t{count}\t{tail}"
    if rng.random() >= _DELETED_SHARE:
        return [live]
    deleted = (
        f"{rng.getrandbits(128):032x}\t2\t{day.iso} 23:10:00\tsystem\t\\N\t\\N\t{day.next_iso} 08:40:00\tadmin\t"
        f"{count // 2}\t{tail}"
    )
    return [live, deleted]

"""What a plan does with time: which column the periods are about, buckets, compared periods, days of the week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from offline.moments import is_named
from offline.periods import Moment as PointInTime
from offline.periods import Period
from offline.plan import Dimension, Filter, Moment, Refusal
from offline.reading import Grain, Mention, PeriodMention, Reading
from offline.relations import Field, Member
from offline.resolving import Option, verbs_near
from offline.text import key
from offline.time_patterns import ENGLISH_MONTHS
from offline.tokens import Token

if TYPE_CHECKING:
    from offline.plan_builder import PlanBuilder

_COMPARING = ("contrast", "growth", "decline", "previous", "year_before", "difference")
_WEEKEND, _WORKDAYS = (6, 7), (1, 2, 3, 4, 5)


@dataclass
class TimeUse:
    """Time in a plan; `position` is where in the question its bucket was said."""

    periods: tuple[Period, ...] = ()
    moment: Moment | None = None
    dimensions: list[Dimension] = field(default_factory=list)
    filters: tuple[Filter, ...] = ()
    members: dict[int, tuple[Member, ...]] = field(default_factory=dict)
    weekdays: tuple[int, ...] = ()
    position: int = -1
    attribute: Field | None = None


def time_use(builder: PlanBuilder) -> TimeUse | Refusal:
    """The time of a question, or a refusal when it speaks of one and nothing has a date."""
    reading = builder.reading
    use = TimeUse(position=reading.grain_position)
    mentions = _different(reading.periods, builder)
    mentions = _take_member_years(builder, use, mentions)
    _add_parts(builder, use)
    wants_moment = bool(
        mentions or reading.grain or reading.per or reading.has("weekend", "workday", "running", "trend", "count_days")
    )
    if not wants_moment:
        return use
    words = [word for mention in mentions for word in _words_near(reading, mention.position)]
    if _give_to_event(builder, use, mentions, words):
        return use
    needs_days = reading.grain in ("day", "weekday", "week") or any(m.period.months == 0 for m in mentions)
    use.moment = builder.moments.near(builder.root, words, needs_days=needs_days)
    use.moment = _entered(builder, use.moment)
    if use.moment is None or not can_tell(use.moment, [m.period for m in mentions], reading.grain):
        return _without_moment(builder, use, mentions)
    use.periods = tuple(_up_to_today(mention.period, reading) for mention in mentions)
    builder.used |= set(mentions)
    if reading.has("which_grain") and not builder.uses("measure", "rows", "values") and not reading.has("rank_word"):
        use.attribute = use.moment.field
        return use
    _add_buckets(builder, use)
    _add_weekdays(builder, use)
    return use


def _words_near(reading: Reading, place: int) -> Sequence[str]:
    """What may say which moment a period is about: words before it, in Chinese those behind it, too (1990年出生)."""
    behind = [] if reading.is_english else [key(token.text) for token in reading.tokens[place + 1 : place + 3]]
    return [*verbs_near(reading, place), *behind]


def _give_to_event(builder: PlanBuilder, use: TimeUse, mentions: Sequence[PeriodMention], words: Sequence[str]) -> bool:
    """`members who borrowed books last month`: the period is that of the loans, not of the members."""
    own = builder.moments.of(builder.root, words)
    is_own = own is not None and is_named(own.field, words)
    if len(mentions) != 1 or builder.reading.grain or builder.reading.per or is_own:
        return False
    event = _nearest_event(builder, mentions[0])
    if event is None:
        return False
    builder.event_of_period = event
    use.periods = (mentions[0].period,)
    return True


def _nearest_event(builder: PlanBuilder, said: PeriodMention) -> Mention | None:
    """The noun or verb for what happens elsewhere, when it stands nearer to the period than the root's own noun."""
    uses = builder.uses("entity", "rows", "values")
    near = sorted(uses, key=lambda pair: abs(pair[0].position - said.position))
    for mention, option in near:
        if option.relation is builder.root:
            return None
        if _happens_elsewhere(builder, mention, option, said.period):
            return mention
    return None


def _happens_elsewhere(builder: PlanBuilder, mention: Mention, option: Option, period: Period) -> bool:
    """Whether a noun or verb names rows with a time of their own, of which a row of the root has many."""
    moment = builder.moments.of(option.relation)
    if option.kind == "values" or mention.is_grouped or moment is None or not can_tell(moment, [period]):
        return False
    way = builder.joins.way(builder.root, option.relation)
    return bool(way) and not all(edge.is_one for edge in way or ())


def _different(mentions: Sequence[PeriodMention], builder: PlanBuilder) -> list[PeriodMention]:
    """Each period once: Q1季度（1-3月）names the same days twice; a day inside brackets repeats what stands before."""
    seen: list[PeriodMention] = []
    for mention in mentions:
        bounds = mention.period.bounds(builder.clock.today)
        if seen and mention.position and reading_text(builder, mention.position - 1) == "inclusive":
            builder.used.add(mention)
            continue
        same = next(
            (m for m in seen if m.period.bounds(builder.clock.today) == bounds and not mention.period.is_latest), None
        )
        if same is not None or _is_inside(mention, seen, builder):
            builder.used.add(mention)
            continue
        seen.append(mention)
    for mention, following in pairwise(seen):
        stated, start = following.period.stated_year, mention.period.start
        if stated and mention.period.stated_year is None and start is not None and start.day is not None:
            mention.period = mention.period.moved(months=12 * (stated - start.day.year))
    return seen


def reading_text(builder: PlanBuilder, place: int) -> str:
    """The text of a token."""
    return builder.reading.tokens[place].text


def _is_inside(mention: PeriodMention, seen: Sequence[PeriodMention], builder: PlanBuilder) -> bool:
    """最近一个月（2023年4月）: brackets say which month is meant; the exact period replaces the vague one."""
    tokens = builder.reading.tokens
    before = tokens[mention.position - 1].text if mention.position else ""
    if (
        before == "("
        and seen
        and seen[-1].period.stated_year is None
        and seen[-1].period.start
        and seen[-1].period.start.day is None
    ):
        seen[-1].period = mention.period
        return True
    return False


def _take_member_years(builder: PlanBuilder, use: TimeUse, mentions: list[PeriodMention]) -> list[PeriodMention]:
    """Tables of years are chosen by the years that were said; without one, the newest is meant."""
    root = builder.root
    if not root.years:
        return mentions
    years: set[int] = set()
    left: list[PeriodMention] = []
    for mention in mentions:
        found = _whole_years(mention.period, root.years, builder)
        years |= found
        if found:
            builder.used.add(mention)
        else:
            left.append(mention)
    chosen = years & set(root.years)
    if years and not chosen:
        return [*left, *[m for m in mentions if m in builder.used]]
    if not years and not left:
        chosen = {_newest_with_values(builder)}
    if chosen:
        use.members[root.number] = tuple(root.years[year] for year in sorted(chosen))
    if len(chosen) > 1:
        use.dimensions.append(Dimension(builder.titles.bucket("year"), is_member=True))
        use.position = mentions[0].position if mentions else -1
    return left


def _up_to_today(period: Period, reading: Reading) -> Period:
    """The last N days with today counted in are as many days."""
    if reading.has("with_today") and period.start is not None and period.end == PointInTime():
        shift = 1 if period.start.days else 0
        return Period(period.start.moved(days=shift), PointInTime(days=1))
    return period


def _add_parts(builder: PlanBuilder, use: TimeUse) -> None:
    """Several members of a family that were named stand apart in the answer."""
    chosen = {o.member for _, o in builder.uses("member") if o.relation is builder.root}
    if len(chosen) > 1 and not builder.root.years:
        use.dimensions.append(Dimension(builder.titles.form("part"), is_member=True))


def _newest_with_values(builder: PlanBuilder) -> int:
    """The newest year whose table has all the names that were said; else the newest."""
    root = builder.root
    named = [
        (links[0].field.name, links[0].value)
        for links in builder.resolution.values.values()
        if links and links[0].field
    ]
    for year in sorted(root.years, reverse=True):
        if all(value in root.member_values.get((root.years[year].name, name), {value}) for name, value in named):
            return year
    return max(root.years)


def _whole_years(period: Period, known: object, builder: PlanBuilder) -> set[int]:
    first, end = period.bounds(builder.clock.today)
    if first is None or end is None or period.months % 12 or not period.months or first.month != 1:
        return set()
    return set(range(first.year, first.year + period.months // 12))


def _entered(builder: PlanBuilder, moment: Moment | None) -> Moment | None:
    """新增, created: when rows were entered; 更新, updated: when they were changed."""
    if builder.reading.has("created"):
        return builder.moments.created(builder.root) or moment
    if builder.reading.has("updated"):
        return builder.moments.created(builder.root, is_update=True) or moment
    return moment


def can_tell(moment: Moment, periods: Sequence[Period], grain: Grain = "") -> bool:
    """A column of years cannot say months, one of months cannot say days."""
    if moment.written == "year":
        has_months = moment.month is not None and moment.month.kind in ("text", "integer")
        whole = all(p.months and (p.months % 12 == 0 or has_months) for p in periods if not _is_open_year(p))
        return whole and grain in ("", "year", *(("month",) if has_months else ()))
    if moment.written in ("%Y-%m", "%Y年%m月", "%Y%m"):
        return all(p.months for p in periods) and grain in ("", "month", "year", "quarter")
    if moment.written == "%Y年":
        return all(p.months % 12 == 0 and p.months for p in periods) and grain in ("", "year")
    return True


def _is_open_year(period: Period) -> bool:
    edges = [m.day for m in (period.start, period.end) if m is not None and m.day is not None]
    return (period.start is None) != (period.end is None) and all(day.month == 1 and day.day == 1 for day in edges)


def _without_moment(builder: PlanBuilder, use: TimeUse, mentions: Sequence[PeriodMention]) -> TimeUse | Refusal:
    """No date: a column of that name may hold the bucket; else the time that was said has no use."""
    reading = builder.reading
    if len(mentions) == 1 and _is_of_missing(builder):
        builder.used |= set(mentions)
        use.periods, use.moment = (mentions[0].period,), None
        return use
    if mentions:
        return Refusal("missing_database_info", tuple(m.text for m in mentions))
    if reading.grain:
        column = _bucket_column(builder, reading.grain)
        if column is None:
            return Refusal("missing_database_info", (reading.tokens[reading.grain_position].text,))
        use.dimensions.append(Dimension(builder.titles.of_field(column), (column,)))
        use.moment = None
        return use
    if reading.per or reading.has("weekend", "workday"):
        return _weekday_names(builder, use)
    use.moment = None
    return use


def _is_of_missing(builder: PlanBuilder) -> bool:
    """2025年没有营收的服务区: the period is that of the rows that must not exist."""
    options = [builder.option(mention) for mention in builder.reading.mentions if mention.is_negated]
    targets = [o.relation for o in options if o is not None and o.relation is not builder.root]
    return len(targets) == 1 and targets[0].is_event and builder.moments.of(targets[0], ()) is not None


def _bucket_column(builder: PlanBuilder, grain: Grain):  # type: ignore[no-untyped-def]
    section = {"year": "year_names", "month": "month_names", "weekday": "weekday_names", "day": "weekday_names"}.get(
        grain
    )
    names = builder.index.vocabulary.names(section) if section else frozenset()
    return next((f for f in builder.root.fields if key(" ".join(f.stem)) in names or key(f.title) in names), None)


def _weekday_names(builder: PlanBuilder, use: TimeUse) -> TimeUse | Refusal:
    """`on weekends` where a column holds the names of days."""
    column = _bucket_column(builder, "weekday")
    if column is None or builder.reading.per or builder.reading.has("ratio"):
        return Refusal("missing_database_info")
    wanted = (
        ("saturday", "sunday", "六", "日")
        if builder.reading.has("weekend")
        else ("monday", "tuesday", "wednesday", "thursday", "friday")
    )
    values = tuple(v for v in column.values if v.casefold().endswith(wanted))
    if not values:
        return Refusal("missing_database_info")
    use.filters = (Filter(column, "in", values),)
    use.moment = None
    return use


def _add_buckets(builder: PlanBuilder, use: TimeUse) -> None:
    reading, moment = builder.reading, use.moment
    assert moment is not None  # noqa: S101 - the caller found one
    grain = reading.grain
    if not grain and reading.has("trend", "running") and not _compares_whole(reading, use.periods):
        grain = _finer(use.periods)
    if reading.has("weekend") and reading.has("workday") and not grain:
        grain = "weekend"
    if reading.has("count_days") and not grain:
        grain = "day"
    if grain == "weekday" and moment.written:
        grain = ""
    apart = reading.has("respective") or _are_joined(builder)
    several = len(use.periods) > 1 and not reading.has(*_COMPARING) and apart
    if several and not grain:
        grain = _unit_of(use.periods)
        use.position = reading.periods[0].position
    if grain and moment.written == "year" and grain == "month" and moment.month is not None:
        use.dimensions.append(Dimension(builder.titles.of_field(moment.month), (moment.month,)))
    elif grain and moment.written == "year":
        use.dimensions.append(Dimension(builder.titles.of_field(moment.field), (moment.field,)))
    elif grain:
        use.dimensions.append(Dimension(builder.titles.bucket(grain), grain=grain))


def _are_joined(builder: PlanBuilder) -> bool:
    """上个月和这个月的营收: whole units of one kind that are joined stand apart, unless a total is said."""
    reading, today = builder.reading, builder.clock.today
    if reading.has("sum", "together", "per_unit", "ratio", "share") or _says_total(reading):
        return False
    units = {_unit_of([mention.period]) for mention in reading.periods}
    whole = all(m.period.months or m.period.is_day(today) for m in reading.periods) and len(units) == 1
    joints = (reading.tokens[a.position + 1 : b.position] for a, b in pairwise(reading.periods))
    return whole and all(_joins(joint) for joint in joints)


def _says_total(reading: Reading) -> bool:
    return any(mention.text.startswith(("总", "total")) for mention in reading.mentions)


def _joins(joint: Sequence[Token]) -> bool:
    """Whether the words between two periods only join them."""
    return bool(joint) and all(token.has("and") or token.is_filler for token in joint)


def _compares_whole(reading: Reading, periods: Sequence[Period]) -> bool:
    """9月环比变化 asks for one change of the whole period, where 变化趋势 asks for its course."""
    is_course = any("势" in reading.tokens[place].text for place in reading.forms.get("trend", ()))
    if is_course or len(periods) != 1:
        return False
    months = (1, 3, 12) if reading.has("year_before") else (1, 3) if reading.has("previous") else ()
    return periods[0].months in months


def _finer(periods: Sequence[Period]) -> Grain:
    """The bucket in which a trend over a period is shown."""
    if not periods:
        return "month"
    months = periods[0].months
    return "day" if 0 <= months <= 2 else "month"


def _unit_of(periods: Sequence[Period]) -> Grain:
    months = {period.months for period in periods}
    if months == {12}:
        return "year"
    if months == {3}:
        return "quarter"
    return "month" if months == {1} else "day" if months == {0} else ""


def _add_weekdays(builder: PlanBuilder, use: TimeUse) -> None:
    reading = builder.reading
    if reading.has("weekend") and reading.has("workday"):
        return
    if reading.has("weekend"):
        use.weekdays = _WEEKEND
    elif reading.has("workday"):
        use.weekdays = _WORKDAYS


def month_names(moment: Moment) -> tuple[str, ...]:
    """How a column of months writes January to December: names, or numbers."""
    assert moment.month is not None  # noqa: S101 - asked only of such a moment
    values = {value.casefold(): value for value in moment.month.values}
    named = [values.get(name.casefold(), name) for name in ENGLISH_MONTHS]
    if moment.month.is_numeric:
        return tuple(str(number) for number in range(1, 13))
    if values and not any(name.casefold() in values for name in ENGLISH_MONTHS):
        return tuple(
            next((values[v] for v in (f"{n}月", f"{n:02d}", str(n)) if v in values), f"{n}月") for n in range(1, 13)
        )
    return tuple(named)


def same_unit(first: Period, second: Period) -> bool:
    """Whether two periods can be put side by side."""
    return first.months == second.months or replace(first, months=0) == replace(second, months=0)

"""行吧支付近一周的订单数和金额: a payment kind said first gives the totals said after it their own columns.

Called by `measures` before anything is summed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.offline.reading import MeasureMention, Reading
from agent.offline.schema_index import IndexedColumn

Siblings = Callable[[IndexedColumn], list[tuple[str, IndexedColumn]]]
TotalOf = Callable[[IndexedColumn], IndexedColumn | None]
_NOT_OVER = {"share", "contrast", "growth"}


def with_stems(
    mentions: Sequence[MeasureMention], reading: Reading, siblings: Siblings, total_of: TotalOf
) -> list[MeasureMention]:
    """The mentions, with totals after bare kinds replaced by the kinds' own measures.

    A kind is bare when nothing says whether money or a count is meant (微信, not 微信金额). `siblings` lists the
    columns that differ from one only in their stem, `total_of` is None for a column that is a total or stands alone.
    """
    resolved: list[MeasureMention] = []
    for mention in reversed(mentions):
        resolved.insert(0, _like_the_next(mention, resolved[0] if resolved else None, reading, siblings))
    mentions = resolved
    if spread := _spread(mentions, reading, siblings):
        return spread
    kinds = [m for m in mentions if not m.derived and _stem(m, siblings) is not None and _is_bare(m, siblings)]
    first = kinds[0].position if kinds else -1
    totals = [m for m in mentions if not m.derived and not m.per_unit and m.position > first and _is_total(m, siblings)]
    if not kinds or not totals or _NOT_OVER & reading.tags or _is_joined(kinds[-1], totals[0], reading):
        return list(mentions)
    found: list[MeasureMention] = []
    for kind in mentions:
        stem = _stem(kind, siblings)
        if kind in totals:
            continue
        if kind not in kinds or stem is None:
            if stem is None or total_of(kind.columns[0]) is None:
                return list(mentions)
            found.append(kind)
            continue
        for total in totals:
            column = _with_stem(stem, total.columns[0], siblings)
            if column is None:
                return list(mentions)
            aggregate = total.aggregate or kind.aggregate
            found.append(replace(kind, text=column.title, columns=(column,), aggregate=aggregate))
    return found


def _spread(mentions: Sequence[MeasureMention], reading: Reading, siblings: Siblings) -> list[MeasureMention]:
    """微信、支付宝的金额和订单数: money of each kind, then the orders of each kind; empty for other sentences."""
    kinds = [m for m in mentions if not m.derived and not m.per_unit and _stem(m, siblings) is not None]
    totals = [m for m in mentions if m not in kinds]
    if not kinds or not totals or _NOT_OVER & reading.tags or "agg_sum" in reading.tags:
        return []
    of_kinds = {kind.columns[0].kind for kind in kinds}
    is_plain = all(_is_total(m, siblings) and not m.derived and not m.per_unit and "总" not in m.text for m in totals)
    is_last = totals[0].position > kinds[-1].position
    if not is_plain or not is_last or len(of_kinds) != 1 or of_kinds & {m.columns[0].kind for m in totals}:
        return []
    if any(_is_bare(kind, siblings) for kind in kinds) or not _is_beside(kinds[-1], totals[0], reading):
        return []
    found = list(kinds)
    for total in totals:
        for kind in kinds:
            column = _with_stem(_stem(kind, siblings) or "", total.columns[0], siblings)
            if column is None:
                return []
            found.append(replace(kind, text=column.title, columns=(column,), aggregate=total.aggregate))
    return found


def _is_beside(left: MeasureMention, right: MeasureMention, reading: Reading) -> bool:
    between = reading.tokens[left.position + 1 : right.position]
    return bool(between) and all(token.is_word("and") for token in between)


def _like_the_next(
    mention: MeasureMention, following: MeasureMention | None, reading: Reading, siblings: Siblings
) -> MeasureMention:
    """微信和支付宝的订单数: a bare kind joined to one that says what is meant, means the same."""
    stem = _stem(mention, siblings)
    if following is None or mention.derived or following.derived or stem is None or not _is_bare(mention, siblings):
        return mention
    if not _is_beside(mention, following, reading):
        return mention
    if _stem(following, siblings) is None or _is_bare(following, siblings):
        return mention
    column = _with_stem(stem, following.columns[0], siblings)
    return mention if column is None else replace(mention, text=column.title, columns=(column,))


def _stem(mention: MeasureMention, siblings: Siblings) -> str | None:
    if not mention.columns:
        return None
    column = mention.columns[0]
    return next((stem for stem, sibling in siblings(column) if sibling == column), None)


def _is_bare(mention: MeasureMention, siblings: Siblings) -> bool:
    stem = _stem(mention, siblings) or ""
    return mention.text in (stem, stem + "支付")


def _is_total(mention: MeasureMention, siblings: Siblings) -> bool:
    return bool(mention.columns) and _stem(mention, siblings) is None


def _is_joined(kind: MeasureMention, total: MeasureMention, reading: Reading) -> bool:
    """微信支付和总营收: two measures of their own."""
    between = reading.tokens[kind.position + 1 : total.position]
    return any(token.is_word("and", "agg_sum") for token in between)


def _with_stem(stem: str, total: IndexedColumn, siblings: Siblings) -> IndexedColumn | None:
    """The column of the total's table and kind that has this stem."""
    return next((column for own, column in siblings(total) if own == stem), None)

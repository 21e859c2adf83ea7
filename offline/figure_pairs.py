"""Figures whose names belong together: two that mean a third, a part and its whole, several of one kind.

The orders paid in cash are 现金支付订单数 where 现金支付金额 and 订单总数 are said side by side.
"""

from __future__ import annotations

from collections.abc import Iterable

from offline.relations import Field, Relation
from offline.text import key

_TOTALS = ("总", "total", "sum")
_LEAST_STEM = 2
_LEAST_SIBLINGS = 3


def crossed(relation: Relation, part: Field, counted: Field) -> Field | None:
    """The column that is `counted` for what `part` is an amount of; None when the table has none."""
    stem, ending = _stem(part), _without_total(counted)
    if len(stem) < _LEAST_STEM or not ending or ending == key(counted.title):
        return None
    found = (f for f in _measures(relation) if f.kind == counted.kind and f not in (part, counted))
    return next((f for f in found if key(f.title) == stem + ending), None)


def is_part_of(part: Field, whole: Field) -> bool:
    """Whether `whole` is the total of the same kind of figure: 支付总金额 of 微信支付金额."""
    if part is whole or part.kind != whole.kind or not _is_total(whole) or _is_total(part):
        return False
    return key(part.title).endswith(_without_total(whole)[-2:])


def _measures(relation: Relation) -> Iterable[Field]:
    return (item for item in relation.fields if item.is_measure)


def _stem(part: Field) -> str:
    """What a title says before its kind of figure: 现金支付 of 现金支付金额."""
    return key(part.title)[:-_LEAST_STEM]


def _is_total(item: Field) -> bool:
    return any(word in key(item.title) for word in _TOTALS)


def _without_total(item: Field) -> str:
    title = key(item.title)
    for word in _TOTALS:
        title = title.replace(word, "")
    return title


def siblings_of(relation: Relation, kind: str) -> tuple[tuple[str, Field], ...]:
    """Figures of one kind whose titles end alike, by what tells them apart: 微信支付金额, 现金支付金额."""
    fields = [item for item in relation.fields if item.is_measure and item.kind == kind and "总" not in item.title]
    endings = {item.title[-length:] for item in fields for length in range(2, len(item.title))}
    families = [_alike(fields, ending) for ending in sorted(endings, key=lambda ending: (-len(ending), ending))]
    return max(families, key=len, default=())


def _alike(fields: list[Field], ending: str) -> tuple[tuple[str, Field], ...]:
    """The fields whose titles have an ending and something before it; none when they are too few."""
    found = tuple((item.title.removesuffix(ending), item) for item in fields if item.title.endswith(ending))
    return found if len(found) >= _LEAST_SIBLINGS and all(name for name, _ in found) else ()


def stored_counts(relation: Relation) -> tuple[Field, ...]:
    """The figures of a table of events, when each of them is a count."""
    figures = tuple(item for item in relation.fields if item.is_measure) if relation.is_event else ()
    return figures if all(item.title.endswith(("数", "数量", "量", "count")) for item in figures) else ()

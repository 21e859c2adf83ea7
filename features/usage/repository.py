"""Sums over the model calls of one tenant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Date, Select, cast, func, select

from core.llm.usage_store import LLM_USAGE
from core.tenant_repository import TenantRepository
from features.usage.schemas import Dimension

_OF = LLM_USAGE.c
COLUMNS: Final[Mapping[Dimension, ColumnElement[Any]]] = {
    "day": cast(func.timezone("UTC", _OF.created_at), Date).label("day"),
    "user": _OF.user_id.label("user"),
    "route": _OF.route.label("route"),
    "model": _OF.model.label("model"),
}
FIGURES: Final = (
    func.count().label("calls"),
    func.count().filter(_OF.is_estimated).label("estimated_calls"),
    func.count().filter(_OF.cost.is_(None)).label("unpriced_calls"),
    func.coalesce(func.sum(_OF.prompt_tokens), 0).label("prompt_tokens"),
    func.coalesce(func.sum(_OF.completion_tokens), 0).label("completion_tokens"),
    func.coalesce(func.sum(_OF.total_tokens), 0).label("total_tokens"),
    func.coalesce(func.sum(_OF.cost), 0).label("cost"),
)

Row = Mapping[str, Any]


class UsageRepository(TenantRepository):
    """What a tenant's model calls have used, over UTC days, both ends included."""

    def totals(self, first: date, last: date) -> Row:
        """The sums over all calls."""
        return self.session.execute(self._between(first, last, *FIGURES)).one()._asdict()

    def groups(
        self, first: date, last: date, dimensions: Sequence[Dimension], *, limit: int, offset: int
    ) -> tuple[Sequence[Row], int]:
        """A page of sums by group, and how many groups there are. Newest day first, then the most tokens."""
        columns = [COLUMNS[dimension] for dimension in dimensions]
        grouped = self._between(first, last, *columns, *FIGURES).group_by(*columns)
        count = self.session.scalar(select(func.count()).select_from(grouped.subquery())) or 0
        newest = [COLUMNS["day"].desc()] if "day" in dimensions else []
        most = func.sum(_OF.total_tokens).desc()
        page = grouped.order_by(*newest, most, *columns).limit(limit).offset(offset)
        return [row._asdict() for row in self.session.execute(page)], count

    def _between(self, first: date, last: date, *columns: ColumnElement[Any]) -> Select[Any]:
        start, end = (func.timezone("UTC", cast(day, Date)) for day in (first, last))
        in_time = (_OF.created_at >= start, _OF.created_at < end + func.make_interval(0, 0, 0, 1))
        return self.select(LLM_USAGE, *columns).where(*in_time)

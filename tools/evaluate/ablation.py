"""Takes parts of what a model is shown away, to measure what each of them is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from common.answering import Brain, Question, SqlDraft, SqlRequest
from common.business_schema import BusinessSchema

LEVELS: Final = ("none", "ddl", "documentation", "examples", "repair")
"""Each has what the one before it has, and one thing more."""


class AblatedBrain:
    """A brain that writes SQL from part of the material; everything else is the inner brain's.

    Args:
        level: one of `LEVELS`: `none` leaves the question alone, `ddl` adds the tables and trained DDL, `documentation`
            trained texts, `examples` trained pairs. Repairs are switched off by a setting, see `settings_of`.
    """

    def __init__(self, inner: Brain, level: str) -> None:
        self._inner = inner
        self._rank = LEVELS.index(level)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def on_behalf_of(self, question: Question) -> AblatedBrain:
        """See `Brain.on_behalf_of`."""
        return AblatedBrain(self._inner.on_behalf_of(question), LEVELS[self._rank])

    async def write_sql(self, request: SqlRequest) -> SqlDraft:
        """See `Brain.write_sql`."""
        return await self._inner.write_sql(self.reduced(request))

    async def repair_sql(self, request: SqlRequest, sql: str, error: str) -> SqlDraft:
        """See `Brain.repair_sql`."""
        return await self._inner.repair_sql(self.reduced(request), sql, error)

    def reduced(self, request: SqlRequest) -> SqlRequest:
        """The request without what the level leaves out."""
        if self._rank < LEVELS.index("ddl"):
            request = replace(request, schema=BusinessSchema(()), ddl=())
        if self._rank < LEVELS.index("documentation"):
            request = replace(request, documentation=())
        if self._rank < LEVELS.index("examples"):
            request = replace(request, pairs=(), wrong_pairs=())
        return request


def settings_of(level: str) -> Mapping[str, str]:
    """What the level sets besides the material."""
    return {"AGENT_SQL_AUTO_REPAIR": str(level == "repair")}

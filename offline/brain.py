"""The offline brain (first light)."""

from __future__ import annotations

from common.answering import SqlDraft, SqlRequest
from offline.engine import Engine
from offline.vocabulary import load_vocabulary


class OfflineBrain:
    def __init__(self, lookup: object = None) -> None:
        self._vocabulary = load_vocabulary()
        self._engine: Engine | None = None

    async def write_sql(self, request: SqlRequest) -> SqlDraft:
        if self._engine is None or self._engine.schema is not request.schema:
            self._engine = Engine(request.schema, self._vocabulary)
        found = self._engine.compose(request.question, request.today)
        if found.sql:
            return SqlDraft(sql=found.sql)
        assert found.refusal is not None
        return SqlDraft(explanation=found.refusal.reason + ":" + ",".join(found.refusal.about) , reason=found.refusal.reason)

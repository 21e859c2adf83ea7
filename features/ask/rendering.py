"""How an answer looks on the wire and in the stored conversation (docs/contract/questions.md)."""

from __future__ import annotations

from typing import Any

from common import messages
from common.answering import Answer, ResultSet
from features.wire.rows import rows_on_the_wire


def records_on_the_wire(result: ResultSet | None) -> dict[str, Any] | None:
    """The contract's `records`; an empty result has a message instead of counts, None stays None."""
    if result is None:
        return None
    if not result.rows:
        return {"columns": [], "rows": [], "row_count": 0, "message": messages.EMPTY_RESULT}
    return rows_on_the_wire(result)


def stored_text(answer: Answer) -> str:
    """What the conversation remembers of an answer; never empty."""
    if answer.response or answer.summary:
        return answer.response or str(answer.summary)
    if answer.records is not None:
        return messages.STORED_ROW_COUNT.format(count=answer.records.row_count)
    return messages.STORED_DATABASE_ANSWER

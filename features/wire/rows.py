"""Rows of the business database on the wire."""

from __future__ import annotations

from typing import Any

from common.answering import ResultSet


def rows_on_the_wire(result: ResultSet) -> dict[str, Any]:
    """Rows keyed by column name, and their counts; `columns` is filled without rows, too."""
    return {
        "columns": list(result.columns),
        "rows": [dict(row) for row in result.rows],
        "row_count": result.row_count,
        "total_row_count": result.total_row_count,
        "is_limited": result.is_limited,
    }

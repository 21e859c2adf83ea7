"""The compatibility map, as the envelope of its route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.result import Envelope, success_response


def shown(rows: Mapping[str, Mapping[str, Any]]) -> Envelope:
    """Every path with its row."""
    return success_response(data={"routes": {path: dict(row) for path, row in rows.items()}})

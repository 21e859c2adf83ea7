"""The figures of the processes in the envelope (docs/contract/README.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.result import Envelope, local_timestamp, success


def shown(stats: Mapping[str, Any]) -> Envelope:
    """The figures, at the top level and in `data`."""
    figures = {**stats, "system_stats": {**stats["system_stats"], "timestamp": local_timestamp()}}
    return {**success(figures), **figures}

"""Shows which path is answered by which handler and agent; `GET /api/v0/compatibility` serves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class CompatibilityService:
    """See the module."""

    def __init__(self, *, compatibility_map: Mapping[str, Mapping[str, Any]]) -> None:
        """Args: compatibility_map: path -> handler, agent_type, deprecated and more."""
        self._map = compatibility_map

    def show(self) -> Mapping[str, Mapping[str, Any]]:
        """The whole map, by path; the same for every tenant."""
        return self._map

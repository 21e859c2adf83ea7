"""Who may call a route; knows no web framework."""

from __future__ import annotations

from enum import Enum


class Access(Enum):
    """PUBLIC is a decision, not a default: every row of a route table states one."""

    PUBLIC = "public"
    ADMIN = "admin"

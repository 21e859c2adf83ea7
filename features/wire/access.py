"""Who may call a route and what that costs; knows no web framework."""

from __future__ import annotations

from enum import Enum


class Work(Enum):
    """What a request costs the service; each kind has a limit of its own for a caller."""

    QUESTION = "question"
    SQL = "sql"
    STREAM = "stream"
    TRAINING = "training"
    UPLOAD = "upload"


class Access(Enum):
    """PUBLIC is a decision, not a default: every row of a route table states one."""

    PUBLIC = "public"
    ADMIN = "admin"

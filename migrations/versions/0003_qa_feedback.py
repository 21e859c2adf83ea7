"""The feedback of users on answers: one row a verdict on a question and its SQL.

Expand only: older releases do not know what is new here.
"""

from __future__ import annotations

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""

"""Pipeline tasks, their steps and what they know of the schema.

Expand only: older releases do not know what is new here.
"""

from __future__ import annotations

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""

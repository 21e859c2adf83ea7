"""Training records waiting for approval before they are used.

Expand only: older releases do not know what is new here.
"""

from __future__ import annotations

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""

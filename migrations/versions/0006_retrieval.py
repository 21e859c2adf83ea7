"""Indexes and jobs of the retrieval of training records.

Expand only: older releases do not know what is new here.
"""

from __future__ import annotations

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""

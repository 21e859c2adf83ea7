"""Statistics by which the search for training records plans: many words, no vectors.

Expand only: older releases do not know what is new here.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """The lexical search leaves common words out and reads from the statistics which they are."""
    op.execute("ALTER TABLE langchain_pg_embedding ALTER COLUMN lexical_terms SET STATISTICS 1000")
    op.execute("ALTER TABLE langchain_pg_embedding ALTER COLUMN embedding SET STATISTICS 0")


def downgrade() -> None:
    op.execute("ALTER TABLE langchain_pg_embedding ALTER COLUMN embedding SET STATISTICS -1")
    op.execute("ALTER TABLE langchain_pg_embedding ALTER COLUMN lexical_terms SET STATISTICS -1")

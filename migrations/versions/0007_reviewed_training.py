"""Which training records somebody reviewed, and which are stored but not used before somebody has.

Expand only: older releases do not know what is new here.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

COLUMNS = """
ALTER TABLE langchain_pg_embedding
    ADD COLUMN IF NOT EXISTS reviewed_at timestamptz,
    ADD COLUMN IF NOT EXISTS review_key varchar(32),
    ADD COLUMN IF NOT EXISTS waits_for jsonb;
COMMENT ON COLUMN langchain_pg_embedding.reviewed_at IS 'when an administrator vouched for it, else null';
COMMENT ON COLUMN langchain_pg_embedding.review_key
    IS 'of a reviewed pair: equal for questions that ask the same in other words or order';
COMMENT ON COLUMN langchain_pg_embedding.waits_for
    IS 'why it is not searched before an administrator approves it; null in records that are used';
CREATE INDEX IF NOT EXISTS ix_langchain_pg_embedding_review_key
    ON langchain_pg_embedding (tenant_id, review_key) WHERE review_key IS NOT NULL;
"""
REMOVED = """
DROP INDEX IF EXISTS ix_langchain_pg_embedding_review_key;
ALTER TABLE langchain_pg_embedding
    DROP COLUMN IF EXISTS waits_for, DROP COLUMN IF EXISTS review_key, DROP COLUMN IF EXISTS reviewed_at;
"""


def upgrade() -> None:
    op.execute(COLUMNS)


def downgrade() -> None:
    op.execute(REMOVED)

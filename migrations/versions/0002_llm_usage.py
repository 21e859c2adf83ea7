"""Model usage: one row for each answer of a language model, with its tokens, its cost and on whose account it was.

Expand only: a new table that older releases do not know.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

TABLE = """
CREATE TABLE IF NOT EXISTS llm_usage (
    id uuid CONSTRAINT pk_llm_usage PRIMARY KEY,
    tenant_id varchar(63) NOT NULL,
    user_id text NOT NULL,
    route varchar(100) NOT NULL,
    model varchar(200) NOT NULL,
    call_kind varchar(40) NOT NULL,
    prompt_tokens integer NOT NULL,
    completion_tokens integer NOT NULL,
    total_tokens integer NOT NULL,
    cost numeric(20, 8),
    is_estimated boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN llm_usage.id IS 'made by the writer, so that a batch may be written twice';
COMMENT ON COLUMN llm_usage.cost IS 'in the currency of the price list; null when the model had no price';
COMMENT ON COLUMN llm_usage.is_estimated IS 'tokens were estimated because the provider did not count them';
CREATE INDEX IF NOT EXISTS ix_llm_usage_tenant_id_created_at ON llm_usage (tenant_id, created_at);
"""


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("DROP TABLE IF EXISTS llm_usage")

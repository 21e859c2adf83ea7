"""The feedback of users on answers (one row a verdict on a question and its SQL), and the mode the service is in.

The feedback table may be there already, filled by the older service; then only what is missing is added. The
downgrade removes what is ours and leaves the historical columns with their rows.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

HISTORICAL = """
CREATE TABLE IF NOT EXISTS qa_feedback (
    id serial CONSTRAINT qa_feedback_pkey PRIMARY KEY,
    question text NOT NULL,
    sql text NOT NULL,
    is_thumb_up boolean NOT NULL,
    user_id varchar(64) NOT NULL,
    create_time timestamp DEFAULT CURRENT_TIMESTAMP,
    is_in_training_data boolean DEFAULT false,
    update_time timestamp
);
CREATE INDEX IF NOT EXISTS idx_qa_feedback_user_id ON qa_feedback (user_id);
CREATE INDEX IF NOT EXISTS idx_qa_feedback_create_time ON qa_feedback (create_time);
CREATE INDEX IF NOT EXISTS idx_qa_feedback_is_thumb_up ON qa_feedback (is_thumb_up);
CREATE INDEX IF NOT EXISTS idx_qa_feedback_is_in_training ON qa_feedback (is_in_training_data);
"""

OWN_COLUMNS = """
ALTER TABLE qa_feedback ADD COLUMN IF NOT EXISTS tenant_id varchar(63) NOT NULL DEFAULT 'default';
CREATE INDEX IF NOT EXISTS ix_qa_feedback_tenant_id_create_time ON qa_feedback (tenant_id, create_time);
"""

MODE = """
CREATE TABLE IF NOT EXISTS service_mode (
    name varchar(40) CONSTRAINT pk_service_mode PRIMARY KEY,
    is_enabled boolean NOT NULL,
    reason text NOT NULL,
    changed_at timestamptz NOT NULL
);
"""

REMOVED = """
DROP TABLE IF EXISTS service_mode;
DROP INDEX IF EXISTS ix_qa_feedback_tenant_id_create_time;
ALTER TABLE qa_feedback DROP COLUMN IF EXISTS tenant_id;
"""


def upgrade() -> None:
    op.execute(HISTORICAL)
    op.execute(OWN_COLUMNS)
    op.execute(MODE)


def downgrade() -> None:
    op.execute(REMOVED)

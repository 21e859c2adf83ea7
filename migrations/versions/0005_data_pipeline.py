"""Tasks of the data pipeline, their steps, and the events of their runs.

The first two tables may be there already, filled by the older service; then only what is missing is added. The
downgrade removes what is ours and leaves the historical columns with their rows.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

HISTORICAL = """
CREATE TABLE IF NOT EXISTS data_pipeline_tasks (
    task_id varchar(32) CONSTRAINT data_pipeline_tasks_pkey PRIMARY KEY,
    task_name varchar(255),
    task_type varchar(50) NOT NULL DEFAULT 'data_workflow'
        CONSTRAINT chk_task_type CHECK (task_type IN ('data_workflow', 'complete_workflow')),
    status varchar(20) NOT NULL DEFAULT 'pending'
        CONSTRAINT chk_status CHECK (status IN ('pending', 'in_progress', 'partial_completed', 'completed', 'failed')),
    parameters jsonb NOT NULL,
    result jsonb,
    error_message text,
    created_at timestamp DEFAULT CURRENT_TIMESTAMP,
    started_at timestamp,
    completed_at timestamp,
    created_type varchar(50) DEFAULT 'api'
        CONSTRAINT chk_created_type CHECK (created_type IN ('api', 'manual', 'system')),
    by_user varchar(50),
    output_directory text,
    db_name varchar(100)
);
CREATE TABLE IF NOT EXISTS data_pipeline_task_steps (
    id serial CONSTRAINT data_pipeline_task_steps_pkey PRIMARY KEY,
    task_id varchar(32) REFERENCES data_pipeline_tasks (task_id) ON DELETE CASCADE,
    execution_id varchar(100),
    step_name varchar(50) NOT NULL CONSTRAINT chk_step_name
        CHECK (step_name IN ('ddl_generation', 'qa_generation', 'sql_validation', 'training_load')),
    step_status varchar(50) NOT NULL DEFAULT 'pending'
        CONSTRAINT chk_step_status CHECK (step_status IN ('pending', 'running', 'completed', 'failed')),
    started_at timestamp,
    completed_at timestamp,
    error_message text
);
ALTER TABLE data_pipeline_tasks ADD COLUMN IF NOT EXISTS directory_exists boolean DEFAULT true;
ALTER TABLE data_pipeline_tasks ADD COLUMN IF NOT EXISTS updated_at timestamp;
CREATE INDEX IF NOT EXISTS idx_tasks_status ON data_pipeline_tasks (status);
CREATE INDEX IF NOT EXISTS idx_tasks_created_at ON data_pipeline_tasks (created_at DESC);
CREATE INDEX IF NOT EXISTS idx_tasks_db_name ON data_pipeline_tasks (db_name);
CREATE INDEX IF NOT EXISTS idx_steps_task_id ON data_pipeline_task_steps (task_id);
CREATE INDEX IF NOT EXISTS idx_steps_task_step ON data_pipeline_task_steps (task_id, step_name);
"""

OWN = """
ALTER TABLE data_pipeline_tasks
    ADD COLUMN IF NOT EXISTS tenant_id varchar(63) NOT NULL DEFAULT 'default',
    ADD COLUMN IF NOT EXISTS run_number integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS run_state varchar(20),
    ADD COLUMN IF NOT EXISTS run_request jsonb,
    ADD COLUMN IF NOT EXISTS run_attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS queued_at timestamptz,
    ADD COLUMN IF NOT EXISTS lease_owner varchar(64),
    ADD COLUMN IF NOT EXISTS lease_expires_at timestamptz,
    ADD COLUMN IF NOT EXISTS cancel_requested boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS last_event_seq bigint NOT NULL DEFAULT 0;
ALTER TABLE data_pipeline_task_steps
    ADD COLUMN IF NOT EXISTS tenant_id varchar(63) NOT NULL DEFAULT 'default',
    ADD COLUMN IF NOT EXISTS progress_done integer,
    ADD COLUMN IF NOT EXISTS progress_total integer,
    ADD COLUMN IF NOT EXISTS progress_subject text;
CREATE INDEX IF NOT EXISTS ix_data_pipeline_tasks_tenant_id_created_at
    ON data_pipeline_tasks (tenant_id, created_at);
CREATE INDEX IF NOT EXISTS ix_data_pipeline_tasks_run_state
    ON data_pipeline_tasks (run_state) WHERE run_state IS NOT NULL;
CREATE TABLE IF NOT EXISTS data_pipeline_task_events (
    task_id varchar(32) NOT NULL
        CONSTRAINT fk_data_pipeline_task_events_task_id_data_pipeline_tasks
        REFERENCES data_pipeline_tasks (task_id) ON DELETE CASCADE,
    seq bigint NOT NULL,
    tenant_id varchar(63) NOT NULL,
    run_number integer NOT NULL,
    event jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_data_pipeline_task_events PRIMARY KEY (task_id, seq)
);
"""

REMOVED = """
DROP TABLE IF EXISTS data_pipeline_task_events;
DROP INDEX IF EXISTS ix_data_pipeline_tasks_run_state;
DROP INDEX IF EXISTS ix_data_pipeline_tasks_tenant_id_created_at;
ALTER TABLE IF EXISTS data_pipeline_task_steps
    DROP COLUMN IF EXISTS progress_subject,
    DROP COLUMN IF EXISTS progress_total,
    DROP COLUMN IF EXISTS progress_done,
    DROP COLUMN IF EXISTS tenant_id;
ALTER TABLE IF EXISTS data_pipeline_tasks
    DROP COLUMN IF EXISTS last_event_seq,
    DROP COLUMN IF EXISTS cancel_requested,
    DROP COLUMN IF EXISTS lease_expires_at,
    DROP COLUMN IF EXISTS lease_owner,
    DROP COLUMN IF EXISTS queued_at,
    DROP COLUMN IF EXISTS run_attempts,
    DROP COLUMN IF EXISTS run_request,
    DROP COLUMN IF EXISTS run_state,
    DROP COLUMN IF EXISTS run_number,
    DROP COLUMN IF EXISTS tenant_id;
"""


def upgrade() -> None:
    op.execute(HISTORICAL)
    op.execute(OWN)


def downgrade() -> None:
    op.execute(REMOVED)

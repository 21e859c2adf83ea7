"""The tables of pipeline tasks. Names, first columns and value lists are historical (docs/contract/pipeline.md)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.database import Base

LONGEST_TASK_NAME: Final = 255
LONGEST_DB_NAME: Final = 100
_TENANT: Final = {"nullable": False, "server_default": "default"}

TASKS: Final = Table(
    "data_pipeline_tasks",
    Base.metadata,
    Column("task_id", String(32), primary_key=True),
    Column("task_name", String(LONGEST_TASK_NAME)),
    Column("task_type", String(50), nullable=False, server_default="data_workflow"),
    Column("status", String(20), nullable=False, server_default="pending"),
    Column("parameters", JSONB, nullable=False),
    Column("result", JSONB),
    Column("error_message", Text),
    Column("created_at", DateTime, server_default=text("CURRENT_TIMESTAMP")),
    Column("started_at", DateTime),
    Column("completed_at", DateTime),
    Column("created_type", String(50), server_default="api"),
    Column("by_user", String(50)),
    Column("output_directory", Text),
    Column("db_name", String(LONGEST_DB_NAME)),
    Column("directory_exists", Boolean, server_default=text("true")),
    Column("updated_at", DateTime),
    Column("tenant_id", String(63), **_TENANT),  # type: ignore[arg-type]
    Column("run_number", Integer, nullable=False, server_default="0"),
    Column("run_state", String(20)),
    Column("run_request", JSONB),
    Column("run_attempts", Integer, nullable=False, server_default="0"),
    Column("queued_at", DateTime(timezone=True)),
    Column("lease_owner", String(64)),
    Column("lease_expires_at", DateTime(timezone=True)),
    Column("cancel_requested", Boolean, nullable=False, server_default=text("false")),
    Column("last_event_seq", BigInteger, nullable=False, server_default="0"),
    Index("idx_tasks_status", "status"),
    Index("idx_tasks_created_at", text("created_at DESC")),
    Index("idx_tasks_db_name", "db_name"),
    Index("ix_data_pipeline_tasks_tenant_id_created_at", "tenant_id", "created_at"),
    Index("ix_data_pipeline_tasks_run_state", "run_state", postgresql_where=text("run_state IS NOT NULL")),
)
"""`run_state` is `queued`, `running` or NULL; `run_request` what the last execution asked for."""

STEPS: Final = Table(
    "data_pipeline_task_steps",
    Base.metadata,
    Column("id", Integer, primary_key=True),
    Column("task_id", String(32), ForeignKey("data_pipeline_tasks.task_id", ondelete="CASCADE")),
    Column("execution_id", String(100)),
    Column("step_name", String(50), nullable=False),
    Column("step_status", String(50), nullable=False, server_default="pending"),
    Column("started_at", DateTime),
    Column("completed_at", DateTime),
    Column("error_message", Text),
    Column("tenant_id", String(63), **_TENANT),  # type: ignore[arg-type]
    Column("progress_done", Integer),
    Column("progress_total", Integer),
    Column("progress_subject", Text),
    Index("idx_steps_task_id", "task_id"),
    Index("idx_steps_task_step", "task_id", "step_name"),
)

EVENTS: Final = Table(
    "data_pipeline_task_events",
    Base.metadata,
    Column("task_id", String(32), ForeignKey("data_pipeline_tasks.task_id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("tenant_id", String(63), nullable=False),
    Column("run_number", Integer, nullable=False),
    Column("event", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
"""What happened in a task's runs, in order; only those of the last run are kept."""

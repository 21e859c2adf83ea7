"""The words of a pipeline run: what is asked for, what is reported on the way, what comes out. Plain data only.

Used by the runner and by everyone who starts it: API tasks, the RQ worker, the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from common.tenant import DEFAULT_TENANT_NAME, Tenant
from core.vector_store.origin import Standing

StepName = Literal["ddl_generation", "qa_generation", "sql_validation", "training_load"]
STEPS: Final[tuple[StepName, ...]] = ("ddl_generation", "qa_generation", "sql_validation", "training_load")
StepStatus = Literal["completed", "failed", "cancelled", "skipped"]

INTERNAL_NAMES: Final[Mapping[StepName, str]] = {
    "ddl_generation": "ddl_md_generation",
    "qa_generation": "question_sql_generation",
    "sql_validation": "sql_validation",
    "training_load": "training_data_load",
}
"""Step names inside `workflow_state` (contract 5.7); they differ from the ones of the API."""


@dataclass(frozen=True)
class TaskSpec:
    """One task, as the caller knows it.

    Attributes:
        task_id: name of the task; also of its log entries.
        started_at: when this run was asked for, naive local time. File names carry it; a resumed run keeps the first.
        created_at: when the task was made, for `task_config.json`.
        database_name: stands in file names; see `database_name_of`.
        business_context: one sentence about the database, handed to the model.
        parameters: what `task_config.json` shows; passwords are masked when it is written.
        user_id: on whose account model calls go.
        has_validation, has_training: whether complete mode runs these steps.
        standing: what the training records of the run may.
    """

    task_id: str
    started_at: datetime
    created_at: datetime | None = None
    database_name: str = "database"
    business_context: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tenant: str = DEFAULT_TENANT_NAME
    user_id: str = "guest"
    has_validation: bool = True
    has_training: bool = True
    repairs_sql: bool = True
    modifies_original_file: bool = True
    backs_up_vectors: bool = False
    truncates_vectors: bool = False
    skips_training: bool = False
    standing: Standing = Standing.OPEN

    def __post_init__(self) -> None:
        Tenant(self.tenant)

    @property
    def stamp(self) -> str:
        """`YYYYMMDD_HHMMSS` of the run, as file names carry it."""
        return self.started_at.strftime("%Y%m%d_%H%M%S")


@dataclass(frozen=True)
class PipelineLimits:
    """How far the stages go. Names and defaults follow contract 5.8 where it has them.

    `max_tables` bounds a table list; `themes` and `questions_per_theme` what is asked of a model at once.
    """

    max_tables: int = 1000
    sample_rows: int = 20
    large_table_rows: int = 1_000_000
    enum_sample_rows: int = 200_000
    enum_max_values: int = 20
    concurrent_tables: int = 4
    themes: int = 5
    questions_per_theme: int = 10
    tables_per_prompt: int = 20
    repair_batch: int = 2
    concurrent_validations: int = 4
    statement_seconds: float = 30.0
    filters_system_tables: bool = True
    system_prefixes: tuple[str, ...] = ()
    system_schemas: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProgressEvent:
    """Something was done. `subject` is the table or theme, empty for the step itself; `done` of `total` are finished.

    `state` is `started`, `advanced`, `completed`, `failed` or `cancelled`; `advanced` with a message names a problem
    that does not end the step.
    """

    step: StepName
    state: Literal["started", "advanced", "completed", "failed", "cancelled"]
    subject: str = ""
    done: int = 0
    total: int = 0
    message: str = ""


Progress = Callable[[ProgressEvent], None]


@dataclass(frozen=True)
class StepResult:
    """How a step ended.

    Attributes:
        artifact: the keys of contract 5.3 to 5.7, as written to the result files.
        error: readable, set when it failed or was cancelled.
        problems: `subject: sentence` of tables, themes or files that failed without ending the step.
        was_resumed: its finished outputs of an interrupted run were taken over, nothing was done again.
    """

    step: StepName
    status: StepStatus
    artifact: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    problems: tuple[str, ...] = ()
    duration_seconds: float = 0.0
    was_resumed: bool = False


@dataclass(frozen=True)
class RunResult:
    """How a run ended: `completed`, `failed` or `cancelled`, with its steps in order."""

    status: StepStatus
    steps: tuple[StepResult, ...]

    @property
    def error(self) -> str:
        """The sentence of the step that ended it, else empty."""
        return next((step.error for step in self.steps if step.error), "")

    def step(self, name: StepName) -> StepResult | None:
        """The result of one step, None when it did not run."""
        return next((step for step in self.steps if step.step == name), None)


def database_name_of(connection_url: str) -> str:
    """The name a connection string stands for in file names: after the last `/`, before `?` (contract 5.1)."""
    return connection_url.rpartition("/")[2].partition("?")[0] or "database"

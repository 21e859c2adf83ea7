"""What every stage gets and gives back. A stage is a function of its inputs: run again, it writes the same files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from common.cancellation import CancelSignal
from common.messages import data_pipeline as texts
from core.sql_executor import ReaderPool, SqlExecutor
from data_pipeline.errors import PipelineCancelledError
from data_pipeline.run_state import RunState
from data_pipeline.task import PipelineLimits, Progress, ProgressEvent, StepName, TaskSpec
from data_pipeline.task_folder import TaskFolder
from data_pipeline.task_log import TaskLog
from data_pipeline.text_writer import TextOrder


@dataclass(frozen=True)
class PipelineDatabase:
    """The database a task is about.

    Attributes:
        pool: connections of its reader role.
        executor_for: an executor whose guard admits the tables of these schemas.
        is_denied: tells of `schema.table.column` whether nobody may see it.
    """

    pool: ReaderPool
    executor_for: Callable[[Sequence[str]], SqlExecutor]
    is_denied: Callable[[str], bool] = lambda _name: False


@dataclass(frozen=True)
class StageContext:
    """One step of one run."""

    spec: TaskSpec
    step: StepName
    folder: TaskFolder
    run: RunState
    limits: PipelineLimits
    log: TaskLog
    report: Progress
    cancel: CancelSignal

    def check_cancelled(self) -> None:
        """Raises `PipelineCancelledError` when somebody asked for the run to stop."""
        if self.cancel.is_set():
            raise PipelineCancelledError(texts.CANCELLED)

    def say(self, message: str, *, level: int = logging.INFO) -> None:
        """A line in the task's log."""
        self.log.write(message, step=self.step, level=level)

    def begin(self, work: str) -> None:
        """Tell what is being done now, where it is not counted."""
        self.report(ProgressEvent(self.step, "advanced", work))

    def advance(self, subject: str, done: int, total: int, message: str = "", *, level: int = logging.INFO) -> None:
        """Tell that one more is done; a message goes into the log too."""
        if message:
            self.say(message, level=level)
        self.report(ProgressEvent(self.step, "advanced", subject, done, total, message))

    def write(self, name: str, text: str) -> str:
        """Write an output, beside it when people edited it; the name it got."""
        written = self.folder.write(name, text)
        if written != name:
            self.say(texts.EDITED_FILE_KEPT.format(file=name, written=written), level=logging.WARNING)
        return written

    @property
    def order(self) -> TextOrder:
        """On whose account texts are written."""
        return TextOrder(self.spec.tenant, self.spec.user_id, self.spec.business_context)


@dataclass(frozen=True)
class StageOutcome:
    """What a stage made: contract artifact, files written, checksums of what it read, facts for later steps."""

    artifact: Mapping[str, Any]
    outputs: Sequence[str] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class Stage(Protocol):
    """One step of the pipeline."""

    def run(self, context: StageContext) -> StageOutcome:
        """Do it.

        Raises:
            PipelineError: it cannot be done, in one readable sentence; also every other `CituError`.
        """
        ...

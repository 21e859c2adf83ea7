"""Wires the data pipeline: database, texts, store and stages for a run. Used by the container, worker, command line."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import app_config
from bootstrap.preparation import split_names
from common.config_service import ConfigService
from core.database import Database
from core.llm.client import LLMClient
from core.prompt_files import PromptLibrary
from core.prompt_values import PromptValues
from core.schema_catalog import SchemaCatalog
from core.sql_executor import ExecutionLimits, ReaderPool, SqlExecutor
from core.sql_guard import SqlGuard
from core.vector_store.door import TrainingDoor
from core.vector_store.records import NewRecord, TrainingItem
from core.vector_store.store import VectorStore
from data_pipeline.model_texts import PROMPTS, ModelTexts
from data_pipeline.offline_texts import OfflineTexts
from data_pipeline.runner import PipelineRunner
from data_pipeline.stage import PipelineDatabase
from data_pipeline.stages.ddl_generation import DdlGeneration
from data_pipeline.stages.qa_generation import QaGeneration
from data_pipeline.stages.sql_validation import SqlValidation
from data_pipeline.stages.training_load import AskQuestion, TrainingLoad, VectorTables
from data_pipeline.task import PipelineLimits
from data_pipeline.text_writer import PipelineTexts
from data_pipeline.trained_records import BrokenRecord, Quarantine, StoredPairs
from features.training_data import splitting

KILL_SWITCH: Final = "CITU_PIPELINE_KILL_AT"
"""Environment variable of the kill tests: a number N kills this process at the N-th point where work is half done."""

_WAIT_SECONDS: Final = 30.0
_SPARE_CONNECTIONS: Final = 2
_QUARANTINE_SOURCE: Final = "data_pipeline"
_CATALOG_SECONDS: Final = 600.0


class Pipelines:
    """Makes runners. One a process; a runner has a small pool of reader connections of its own.

    Args:
        business_url: the configured business database, with its reader role.
        texts: who writes; door: where training goes; store: counts it; platform: the platform database.
        ask_question: writes the question of plain SQL, None without a model.
        vector_tables: backs up and empties the vector tables, None where that is not possible.
    """

    def __init__(
        self,
        settings: ConfigService,
        *,
        business_url: Callable[[], str],
        texts: PipelineTexts,
        door: TrainingDoor,
        store: VectorStore,
        platform: Database,
        ask_question: AskQuestion | None = None,
        vector_tables: VectorTables | None = None,
    ) -> None:
        self._settings = settings
        self._business_url = business_url
        self._texts = texts
        self._door = door
        self._store = store
        self._platform = platform
        self._ask_question = ask_question
        self._vector_tables = vector_tables

    @property
    def output_folder(self) -> Path:
        """Folder of the tasks' folders."""
        return app_config.project_path(self._settings.get("PIPELINE_OUTPUT_DIR"))

    @contextmanager
    def runner(self, url: str | None = None, *, concurrent_tables: int | None = None) -> Iterator[PipelineRunner]:
        """A runner on the configured business database, or on `url` (whoever hands one in has checked it)."""
        limits = pipeline_limits(self._settings)
        if concurrent_tables is not None:
            limits = replace(limits, concurrent_tables=concurrent_tables)
        with self.database(url, limits) as database:
            yield PipelineRunner(
                stages={
                    "ddl_generation": DdlGeneration(database=database, texts=self._texts),
                    "qa_generation": QaGeneration(database=database, texts=self._texts),
                    "sql_validation": SqlValidation(database=database, texts=self._texts),
                    "training_load": self._training(database),
                },
                limits=limits,
                reached=_kill_switch(),
            )

    @contextmanager
    def database(self, url: str | None, limits: PipelineLimits) -> Iterator[PipelineDatabase]:
        """The reader's view of a database; its connections are closed at the end."""
        size = max(limits.concurrent_tables, limits.concurrent_validations) + _SPARE_CONNECTIONS
        pool = ReaderPool(
            url or self._business_url(),
            size=size,
            wait_seconds=_WAIT_SECONDS,
            per_caller=size,
            backend_memory_bytes=self._settings.get("SQL_BACKEND_MEMORY") * app_config.MEBIBYTE,
            application_name="citu-pipeline",
        )
        denied = frozenset(split_names(self._settings.get("SQL_DENIED_COLUMNS")))
        try:
            yield PipelineDatabase(pool, lambda schemas: self._executor(pool, schemas), denied.__contains__)
        finally:
            pool.close()

    def _executor(self, pool: ReaderPool, schemas: Sequence[str]) -> SqlExecutor:
        settings = self._settings
        reachable = [*split_names(settings.get("BUSINESS_SCHEMAS")), *schemas]
        catalog = SchemaCatalog(
            pool=pool,
            schemas=list(dict.fromkeys(reachable)),
            ttl_seconds=_CATALOG_SECONDS,
            denied_columns=split_names(settings.get("SQL_DENIED_COLUMNS")),
            user_functions=split_names(settings.get("SQL_ALLOWED_FUNCTIONS")),
            value_budget_seconds=0.0,
        )
        limits = ExecutionLimits(
            row_cap=settings.get("API_MAX_RETURN_ROWS"),
            byte_cap=settings.get("SQL_MAX_BYTES"),
            statement_timeout_seconds=settings.get("SQL_STATEMENT_TIMEOUT"),
            wall_clock_seconds=settings.get("SQL_WALL_CLOCK"),
            cost_ceiling=settings.get("SQL_COST_CEILING"),
            count_cap=0,
        )
        return SqlExecutor(pool=pool, guard=SqlGuard(catalog.guard_policy), limits=limits)

    def _training(self, database: PipelineDatabase) -> TrainingLoad:
        return TrainingLoad(
            database=database,
            door=self._door,
            store=self._store,
            splitting=splitting,
            trained=StoredPairs(self._platform),
            quarantine=build_quarantine(self._door),
            vector_tables=self._vector_tables,
            ask_question=self._ask_question,
        )


def pipeline_limits(settings: ConfigService) -> PipelineLimits:
    """The limits the settings ask for."""
    return PipelineLimits(
        sample_rows=settings.get("PIPELINE_SAMPLE_ROWS"),
        large_table_rows=settings.get("PIPELINE_LARGE_TABLE_ROWS"),
        concurrent_tables=settings.get("PIPELINE_CONCURRENT_TABLES"),
        themes=settings.get("PIPELINE_THEMES"),
        questions_per_theme=settings.get("PIPELINE_QUESTIONS_PER_THEME"),
        statement_seconds=float(settings.get("PIPELINE_STATEMENT_TIMEOUT")),
        system_prefixes=tuple(settings.get("PIPELINE_SYSTEM_PREFIXES")),
        system_schemas=tuple(settings.get("PIPELINE_SYSTEM_SCHEMAS")),
    )


def build_pipelines(
    settings: ConfigService,
    *,
    business_url: Callable[[], str],
    model: LLMClient | None,
    door: TrainingDoor,
    store: VectorStore,
    platform: Database,
    vector_tables: VectorTables | None = None,
) -> Pipelines:
    """With a model its texts, without one the templates."""
    if model is None:
        return Pipelines(
            settings, business_url=business_url, texts=OfflineTexts(), door=door, store=store,
            platform=platform,
            vector_tables=vector_tables,
        )  # fmt: skip
    written = ModelTexts(
        client=model,
        prompts=PromptLibrary(PROMPTS),
        limits=pipeline_limits(settings),
        values=PromptValues(settings.get("PROMPT_VALUE_COLUMNS")),
    )
    return Pipelines(
        settings, business_url=business_url, texts=written, door=door, store=store,
            platform=platform,
        ask_question=written.question, vector_tables=vector_tables,
    )  # fmt: skip


def build_quarantine(door: TrainingDoor) -> Quarantine:
    """Takes broken records out of use until somebody has looked at them."""

    def put_aside(tenant: str, records: Sequence[BrokenRecord]) -> int:
        pairs = {record.record_id: NewRecord("sql", TrainingItem(record.sql, record.question)) for record in records}
        reasons = {record.record_id: record.error for record in records}
        return door.put_aside(tenant, pairs, reasons, _QUARANTINE_SOURCE)

    return put_aside


def _kill_switch() -> Callable[[str], None]:
    """Kills this process where the environment asks for it; otherwise does nothing."""
    wanted = os.environ.get(KILL_SWITCH, "")
    count = 0

    def reached(_point: str) -> None:
        nonlocal count
        count += 1
        if str(count) == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached

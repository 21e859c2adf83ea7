"""Builds the tools that look at databases and the backup of the vector tables, with what each may connect to."""

from __future__ import annotations

from collections.abc import Callable

import app_config
from bootstrap.pipeline import pipeline_limits
from bootstrap.preparation import split_names
from bootstrap.quotas import file_quota
from common.config_service import ConfigService
from common.errors import StoreUnavailableError
from core.database import Database
from core.database_targets import DatabaseTargets
from core.llm.client import LLMClient
from core.logging import get_app_logger
from core.prompt_files import PromptLibrary
from core.vector_store import ann_index
from core.vector_store.ann_index import VectorSpace
from core.vector_store.backup_folders import BackupFolders
from core.vector_store.embedding import Embedder
from data_pipeline.model_texts import PROMPTS, ModelTexts
from data_pipeline.offline_texts import OfflineTexts
from data_pipeline.text_writer import PipelineTexts
from features.database_tools.service import DatabaseToolsService
from features.vector_backup.pipeline_tables import PipelineVectorTables
from features.vector_backup.service import VectorBackupService
from features.vector_backup.sessions import DatabaseSessions

logger = get_app_logger("database_tools")


def database_targets(settings: ConfigService, configured_url: Callable[[], str]) -> DatabaseTargets:
    """Which databases requests may name besides the one at `configured_url`."""
    return DatabaseTargets(configured_url=configured_url, allowed=settings.get("DATABASE_TOOLS_ALLOWED"))


def build_database_tools(
    settings: ConfigService, *, business_url: Callable[[], str], model: Callable[[], LLMClient | None]
) -> DatabaseToolsService:
    """Args: model: asked for when a request wants comments."""
    limits = pipeline_limits(settings)

    def writer() -> PipelineTexts:
        client = model()
        return OfflineTexts() if client is None else ModelTexts(
            client=client, prompts=PromptLibrary(PROMPTS), limits=limits
        )  # fmt: skip

    denied = frozenset(split_names(settings.get("SQL_DENIED_COLUMNS")))
    return DatabaseToolsService(
        targets=database_targets(settings, business_url),
        limits=limits,
        writer=writer,
        is_denied=denied.__contains__,
    )


def build_vector_backup(
    settings: ConfigService, *, platform_url: Callable[[], str], platform: Callable[[], Database], embedder: Embedder
) -> VectorBackupService:
    """Args: platform: where the approximate index is built again after a restore."""

    def build_index() -> None:
        try:
            ann_index.build(platform(), VectorSpace.of(embedder))
        except StoreUnavailableError as error:
            logger.warning("the vector index was not built after a restore: %s", error.error_type)

    return VectorBackupService(
        folders=BackupFolders(app_config.project_path(settings.get("PIPELINE_OUTPUT_DIR"))),
        sessions=DatabaseSessions(database_targets(settings, platform_url)),
        space=lambda: VectorSpace.of(embedder),
        after_restore=build_index,
        quota=file_quota(settings),
    )


def build_pipeline_tables(
    settings: ConfigService, *, platform_url: Callable[[], str], embedder: Callable[[], Embedder]
) -> PipelineVectorTables:
    """What a pipeline run backs the vector tables up with."""
    sessions = DatabaseSessions(database_targets(settings, platform_url))
    return PipelineVectorTables(sessions=sessions, space=lambda: VectorSpace.of(embedder()))

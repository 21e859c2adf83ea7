"""What must be true before the first request, made true: tables, demo data, the reader role, training examples.

Every step is idempotent and cheap when there is nothing to do; several processes may start at once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import psycopg

import app_config
from bootstrap.stores import Stores
from common import messages
from common.config_service import ConfigService
from common.errors import ConfigurationError, ModelUnavailableError, StoreUnavailableError
from common.tenant import DEFAULT_TENANT_NAME
from core.logging import get_app_logger
from core.schema_migrations import upgrade_to_head
from core.sql_executor.reader_role import ensure_reader_role
from core.vector_store.door import TrainingDoor
from core.vector_store.records import TrainingItem
from demo.loader import database_today, load_demo
from demo.training import training_examples

logger = get_app_logger("preparation")
Progress = Callable[[str], None]


def prepare(settings: ConfigService, stores: Stores, door: TrainingDoor, progress: Progress) -> None:
    """Run every step.

    Raises:
        ConfigurationError: a step found something the service cannot start with.
        StoreUnavailableError: a database cannot be reached.
    """
    progress(messages.STEP_MIGRATIONS)
    try:
        upgrade_to_head(stores.platform_url)
    except StoreUnavailableError as error:
        raise StoreUnavailableError(messages.PLATFORM_UNREACHABLE_AT_START) from error
    if stores.business_owner_url is None:
        return
    if settings.get("DEMO_DATA"):
        _load_demo(settings, stores.business_owner_url, progress)
    progress(messages.STEP_READER_ROLE)
    ensure_reader_role(
        stores.business_owner_url,
        role=settings.get("BUSINESS_READER_ROLE"),
        password=stores.reader_password,
        schemas=split_names(settings.get("BUSINESS_SCHEMAS")),
        denied_columns=split_names(settings.get("SQL_DENIED_COLUMNS")),
        functions=split_names(settings.get("SQL_ALLOWED_FUNCTIONS")),
    )
    if settings.get("DEMO_DATA"):
        data_dir = app_config.project_path(settings.get("DATA_DIR"))
        _load_training(door, data_dir / "embedded" / "training_loaded", progress)


def split_names(value: str) -> tuple[str, ...]:
    """The members of a comma-separated setting."""
    return tuple(filter(None, (member.strip() for member in value.split(","))))


def demo_end_date(value: str) -> date | None:
    """The date a setting names, None when it is empty.

    Raises:
        ConfigurationError: it has the form of a date but is none, such as 2024-02-30.
    """
    try:
        return date.fromisoformat(value) if value else None
    except ValueError as error:
        raise ConfigurationError(messages.DEMO_END_DATE_INVALID.format(value=value)) from error


def _load_demo(settings: ConfigService, owner_url: str, progress: Progress) -> None:
    wanted = demo_end_date(settings.get("DEMO_END_DATE"))

    def show(table: str, done: int, total: int) -> None:
        progress(messages.STEP_DEMO_DATA.format(table=table, percent=done * 100 // max(total, 1)))

    try:
        load_demo(owner_url, end_date=wanted or database_today(owner_url), progress=show)
    except psycopg.errors.DiskFull as error:
        raise ConfigurationError(messages.DISK_FULL) from error
    except psycopg.Error as error:
        raise StoreUnavailableError(messages.DEMO_LOAD_FAILED) from error


def _load_training(door: TrainingDoor, marker: Path, progress: Progress) -> None:
    """Starting examples, once for a data folder: what people change or delete later is never brought back."""
    if marker.exists():
        return
    progress(messages.STEP_TRAINING)
    examples = training_examples()
    try:
        door.add(DEFAULT_TENANT_NAME, "ddl", [TrainingItem(text) for text in examples.ddl])
        door.add(DEFAULT_TENANT_NAME, "documentation", [TrainingItem(text) for text in examples.documentation])
        door.add(DEFAULT_TENANT_NAME, "sql", [TrainingItem(pair.sql, pair.question) for pair in examples.pairs])
    except ModelUnavailableError as error:
        logger.warning("no training examples loaded: %s", error.message)
        return
    marker.touch(mode=0o600)

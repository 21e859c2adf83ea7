"""Lists and describes the tables of a database for API clients of both entries (docs/contract/databases.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Final

import psycopg

from common.errors import BadRequestError, ModelUnavailableError, NotFoundError, OverloadedError, StatementFailedError
from common.messages import database_tools as texts
from core.database_targets import DatabaseTarget, DatabaseTargets, reason_of
from core.logging import get_app_logger
from core.sql_executor.reader_connection import TooMuchReceivedError
from data_pipeline.errors import PipelineError
from data_pipeline.schema_reader import BusinessTable
from data_pipeline.table_list import TableName
from data_pipeline.task import PipelineLimits
from data_pipeline.text_writer import PipelineTexts, TextOrder
from features.database_tools.inspection import Inspection
from features.database_tools.schemas import TableRequest, TablesRequest

logger = get_app_logger("database_tools")
GUEST: Final = "guest"
_WAIT_SECONDS: Final = 2.0
_RETRY_AFTER_SECONDS: Final = 5


@dataclass(frozen=True)
class FoundTables:
    """The names of tables, `schema.table`, and the database they are in."""

    tables: list[str]
    database: str


@dataclass(frozen=True)
class DescribedBusinessTable:
    """A table with its comments; `row_count` and `size` are None when they could not be had in time."""

    table: BusinessTable
    row_count: int | None
    size: str | None
    database: str


class DatabaseToolsService:
    """Every method takes the tenant and the request as a model, and returns a value.

    Args:
        targets: decides which database a request may name.
        writer: asked for who writes comments when a request says what the database is about.
        is_denied: tells of `schema.table.column` of the configured database whether nobody may see it.
        most_at_once: requests of this process that may be connected at a time; others wait two seconds.

    Raises:
        BadRequestError, NotFoundError: as the contract has them.
        ForbiddenError: a database that requests may not name.
        OverloadedError: too many such requests at once.
        StatementFailedError: the database cannot be reached or refuses.
    """

    def __init__(
        self,
        *,
        targets: DatabaseTargets,
        limits: PipelineLimits,
        writer: Callable[[], PipelineTexts],
        is_denied: Callable[[str], bool],
        most_at_once: int = 8,
    ) -> None:
        self._targets = targets
        self._limits = limits
        self._writer = writer
        self._is_denied = is_denied
        self._places = BoundedSemaphore(most_at_once)

    def tables(self, _tenant: str, request: TablesRequest) -> FoundTables:
        """The tables of the schemas asked for; a database is one for all tenants."""
        target = self._targets.target(request.db_connection)
        with self._place():
            try:
                tables = self._inspection(target).tables(request.schemas, request.like)
            except psycopg.errors.InvalidEscapeSequence as error:
                raise BadRequestError(texts.PATTERN_WRONG, invalid_params=["table_name_pattern"]) from error
            except (psycopg.Error, TooMuchReceivedError) as error:
                raise _failure(texts.TABLES_FAILED, error) from error
        return FoundTables(tables, target.database)

    def table(self, tenant: str, request: TableRequest) -> DescribedBusinessTable:
        """One table, described; a model that fails leaves the catalogue's comments."""
        kind = request.type.upper()
        target = self._targets.target(request.db_connection)
        inspection = self._inspection(target)
        name = TableName(*request.names)
        try:
            with self._place():
                found = inspection.table(name)
        except PipelineError as error:
            inner = texts.STRUCTURE_FAILED.format(reason=error.message)
            raise NotFoundError(texts.TABLE_FAILED.format(kind=kind, reason=inner)) from error
        except (psycopg.Error, TooMuchReceivedError) as error:
            raise _failure(texts.TABLE_FAILED, error, kind=kind) from error
        table = self._described(tenant, inspection, found.table, request)
        return DescribedBusinessTable(table, found.row_count, found.size, target.database)

    def _inspection(self, target: DatabaseTarget) -> Inspection:
        is_denied = self._is_denied if target.is_configured else _nothing_is_denied
        return Inspection(target=target, limits=self._limits, is_denied=is_denied)

    def _described(
        self, tenant: str, inspection: Inspection, table: BusinessTable, request: TableRequest
    ) -> BusinessTable:
        if not request.business_context:
            return table
        order = TextOrder(tenant, GUEST, request.business_context)
        try:
            described = self._writer().describe(table, order)
        except (ModelUnavailableError, PipelineError) as error:
            logger.warning("comments stay as the catalogue has them: %s", error.error_type)
            return table
        with self._place():
            return inspection.with_enumerations(described.table, described.enum_candidates)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=_WAIT_SECONDS):
            raise OverloadedError(texts.TOO_MANY_CONNECTIONS, retry_after_seconds=_RETRY_AFTER_SECONDS)
        try:
            yield
        finally:
            self._places.release()


def _nothing_is_denied(_name: str) -> bool:
    return False


def _failure(text: str, error: Exception, **values: str) -> StatementFailedError:
    """The error that the caller reads; neither it nor the log has the address or the login."""
    reason = reason_of(error) if isinstance(error, psycopg.Error) else texts.DATABASE_TOO_MUCH
    logger.warning("a database did not answer: %s %s", type(error).__name__, getattr(error, "sqlstate", ""))
    return StatementFailedError(text.format(reason=reason, **values))

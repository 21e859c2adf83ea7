"""Lists and describes the tables of a database for API clients of both entries (docs/contract/databases.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any, Final

import psycopg

from common.errors import BadRequestError, ModelUnavailableError, NotFoundError, OverloadedError
from common.messages import database_tools as texts
from common.result import Envelope, internal_error_response, success_response
from core.database_targets import DatabaseTarget, DatabaseTargets, reason_of
from core.logging import get_app_logger
from core.sql_executor.reader_connection import TooMuchReceivedError
from data_pipeline.ddl_text import render_ddl
from data_pipeline.document_text import render_document
from data_pipeline.errors import PipelineError
from data_pipeline.schema_reader import BusinessTable, TableColumn
from data_pipeline.table_list import TableName
from data_pipeline.task import PipelineLimits
from data_pipeline.text_writer import PipelineTexts, TextOrder
from features.database_tools.inspection import InspectedTable, Inspection
from features.database_tools.schemas import TableRequest, parse_table, parse_tables

logger = get_app_logger("database_tools")
Body = Mapping[str, Any]
GUEST: Final = "guest"
_WAIT_SECONDS: Final = 2.0
_RETRY_AFTER_SECONDS: Final = 5


class DatabaseToolsService:
    """Every method takes the request's JSON object and returns the contract's envelope.

    Args:
        targets: decides which database a request may name.
        writer: asked for who writes comments when a request says what the database is about.
        is_denied: tells of `schema.table.column` of the configured database whether nobody may see it.
        most_at_once: requests of this process that may be connected at a time; others wait two seconds.

    Raises:
        BadRequestError, NotFoundError: as the contract has them.
        ForbiddenError: a database that requests may not name.
        OverloadedError: too many such requests at once.
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

    def tables(self, body: Body) -> Envelope:
        """The tables of the schemas asked for."""
        wanted = parse_tables(body)
        target = self._targets.target(wanted.db_connection)
        with self._place():
            try:
                tables = self._inspection(target).tables(wanted.schemas, wanted.like)
            except psycopg.errors.InvalidEscapeSequence as error:
                raise BadRequestError(texts.PATTERN_WRONG, invalid_params=["table_name_pattern"]) from error
            except (psycopg.Error, TooMuchReceivedError) as error:
                return _failure(texts.TABLES_FAILED, error)
        data: dict[str, Any] = {
            "tables": tables,
            "total": len(tables),
            "schemas": wanted.schemas,
            "db_connection_info": {"database": target.database},
        }
        if wanted.table_name_pattern:
            data["table_name_pattern"] = wanted.table_name_pattern
        return success_response(texts.TABLES_LISTED, data)

    def table(self, tenant: str, body: Body) -> Envelope:
        """One table, described; a model that fails leaves the catalogue's comments."""
        wanted = parse_table(body)
        kind = wanted.type.upper()
        target = self._targets.target(wanted.db_connection)
        inspection = self._inspection(target)
        name = TableName(*wanted.names)
        try:
            with self._place():
                found = inspection.table(name)
        except PipelineError as error:
            inner = texts.STRUCTURE_FAILED.format(reason=error.message)
            raise NotFoundError(texts.TABLE_FAILED.format(kind=kind, reason=inner)) from error
        except (psycopg.Error, TooMuchReceivedError) as error:
            return _failure(texts.TABLE_FAILED, error, kind=kind)
        table = self._described(tenant, inspection, found.table, wanted)
        return success_response(
            texts.TABLE_READ.format(kind=kind), _described_data(wanted, table, found, target.database)
        )

    def _inspection(self, target: DatabaseTarget) -> Inspection:
        is_denied = self._is_denied if target.is_configured else _nothing_is_denied
        return Inspection(target=target, limits=self._limits, is_denied=is_denied)

    def _described(
        self, tenant: str, inspection: Inspection, table: BusinessTable, wanted: TableRequest
    ) -> BusinessTable:
        if not wanted.business_context:
            return table
        order = TextOrder(tenant, GUEST, wanted.business_context)
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


def _failure(text: str, error: Exception, **values: str) -> Envelope:
    """The contract's 500; neither it nor the log has the address or the login."""
    reason = reason_of(error) if isinstance(error, psycopg.Error) else texts.DATABASE_TOO_MUCH
    logger.warning("a database did not answer: %s %s", type(error).__name__, getattr(error, "sqlstate", ""))
    return internal_error_response(text.format(reason=reason, **values))


def _described_data(wanted: TableRequest, table: BusinessTable, found: InspectedTable, database: str) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if wanted.type in ("ddl", "both"):
        data["ddl"] = render_ddl(table)
    if wanted.type in ("md", "both"):
        data["md"] = render_document(table)
    return data | {
        "table_info": {
            "table_name": table.name,
            "schema_name": table.schema,
            "full_name": table.full_name,
            "comment": table.comment or None,
            "field_count": len(table.columns),
            "row_count": found.row_count,
            "table_size": found.size,
        },
        "fields": [_field(column) for column in table.columns],
        "generation_info": {
            "business_context": wanted.business_context,
            "output_type": wanted.type,
            "has_llm_comments": bool(wanted.business_context),
            "database": database,
        },
    }


def _field(column: TableColumn) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.raw_type,
        "nullable": column.is_nullable,
        "comment": column.comment or None,
        "is_primary_key": column.is_primary_key,
        "is_foreign_key": column.is_foreign_key,
        "default_value": column.default,
        "is_enum": bool(column.enum_values),
        "enum_values": list(column.enum_values) or None,
    }

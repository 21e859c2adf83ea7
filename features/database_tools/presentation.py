"""What the database tools return, as the envelopes of docs/contract/databases.md, for the doors of both entries."""

from __future__ import annotations

from typing import Any

from common.messages import database_tools as texts
from common.result import Envelope, success_response
from data_pipeline.ddl_text import render_ddl
from data_pipeline.document_text import render_document
from data_pipeline.schema_reader import TableColumn
from features.database_tools.schemas import TableRequest, TablesRequest
from features.database_tools.service import DescribedBusinessTable, FoundTables


def listed(request: TablesRequest, found: FoundTables) -> Envelope:
    """The names of the tables, and what was asked for."""
    data: dict[str, Any] = {
        "tables": found.tables,
        "total": len(found.tables),
        "schemas": request.schemas,
        "db_connection_info": {"database": found.database},
    }
    if request.table_name_pattern:
        data["table_name_pattern"] = request.table_name_pattern
    return success_response(texts.TABLES_LISTED, data)


def described(request: TableRequest, found: DescribedBusinessTable) -> Envelope:
    """A table as DDL, as a documentation page or both, and its columns."""
    table, data = found.table, {}
    if request.type in ("ddl", "both"):
        data["ddl"] = render_ddl(table)
    if request.type in ("md", "both"):
        data["md"] = render_document(table)
    facts = {
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
            "business_context": request.business_context,
            "output_type": request.type,
            "has_llm_comments": bool(request.business_context),
            "database": found.database,
        },
    }
    return success_response(texts.TABLE_READ.format(kind=request.type.upper()), data | facts)


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

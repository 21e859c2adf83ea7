"""`/api/v0/database/*`: parses requests, lets the service decide, renders envelopes."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from common.tenant import DEFAULT_TENANT_NAME as TENANT
from features.database_tools import presentation, schemas
from features.database_tools.service import DatabaseToolsService
from features.wire.envelopes import ErrorEnvelope
from features.wire.http import Access, Route, ServiceResource, Work, documented, envelope_response, json_object

docs = Namespace("database", description="The tables of a database")
failure = documented(docs, ErrorEnvelope)


class DatabaseToolsResource(ServiceResource[DatabaseToolsService], service="database_tools"):
    """What the resources here share."""


@docs.response(400, "A parameter is missing or wrong", failure)
@docs.response(403, "A database that requests may not name", failure)
@docs.response(413, "The body is too large", failure)
@docs.response(500, "The database cannot be reached or refuses", failure)
@docs.response(503, "Too many such requests at once", failure)
class DatabaseTables(DatabaseToolsResource):
    """The tables of some schemas."""

    @docs.doc("database_tables", description="The tables of some schemas, views left out.")
    @docs.expect(documented(docs, schemas.TablesRequest), validate=False)
    @docs.response(200, "Their names", documented(docs, schemas.TablesEnvelope))
    def post(self) -> Response:
        query = schemas.parse_tables(json_object(request))
        return envelope_response(presentation.listed(query, self._service.tables(TENANT, query)))


@docs.response(400, "A parameter is missing or wrong", failure)
@docs.response(403, "A database that requests may not name", failure)
@docs.response(404, "No such table, or not readable", failure)
@docs.response(413, "The body is too large", failure)
@docs.response(500, "The database cannot be reached or refuses", failure)
@docs.response(503, "Too many such requests at once", failure)
class DatabaseTableDdl(DatabaseToolsResource):
    """One table, described."""

    @docs.doc("database_table_ddl", description="One table as DDL, as documentation page, or both.")
    @docs.expect(documented(docs, schemas.TableRequest), validate=False)
    @docs.response(200, "The table", documented(docs, schemas.TableEnvelope))
    def post(self) -> Response:
        query = schemas.parse_table(json_object(request))
        return envelope_response(presentation.described(query, self._service.table(TENANT, query)))


ROUTES = (
    Route("/api/v0/database/tables", docs, DatabaseTables, Access.PUBLIC, work=Work.SQL),
    Route("/api/v0/database/table/ddl", docs, DatabaseTableDdl, Access.PUBLIC, work=Work.SQL),
)

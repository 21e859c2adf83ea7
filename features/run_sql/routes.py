"""`POST /api/v0/citu_run_sql`: parses the request, lets the service decide, renders the envelope."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from common.tenant import DEFAULT_TENANT_NAME as TENANT
from features.run_sql import presentation
from features.run_sql.schemas import RunSqlEnvelope, RunSqlRequest
from features.run_sql.service import RunSqlService
from features.wire.bodies import parse_body
from features.wire.envelopes import ErrorEnvelope
from features.wire.http import (
    Access,
    Route,
    ServiceResource,
    Work,
    caller_left,
    documented,
    envelope_response,
    json_object,
)

docs = Namespace("run_sql", description="SQL of the caller's own")
statement = documented(docs, RunSqlRequest)
answer = documented(docs, RunSqlEnvelope)
failure = documented(docs, ErrorEnvelope)


class CituRunSql(ServiceResource[RunSqlService], service="run_sql"):
    """One statement, its rows."""

    @docs.doc("citu_run_sql", description="Run one read-only SQL statement on the business database.")
    @docs.expect(statement, validate=False)
    @docs.response(200, "The rows", answer)
    @docs.response(400, "A parameter is missing or wrong", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(422, "The SQL guard or the cost ceiling refused: data.rule, data.position", failure)
    @docs.response(500, "The database refused the statement or broke it off", failure)
    @docs.response(429, "The caller has its share of the connections in use", failure)
    @docs.response(503, "The business database cannot be reached", failure)
    def post(self) -> Response:
        statement = parse_body(RunSqlRequest, json_object(request))
        executed = self._service.run(TENANT, statement, caller_left(request))
        return envelope_response(presentation.executed(statement, executed))


ROUTES = (Route("/api/v0/citu_run_sql", docs, CituRunSql, Access.PUBLIC, work=Work.SQL),)

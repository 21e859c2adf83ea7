"""Builds the Flask application from the route table of an entry and its services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from flask import Flask, Response, make_response
from flask_restx import Api, Namespace

from core.read_only_mode import ReadOnlyMode
from features.metrics.collector import MetricsCollector
from features.wire.http import Access, Route
from web import error_rendering
from web.body_limits import limit_bodies
from web.exchange_recorder import record_exchanges
from web.origin_rules import EndpointRules, WebServices, install_web_rules
from web.request_hooks import log_requests
from web.request_metrics import monitor_requests
from web.security_headers import page_policy
from web.write_guard import guard_writes


class Services(WebServices, Protocol):
    """What the application itself needs of the object that it hands to every resource."""

    @property
    def collector(self) -> MetricsCollector:
        """Counts requests."""

    @property
    def read_only_mode(self) -> ReadOnlyMode:
        """Says whether writes are refused now."""


class EnvelopeApi(Api):  # type: ignore[misc]
    """flask-restx for the documentation; errors always leave in our envelope, `/` belongs to a resource of ours."""

    def handle_error(self, error: Exception) -> Response:
        return error_rendering.render(error)

    @property
    def base_path(self) -> str:
        """Where the paths of the documentation start; flask-restx asks its own root route, which we do not have."""
        return "/"

    def _register_doc(self, app_or_blueprint: Any) -> None:
        app_or_blueprint.add_url_rule(self._doc, "doc", self.render_doc)

    def render_doc(self) -> Response:
        """The documentation page, with a policy of its own: its scripts run."""
        response = make_response(super().render_doc())
        response.headers["Content-Security-Policy"] = page_policy(response.get_data(as_text=True))
        return response


def create_app(services: Services, routes: Sequence[Route]) -> Flask:
    """The WSGI application that answers `routes`, documented at `/api/docs` and `/swagger.json`."""
    app = Flask("unified_api", static_folder=None)
    app.config.update(
        RESTX_MASK_SWAGGER=False,
        RESTX_ERROR_404_HELP=False,
    )
    api = EnvelopeApi(
        app,
        version="1.0.0",
        title="Citu Unified API",
        description="Questions about a business database in natural language.",
        doc="/api/docs",
    )
    _add_routes(app, api, services, routes)
    app.register_error_handler(Exception, error_rendering.render)
    limit_bodies(app, services.settings)
    log_requests(app)
    monitor_requests(app, services.collector)
    record_exchanges(app, services.settings, name="unified_api")
    return app


def _add_routes(app: Flask, api: Api, services: Services, routes: Sequence[Route]) -> None:
    rows_by_endpoint: dict[str, Route] = {}
    for namespace, rows in _by_namespace(routes).items():
        for row in rows:
            endpoint = row.resource.__name__
            _document_path_errors(namespace, row)
            namespace.add_resource(
                row.resource, row.path, endpoint=endpoint, resource_class_kwargs={"services": services}
            )
            rows_by_endpoint[endpoint] = row
        api.add_namespace(namespace)
    app.extensions["citu_access"] = {endpoint: row.access for endpoint, row in rows_by_endpoint.items()}
    install_web_rules(app, services, _rules_of(rows_by_endpoint))
    guard_writes(app, lambda: services.read_only_mode, {name: row.writes for name, row in rows_by_endpoint.items()})


def _document_path_errors(namespace: Namespace, row: Route) -> None:
    """Every method of a path with an id in it may answer 400 (`web.path_values`); its own words on it come first."""
    for method in row.resource.methods or () if "<" in row.path else ():
        handler = getattr(row.resource, method.lower())
        if "400" not in getattr(handler, "__apidoc__", {}).get("responses", {}):
            namespace.response(400, "A part of the path can be no id")(handler)


def _rules_of(rows: Mapping[str, Route]) -> EndpointRules:
    """The documentation has no row and is public."""
    return EndpointRules(
        access=lambda endpoint: rows[endpoint].access if endpoint in rows else Access.PUBLIC,
        starting=frozenset(name for name, row in rows.items() if row.is_starting),
        work={name: row.work for name, row in rows.items() if row.work is not None},
        json_only=frozenset(name for name, row in rows.items() if row.is_json_only),
    )


def _by_namespace(routes: Sequence[Route]) -> dict[Namespace, list[Route]]:
    """Rows by the namespace their module documents with, copied so that two applications never share one."""
    grouped: dict[Namespace, list[Route]] = {}
    copies: dict[str, Namespace] = {}
    for row in routes:
        documented = row.namespace
        copy = copies.get(documented.name)
        if copy is None:
            copy = Namespace(documented.name, description=documented.description, path="/")
            copy.models = documented.models
            copies[documented.name] = copy
        grouped.setdefault(copy, []).append(row)
    return grouped

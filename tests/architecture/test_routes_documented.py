"""Every route has documentation, an access rule and its place in docs/routes.md; what is public is a decision."""

from pathlib import Path

from bootstrap.route_table import ROUTES
from scripts.generate_docs import outdated, routes_documents
from unified_api import app

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = {"/", "/health", "/api/v0/agent_health", "/api/v0/ask_agent", "/api/v0/citu_run_sql"}
OF_THE_DOCUMENTATION = {"/swagger.json", "/api/docs", "/swaggerui/<path:filename>"}


def test_route_page_is_up_to_date() -> None:
    assert not outdated(routes_documents(), ROOT), "run: make docs"


def test_everything_served_stands_in_the_table() -> None:
    served = {rule.rule for rule in app.url_map.iter_rules()}
    assert served == {route.path for route in ROUTES} | OF_THE_DOCUMENTATION


def test_public_routes_are_the_ones_decided_on() -> None:
    assert {route.path for route in ROUTES if route.access.value == "public"} == PUBLIC


def test_every_endpoint_has_an_access_rule() -> None:
    rules = app.extensions["citu_access"]
    assert {route.resource.__name__ for route in ROUTES} == set(rules)

"""The old entry against the unified one: its routes are a part of the other's, with the same rules of who may what."""

import runpy
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from flask import Flask

import app_config
from bootstrap import legacy_rules
from bootstrap.container import Container
from common.config_service import ConfigService
from features.wire.http import Access
from tests.architecture.test_authorisation_matrix import (
    ANONYMOUS,
    METHODS,
    REACHED,
    RIGHT,
    STRANGER,
    TOKEN,
    WRONG,
    NoMode,
    reached,
)
from web.app import create_app
from web.route_table import ROUTES

ENTRY = Path(__file__).resolve().parents[2] / "citu_app.py"
OF_WERKZEUG = {"HEAD", "OPTIONS"}
ASKED_BY_THE_ROUTE = "pipeline_tasks_delete"
"""Its path is public on unified, where the route itself wants an administrator for this method."""


def container(**environ: str) -> Container:
    """Nothing is connected."""
    nowhere = Path("/nonexistent")
    made = Container(ConfigService(app_config.rows(), environ=environ, dotenv_path=nowhere, settings_path=nowhere))
    made.shared.__dict__["read_only_mode"] = NoMode()
    return made


def old_entry(**environ: str) -> Flask:
    with mock.patch("bootstrap.legacy_port.build_container", return_value=container(**environ)):
        app: Flask = runpy.run_path(str(ENTRY))["app"]
    return app


def with_handlers_replaced(app: Flask) -> Flask:
    for endpoint in app.view_functions:
        app.view_functions[endpoint] = lambda **_arguments: REACHED
    return app


def rows(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Rule, method and endpoint of everything it serves."""
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - OF_WERKZEUG:
            yield rule.rule, method, rule.endpoint


@pytest.fixture(scope="module")
def old() -> Flask:
    return old_entry()


@pytest.fixture(scope="module")
def guarded() -> Flask:
    return with_handlers_replaced(old_entry(ADMIN_TOKEN=TOKEN, ADMIN_TOKEN_ATTEMPTS="0"))


@pytest.fixture(scope="module")
def without_token() -> Flask:
    return with_handlers_replaced(old_entry())


def test_unified_serves_every_rule_and_method_of_it(old: Flask) -> None:
    unified = {(rule, method) for rule, method, _ in rows(create_app(container(), ROUTES))}
    assert {(rule, method) for rule, method, _ in rows(old)} - unified == set()


def test_it_runs_as_in_production(old: Flask) -> None:
    assert not old.testing
    assert not old.debug


def test_rules_name_endpoints_that_exist(old: Flask) -> None:
    served = {(endpoint, method) for _, method, endpoint in rows(old)}
    named = {(endpoint, method) for endpoint, methods in legacy_rules.WRITES.items() for method in methods}
    assert named <= served
    assert set(old.view_functions) >= legacy_rules.ADMINISTRATORS


def test_rules_are_those_of_the_unified_entry(old: Flask) -> None:
    table = {route.path: route for route in ROUTES}
    for rule, method, endpoint in rows(old):
        is_admin = endpoint in legacy_rules.ADMINISTRATORS
        assert (table[rule].access is Access.ADMIN) is (is_admin and endpoint != ASKED_BY_THE_ROUTE), rule
        assert (method in table[rule].writes) is (method in legacy_rules.WRITES.get(endpoint, ())), rule


def closed(app: Flask) -> set[str]:
    """Paths that only administrators reach, by any method."""
    is_closed: dict[str, bool] = {}
    for rule, _, endpoint in rows(app):
        is_closed[rule] = is_closed.get(rule, True) and endpoint in legacy_rules.ADMINISTRATORS
    return {rule for rule, closed_to_others in is_closed.items() if closed_to_others}


def everything(app: Flask) -> set[str]:
    return {rule for rule, _, _ in rows(app)}


@pytest.mark.parametrize("headers", [ANONYMOUS, WRONG], ids=["anonymous", "wrong token"])
@pytest.mark.parametrize("address", [STRANGER, "127.0.0.1"])
def test_only_the_bearer_of_the_token_reaches_admin_routes(
    guarded: Flask, headers: dict[str, str], address: str
) -> None:
    assert closed(guarded)
    assert reached(guarded, headers, address) == everything(guarded) - closed(guarded)
    assert reached(guarded, RIGHT, address) == everything(guarded)


def test_without_a_token_admin_routes_are_for_this_machine(without_token: Flask) -> None:
    forged = {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1", "X-Real-IP": "127.0.0.1", **RIGHT}
    assert reached(without_token, forged, STRANGER) == everything(without_token) - closed(without_token)
    assert reached(without_token, ANONYMOUS, "127.0.0.1") == everything(without_token)


def test_refused_method_is_a_405_that_names_the_allowed_ones(old: Flask) -> None:
    client = old.test_client()
    allowed: dict[str, set[str]] = {}
    for rule, method, _ in rows(old):
        allowed.setdefault(rule, set()).add(method)
    for rule, methods in allowed.items():
        path = rule.replace("<int:feedback_id>", "1").replace("<", "").replace(">", "")
        for method in set(METHODS) - methods - OF_WERKZEUG:
            if old.url_map.bind("localhost").test(path, method=method):  # the path of another rule, too
                continue
            answer = client.open(path, method=method)
            assert answer.status_code == 405, (rule, method)
            assert methods <= {name.strip() for name in answer.headers["Allow"].split(",")}


def test_work_is_limited_as_on_the_unified_entry(old: Flask) -> None:
    table = {route.path: route for route in ROUTES}
    for rule, method, endpoint in rows(old):
        if method not in {"GET", "DELETE"}:
            assert table[rule].work is legacy_rules.WORK.get(endpoint), rule
            assert table[rule].is_json_only is (endpoint in legacy_rules.JSON_ONLY), rule

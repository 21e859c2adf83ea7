"""Every route and method of the url map against every kind of caller: nobody gets in who should not.

The handlers are replaced: what is under test is who reaches one. A route that is in neither list fails.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

import app_config
from bootstrap.container import Container
from common.config_service import ConfigService
from core.read_only_mode import ReadOnlyMode
from features.wire.http import Access
from tests.architecture.test_routes_documented import OF_THE_DOCUMENTATION, PUBLIC
from web.app import create_app
from web.route_table import ROUTES

ADMIN = {
    "/api/test/redis",
    "/api/v0/cache_cleanup",
    "/api/v0/checkpoint/direct/cleanup",
    "/api/v0/checkpoint/direct/stats",
    "/api/v0/conversation_cleanup",
    "/api/v0/conversation_limit_enforcement",
    "/api/v0/data_pipeline/vector/restore",
    "/api/v0/embedding_cache_cleanup",
    "/api/v0/evaluation/runs",
    "/api/v0/evaluation/runs/<run_id>",
    "/api/v0/maintenance/readonly",
    "/api/v0/metrics",
    "/api/v0/qa_cache_cleanup",
    "/api/v0/qa_feedback/delete/<int:feedback_id>",
    "/api/v0/training_data/conflicts",
    "/api/v0/training_data/delete",
    "/api/v0/training_data/update",
    "/api/v0/training_data/drift",
    "/api/v0/training_data/quarantine",
    "/api/v0/training_data/quarantine/approve",
    "/api/v0/training_data/quarantine/reject",
    "/api/v0/usage",
    "/metrics",
    "/redis/direct",
}
OPEN = {route.path for route in ROUTES if route.access is Access.PUBLIC} | OF_THE_DOCUMENTATION
CLOSED = {route.path for route in ROUTES if route.access is Access.ADMIN}
TOKEN = "matrix-token"
REACHED = "the handler"
STRANGER = "203.0.113.9"
ANONYMOUS, WRONG, RIGHT = {}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {TOKEN}"}
NO_LIMITS = {f"RATE_LIMIT_{kind}": "0" for kind in ("QUESTIONS", "STREAMS", "SQL", "TRAINING", "UPLOADS")}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class NoMode(ReadOnlyMode):
    """Never connects, never refuses."""

    def __init__(self) -> None:
        """Nothing to keep."""

    def refuse_writes(self) -> None:
        """Everything passes."""


def served(token: str) -> Flask:
    nowhere = Path("/nonexistent")
    environ = {"ADMIN_TOKEN": token, "ADMIN_TOKEN_ATTEMPTS": "0", **NO_LIMITS} if token else NO_LIMITS
    settings = ConfigService(app_config.rows(), environ=environ, dotenv_path=nowhere, settings_path=nowhere)
    container = Container(settings)
    container.shared.__dict__["read_only_mode"] = NoMode()
    app = create_app(container, ROUTES)
    for endpoint in app.view_functions:
        app.view_functions[endpoint] = lambda **_arguments: REACHED
    return app


@pytest.fixture(scope="module")
def guarded() -> Flask:
    return served(TOKEN)


@pytest.fixture(scope="module")
def without_token() -> Flask:
    return served("")


def requests_of(app: Flask) -> Iterator[tuple[str, str, str]]:
    for rule in app.url_map.iter_rules():
        path = rule.rule
        for name in rule.arguments:
            path = path.replace(f"<int:{name}>", "1").replace(f"<path:{name}>", "x").replace(f"<{name}>", "x")
        for method in METHODS:
            yield rule.rule, path, method


def reached(app: Flask, headers: dict[str, str], address: str) -> set[str]:
    """The routes of which any method answers with the handler's 2xx."""
    client = app.test_client()
    found = set()
    for rule, path, method in requests_of(app):
        answer = client.open(path, method=method, headers=headers, environ_base={"REMOTE_ADDR": address})
        assert answer.status_code in (200, 403, 404, 405), (rule, method, answer.status_code)
        if answer.status_code == 200:
            found.add(rule)
    return found


def test_every_route_is_classified(guarded: Flask) -> None:
    assert {rule.rule for rule in guarded.url_map.iter_rules()} == PUBLIC | ADMIN | OF_THE_DOCUMENTATION
    assert CLOSED == ADMIN


@pytest.mark.parametrize("headers", [ANONYMOUS, WRONG], ids=["anonymous", "wrong token"])
@pytest.mark.parametrize("address", [STRANGER, "127.0.0.1"])
def test_only_the_bearer_of_the_token_reaches_admin_routes(
    guarded: Flask, headers: dict[str, str], address: str
) -> None:
    assert reached(guarded, headers, address) == OPEN


def test_the_bearer_of_the_token_reaches_everything(guarded: Flask) -> None:
    assert reached(guarded, RIGHT, STRANGER) == OPEN | CLOSED


@pytest.mark.parametrize("headers", [ANONYMOUS, WRONG, RIGHT], ids=["anonymous", "wrong token", "some token"])
def test_without_a_token_admin_routes_are_for_this_machine(without_token: Flask, headers: dict[str, str]) -> None:
    forged = {**headers, "X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1", "X-Real-IP": "127.0.0.1"}
    assert reached(without_token, forged, STRANGER) == OPEN
    assert reached(without_token, headers, "127.0.0.1") >= CLOSED

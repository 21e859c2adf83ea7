"""What a web page of somebody else can make a browser send to the service, on both entries; the handlers are replaced.

Each test bears the name of an attack; docs/security.md lists them.
"""

import functools
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import app_config
from bootstrap.container import Container
from common.config_service import ConfigService
from common.errors import ConfigurationError
from common.secret_masking import mask_text
from core.read_only_mode import ReadOnlyMode
from web.app import create_app
from web.exposure import exposure_warning, exposure_warnings, open_hosts_warning, wanted_host
from web.route_table import ROUTES

ROOT = Path(__file__).resolve().parents[3]
LOCAL, STRANGER = "127.0.0.1", "203.0.113.9"
HOST = "127.0.0.1:8084"
EVIL = "http://evil.example"
ADMIN = "/api/v0/qa_cache_cleanup"
WRITE = "/api/v0/qa_feedback/add"
QUESTION = "/api/v0/ask_agent"
READ = "/api/v0/qa_cache_list"
SWITCH = "/api/v0/maintenance/readonly"
STREAM = "/api/v0/ask_agent_stream"
PAGE = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}


class NoMode(ReadOnlyMode):
    """Never connects, never refuses."""

    def __init__(self) -> None:
        """Nothing to keep."""

    def refuse_writes(self) -> None:
        """Everything passes."""


@functools.cache
def build(entry: str, **environ: str) -> FlaskClient:
    nowhere = Path("/nonexistent")
    container = Container(ConfigService(app_config.rows(), environ=environ, dotenv_path=nowhere, settings_path=nowhere))
    container.shared.__dict__["read_only_mode"] = NoMode()
    if entry == "unified":
        app: Flask = create_app(container, ROUTES)
    else:
        with mock.patch("bootstrap.legacy_port.build_container", return_value=container):
            app = runpy.run_path(str(ROOT / "citu_app.py"))["app"]
    for endpoint in app.view_functions:
        if not endpoint.startswith(("restx_doc", "doc", "specs")):
            app.view_functions[endpoint] = lambda **_arguments: {"reached": True}
    return app.test_client()


@pytest.fixture(scope="module", params=["unified", "citu"])
def entry(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def client(entry: str) -> FlaskClient:
    return build(entry)


@pytest.fixture(scope="module")
def unified() -> FlaskClient:
    return build("unified")


def send(
    client: FlaskClient,
    path: str,
    headers: Mapping[str, str] = {},
    *,
    method: str = "POST",
    address: str = LOCAL,
    **more: Any,
) -> TestResponse:
    """As a browser on this machine would; `headers` may replace the Host."""
    sent = {"Host": HOST, **headers}
    return client.open(path, method=method, headers=sent, environ_base={"REMOTE_ADDR": address}, **more)


def is_reached(answer: TestResponse) -> bool:
    if answer.status_code == 200:
        return answer.json == {"reached": True}
    assert answer.status_code in (400, 403, 421), answer.status_code
    assert answer.json["success"] is False
    assert answer.json["code"] == answer.status_code
    assert answer.json["data"]["error_type"]
    return False


@pytest.mark.parametrize("path", [ADMIN, WRITE, QUESTION])
@pytest.mark.parametrize("body", [{"data": "{}", "content_type": "text/plain"}, {"data": {"a": "1"}}, {"json": {}}, {}])
@pytest.mark.parametrize(
    "page",
    [
        PAGE,
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "not an origin"},
        {"Origin": "http://127.0.0.1:8084.evil.example"},
    ],
    ids=str,
)
def test_post_of_a_foreign_page_reaches_nothing(
    client: FlaskClient, path: str, body: dict[str, Any], page: dict[str, str]
) -> None:
    refused = send(client, path, page, **body)
    assert not is_reached(refused)
    assert refused.json["data"]["error_type"] == "foreign_origin"
    assert not is_reached(send(client, path, page, address=STRANGER, **body))


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_changing_methods_of_a_foreign_page_reach_nothing(client: FlaskClient, method: str) -> None:
    assert send(client, "/api/v0/qa_feedback/update/1", PAGE, method=method).status_code in (403, 405)
    assert send(client, "/api/v0/data_pipeline/tasks", PAGE, method=method).status_code in (403, 405)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "surprise"])
@pytest.mark.parametrize("path", [SWITCH, "/metrics", "/api/v0/usage"])
def test_get_of_admin_data_by_a_foreign_page_is_refused(unified: FlaskClient, path: str, site: str) -> None:
    assert is_reached(send(unified, path, method="GET"))
    assert is_reached(send(unified, path, {"Sec-Fetch-Site": "none"}, method="GET"))
    assert not is_reached(send(unified, path, {"Sec-Fetch-Site": site}, method="GET"))
    assert not is_reached(send(unified, path, {"Origin": EVIL}, method="GET"))


@pytest.mark.parametrize("address", [f"{STREAM}?question=x", "/api/v0/agent_health"])
def test_stream_started_by_an_image_of_a_foreign_page_is_refused(unified: FlaskClient, address: str) -> None:
    assert is_reached(send(unified, address, method="GET"))
    assert not is_reached(send(unified, address, {"Sec-Fetch-Site": "cross-site"}, method="GET"))


@pytest.mark.parametrize("host", ["evil.example:8084", "evil.example", "0.0.0.0:8084", "10.0.0.5:8084", "2130706433"])
def test_rebound_host_is_not_the_administrator(client: FlaskClient, host: str) -> None:
    rebound = {"Host": host, "Origin": f"http://{host}"}
    assert not is_reached(send(client, ADMIN, rebound))
    assert not is_reached(send(client, ADMIN, {"Host": host}))


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8084", "localhost:8084", "localhost", "[::1]:8084", "127.9.9.9", "LOCALHOST."]
)
def test_own_page_and_scripts_of_this_machine_stay_administrator(client: FlaskClient, host: str) -> None:
    assert is_reached(send(client, ADMIN, {"Host": host}))
    own = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert is_reached(send(client, ADMIN, own, json={}))
    assert is_reached(send(client, WRITE, own, json={}))


def test_rebound_host_is_refused_everything_where_only_this_machine_is_served(entry: str) -> None:
    client = build(entry, HOST="127.0.0.1")
    refused = send(client, READ, {"Host": "evil.example:8084"}, method="GET")
    assert (refused.status_code, refused.json["data"]["error_type"]) == (421, "foreign_host")
    assert is_reached(send(client, READ, {"Host": "192.0.2.7:8084"}, method="GET"))
    assert is_reached(send(client, READ, method="GET"))


def test_listed_hosts_are_the_only_ones_served(entry: str) -> None:
    client = build(entry, ALLOWED_HOSTS="citu.example, 192.0.2.7")
    for host in ("citu.example", "CITU.example:443", "192.0.2.7:8084"):
        assert is_reached(send(client, READ, {"Host": host}, method="GET", address=STRANGER))
    for host in ("evil.example", "192.0.2.8"):
        assert send(client, READ, {"Host": host}, method="GET", address=STRANGER).status_code == 421
    assert is_reached(send(client, READ, method="GET"))


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Real-IP",
        "Forwarded",
        "Via",
        "CF-Connecting-IP",
        "True-Client-IP",
        "CDN-Loop",
        "X-Client-IP",
    ],
)
@pytest.mark.parametrize("value", ["127.0.0.1", "for=127.0.0.1", ""])
def test_caller_behind_a_proxy_nobody_configured_is_not_administrator(
    client: FlaskClient, header: str, value: str
) -> None:
    assert not is_reached(send(client, ADMIN, {header: value}))
    assert not is_reached(send(client, ADMIN, {header: value}, address=STRANGER))


def test_forged_forwarded_address_gives_no_rights(entry: str) -> None:
    client = build(entry, TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8")
    for chain in ("127.0.0.1", f"127.0.0.1, {STRANGER}", "127.0.0.1, 10.1.1.1", "::1", "nonsense"):
        for address in (LOCAL, "10.9.9.9", STRANGER):
            assert not is_reached(send(client, ADMIN, {"X-Forwarded-For": chain}, address=address)), (chain, address)


def test_page_of_the_own_public_host_may_write_and_is_no_administrator(client: FlaskClient) -> None:
    own = {"Host": "citu.example", "Origin": "https://citu.example", "Sec-Fetch-Site": "same-origin"}
    assert is_reached(send(client, WRITE, own, address=STRANGER, json={}))
    without_metadata = {"Host": "citu.example", "Origin": "https://citu.example"}
    assert is_reached(send(client, WRITE, without_metadata, address=STRANGER, json={}))
    assert not is_reached(send(client, ADMIN, own, json={}))


def test_page_behind_a_proxy_that_rewrites_the_host_may_write(client: FlaskClient) -> None:
    """The browser's own word, which no page can forge, says that page and service share their origin."""
    rewritten = {"Host": "10.0.0.5:8084", "Origin": "https://citu.example", "Sec-Fetch-Site": "same-origin"}
    assert is_reached(send(client, WRITE, rewritten, address=STRANGER, json={}))


def test_servers_and_scripts_without_origin_write_as_ever(client: FlaskClient) -> None:
    assert is_reached(send(client, WRITE, address=STRANGER, json={}))
    assert is_reached(send(client, QUESTION, address=STRANGER, data='{"question": "x"}', content_type="text/plain"))


def test_listed_origin_may_write_and_read_and_is_no_administrator(entry: str) -> None:
    friend = "https://portal.example"
    client = build(entry, ALLOWED_ORIGINS=f"{friend}, http://10.0.0.5:3000")
    for origin in (friend, "http://10.0.0.5:3000"):
        page = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        answer = send(client, WRITE, page, json={}, address=STRANGER)
        assert is_reached(answer)
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert not is_reached(send(client, ADMIN, page, json={}))
    stranger = send(client, READ, PAGE, method="GET")
    assert "Access-Control-Allow-Origin" not in stranger.headers
    assert not is_reached(send(client, WRITE, PAGE, json={}))


def test_preflight_is_answered_for_listed_origins_only(entry: str) -> None:
    friend = "https://portal.example"
    client = build(entry, ALLOWED_ORIGINS=friend)
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type, authorization"}
    granted = send(client, "/api/v0/qa_feedback/update/1", {"Origin": friend, **asked}, method="OPTIONS")
    assert granted.status_code == 204
    assert granted.headers["Access-Control-Allow-Origin"] == friend
    assert "PUT" in granted.headers["Access-Control-Allow-Methods"]
    assert {"content-type", "authorization"} <= {
        name.strip().lower() for name in granted.headers["Access-Control-Allow-Headers"].split(",")
    }
    refused = send(client, "/api/v0/qa_feedback/update/1", {**PAGE, **asked}, method="OPTIONS")
    assert not [name for name, _ in refused.headers if name.lower().startswith("access-control-allow-")]


@pytest.mark.parametrize("origin", ["*", "null", "portal.example", "https://portal.example/path", "ftp://x.example"])
def test_origins_that_are_none_keep_the_service_from_starting(entry: str, origin: str) -> None:
    with pytest.raises(ConfigurationError, match="ALLOWED_ORIGINS"):
        build(entry, ALLOWED_ORIGINS=origin)


@pytest.mark.parametrize("body", [{"data": '{"enabled": true}', "content_type": "text/plain"}, {"data": {"a": "1"}}])
def test_new_routes_demand_json(unified: FlaskClient, body: dict[str, Any]) -> None:
    refused = send(unified, SWITCH, **body)
    assert (refused.status_code, refused.json["data"]["error_type"]) == (400, "invalid_params")
    assert not is_reached(send(unified, SWITCH, data='{"enabled": true}'))
    assert is_reached(send(unified, SWITCH))
    assert is_reached(send(unified, SWITCH, json={"enabled": True}))
    assert is_reached(send(unified, SWITCH, data="{}", content_type="application/merge-patch+json; charset=utf-8"))


@pytest.mark.parametrize(
    ("settings", "is_exposed"),
    [
        ({}, True),
        ({"HOST": "192.0.2.7"}, True),
        ({"HOST": "127.0.0.1"}, False),
        ({"HOST": "localhost"}, False),
        ({"ADMIN_TOKEN": "s3cret"}, False),
    ],
)
def test_public_address_without_a_token_is_told_in_one_sentence(settings: dict[str, str], is_exposed: bool) -> None:
    nowhere = Path("/nonexistent")
    service = ConfigService(app_config.rows(), environ=settings, dotenv_path=nowhere, settings_path=nowhere)
    warning = exposure_warning(service)
    assert (warning is not None) is is_exposed
    assert warning is None or ("ADMIN_TOKEN" in warning and "\n" not in warning)
    assert warning is None or mask_text(warning) == warning, "the log shows it whole"


@pytest.mark.parametrize(
    ("settings", "is_open"),
    [
        ({"HOST": "0.0.0.0"}, True),  # noqa: S104 - what is looked at
        ({"HOST": "::", "ADMIN_TOKEN": "s3cret"}, True),
        ({"HOST": "0.0.0.0", "ALLOWED_HOSTS": "citu.example"}, False),  # noqa: S104
        ({"HOST": "192.0.2.7"}, False),
        ({"HOST": "localhost"}, False),
    ],
)
def test_all_addresses_without_names_are_told_in_one_sentence(settings: dict[str, str], is_open: bool) -> None:
    nowhere = Path("/nonexistent")
    service = ConfigService(app_config.rows(), environ=settings, dotenv_path=nowhere, settings_path=nowhere)
    warning = open_hosts_warning(service)
    assert (warning is not None) is is_open
    assert (warning in exposure_warnings(service)) is is_open
    assert warning is None or ("ALLOWED_HOSTS" in warning and mask_text(warning) == warning)


def test_old_entry_binds_what_its_command_prefers_until_host_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Path("/nonexistent")

    def host(**environ: str) -> str:
        return wanted_host(
            ConfigService(app_config.rows(), environ=environ, dotenv_path=nowhere, settings_path=nowhere)
        )

    assert host() == "0.0.0.0"  # noqa: S104 - as clients know the entries
    monkeypatch.setenv("CITU_DEFAULT_HOST", LOCAL)
    assert host() == LOCAL
    assert host(HOST="192.0.2.7") == "192.0.2.7"


def test_demanded_token_keeps_the_service_from_starting(entry: str) -> None:
    with pytest.raises(ConfigurationError, match="REQUIRE_ADMIN_TOKEN"):
        build(entry, REQUIRE_ADMIN_TOKEN="1")
    assert build(entry, REQUIRE_ADMIN_TOKEN="1", ADMIN_TOKEN="s3cret")


@pytest.mark.parametrize("path", [QUESTION, "/nope", "/health", "/api//v0//ask_agent"])
@pytest.mark.parametrize("page", [{}, PAGE], ids=["script", "page"])
def test_every_answer_forbids_sniffing_framing_and_keeping(
    client: FlaskClient, path: str, page: dict[str, str]
) -> None:
    headers = send(client, path, page, json={}).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["//evil.example//api//v0//ask_agent", "/api//v0//qa_cache_list"])
def test_redirect_never_repeats_the_host(client: FlaskClient, path: str) -> None:
    answer = send(client, path, {"Host": "evil.example"}, method="GET", address=STRANGER)
    location = answer.headers.get("Location", "")
    assert answer.status_code in (308, 404)
    assert "evil.example" not in location.removeprefix("/evil.example/")
    assert not location.startswith("//")
    assert "http://evil.example" not in answer.text


def test_documentation_page_runs_its_own_script_and_no_other(unified: FlaskClient) -> None:
    page = send(unified, "/api/docs", method="GET")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self' 'sha256-" in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    with send(unified, "/swaggerui/swagger-ui.css", method="GET") as style:
        assert style.headers["Cache-Control"] == "no-cache"

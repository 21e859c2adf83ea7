"""The host a request was sent to: exactly what the grammar allows is one, and only this machine's names are local."""

import string
from pathlib import Path
from unittest import mock

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

import app_config
from common.config_service import ConfigService
from common.errors import ConfigurationError
from serving import serve
from tests.unit.web.test_attacks import ADMIN, HOST, LOCAL, READ, STRANGER, SWITCH, build, is_reached, send
from web.authority import Authority, parse_authority
from web.forwarding import forwarded_address
from web.request_source import host_name, is_loopback

LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")
TAILS = (
    *(".evil.com", ":8190.evil.com", ":80:evil.com", "evil.com:80", "@evil.com", ":80@evil.com", "/evil.com", "#x"),
    *("?x", "\\evil.com", ":-1", ":65536", ":99999999999", ":8x", " evil.com", ",evil.com", "%00", "]", "["),
)


@pytest.fixture(scope="module", params=["unified", "citu"])
def client(request: pytest.FixtureRequest) -> FlaskClient:
    return build(str(request.param))


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("local", LOCAL_HOSTS)
def test_local_name_with_a_tail_is_not_this_machine(client: FlaskClient, local: str, tail: str) -> None:
    assert not is_loopback(host_name(local + tail))
    assert not is_reached(send(client, ADMIN, {"Host": local + tail}))


@pytest.mark.parametrize("host", ["127.0.0.1:8190.evil.com", "localhost:80:evil.com", "[::1].evil.com", "[::1]e:80"])
def test_malformed_host_is_a_bad_request_on_every_route(client: FlaskClient, host: str) -> None:
    for path in (READ, SWITCH, "/health", "/nope"):
        answer = send(client, path, {"Host": host}, method="GET")
        assert answer.status_code == 400, path
        assert answer.json["data"]["error_type"] == "invalid_params"


@given(st.sampled_from(("127.0.0.1", "localhost", "::1", "a.example")), st.integers(0, 65_535) | st.none())
def test_host_with_a_port_is_read_back(host: str, port: int | None) -> None:
    spelled = f"[{host}]" if ":" in host else host
    assert parse_authority(spelled if port is None else f"{spelled}:{port}") == Authority(host, port)


@given(st.text(alphabet=string.printable + "é", max_size=20))
def test_what_is_read_spells_the_whole_text(text: str) -> None:
    found = parse_authority(text)
    if found is not None:
        host = text[: text.index("]") + 1] if text.startswith("[") else text.split(":")[0]
        rest = text[len(host) :]
        assert host.strip("[]").removesuffix(".").lower() == found.host
        assert rest in ("", ":") or (rest[0] == ":" and int(rest[1:]) == found.port)


@pytest.mark.parametrize("scheme", ["ftp", "evil", "file", "javascript", "", "chrome-extension"])
def test_page_of_another_scheme_is_not_the_own_page(client: FlaskClient, scheme: str) -> None:
    assert not is_reached(send(client, ADMIN, {"Origin": f"{scheme}://{HOST}"}))


def test_page_of_http_is_foreign_to_a_service_called_by_https() -> None:
    client = build("unified", TRUSTED_PROXIES="10.0.0.1")
    sent = {"Host": "citu.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": STRANGER}
    for origin, is_own in (("https://citu.example", True), ("http://citu.example", False)):
        answer = send(client, "/api/v0/ask_agent", {**sent, "Origin": origin}, address="10.0.0.1", json={})
        assert is_reached(answer) is is_own


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9.9.9.9", "9.9.9.9"),
        ("9.9.9.9:1234", "9.9.9.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("garbage", None),
        ("9.9.9.9:x", None),
        ("unknown", None),
        ("[9.9.9.9]", None),
        ("9.9.9.9.evil", None),
    ],
)
def test_forwarded_addresses_are_read_as_gateways_write_them(text: str, address: str | None) -> None:
    assert forwarded_address(text) == address


@pytest.mark.parametrize(
    "caller", ["garbage", "127.0.0.1", "[::1]:80", "::ffff:127.0.0.1", "unknown", "", "127.0.0.1:9"]
)
def test_unreadable_or_local_forwarded_caller_is_limited(caller: str) -> None:
    client = build.__wrapped__("unified", TRUSTED_PROXIES=LOCAL, RATE_LIMIT_QUESTIONS="1/3")
    headers = {"X-Forwarded-For": caller}
    answers = [send(client, "/api/v0/ask_agent", headers, json={"question": "x"}).status_code for _ in range(4)]
    assert answers == [200] * 3 + [429]
    assert not is_reached(send(client, ADMIN, headers))


def test_callers_with_ports_have_limits_of_their_own() -> None:
    client = build.__wrapped__("unified", TRUSTED_PROXIES=LOCAL, RATE_LIMIT_QUESTIONS="1/3")
    for caller in ("9.9.9.9", "9.9.9.8"):
        answers = [
            send(client, "/api/v0/ask_agent", {"X-Forwarded-For": f"{caller}:{n}"}, json={}).status_code
            for n in range(1, 5)
        ]
        assert answers == [200] * 3 + [429]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOWED_ORIGINS", "*"),
        ("TRUSTED_PROXIES", "foo"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "10.0.0.1, ::/0"),
        ("RATE_LIMIT_EXEMPT", "10.0.0.0/99"),
        ("ALLOWED_HOSTS", "http://portal.corp"),
        ("ALLOWED_HOSTS", "portal.corp:80"),
        ("ALLOWED_HOSTS", "*.portal.corp"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_prepared(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = Path("/nonexistent")
    settings = ConfigService(app_config.rows(), environ={name: value}, dotenv_path=nowhere, settings_path=nowhere)
    container = mock.Mock(settings=settings)
    monkeypatch.setattr(serve, "build_container", lambda: container)
    monkeypatch.setattr(serve.signal, "signal", lambda *_: None)
    monkeypatch.setattr(serve, "announce_launcher", lambda: None)
    assert serve.main(["--port", "1"]) == 1
    assert name in capsys.readouterr().err
    container.start.assert_not_called()
    with pytest.raises(ConfigurationError, match=name):
        build.__wrapped__("unified", **{name: value})

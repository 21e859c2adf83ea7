"""Texts that can be no id are refused wherever a path has one, on both entries; the handlers are replaced."""

from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.routing import Rule

from tests.unit.web.test_attacks import build
from web.path_values import LONGEST_PATH_VALUE, unusable_path_values

ADMIN = {"Authorization": "Bearer secret"}
IMPOSSIBLE = [
    "\x00",
    "a\x00b",
    "a\r\nb",
    "a\x1bb",
    "a\x7f",
    "a\x85b",
    "\u2028",
    "a\ufffdb",
    "x" * (LONGEST_PATH_VALUE + 1),
]


def rules_with_values(client: FlaskClient) -> list[Rule]:
    rules = client.application.url_map.iter_rules()
    return [rule for rule in rules if rule.arguments and not rule.endpoint.startswith(("restx", "static"))]


@pytest.mark.parametrize("entry", ["unified", "citu"])
@pytest.mark.parametrize("value", IMPOSSIBLE)
def test_every_route_refuses_what_can_be_no_id(entry: str, value: str) -> None:
    client = build(entry, ADMIN_TOKEN="secret")
    rules = rules_with_values(client)
    assert len(rules) >= 16
    for rule in rules:
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            path = "/".join(quote(value, safe="") if part.startswith("<") else part for part in rule.rule.split("/"))
            answer = client.open(path, method=method, headers=ADMIN, json={} if method != "GET" else None)
            if answer.status_code == 404 and "int:" in rule.rule:
                continue  # no number, so no route
            body = answer.get_json()
            assert (answer.status_code, body["data"]["error_type"]) == (400, "invalid_params"), (method, path, body)
            assert value not in answer.get_data(as_text=True)


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"], exclude_characters="\ufffd"), max_size=80))
def test_what_people_write_passes(value: str) -> None:
    assert unusable_path_values({"user_id": value, "number": 3}) == []


@given(st.text(max_size=20), st.characters(categories=["Cc", "Cs", "Co", "Cn", "Zl", "Zp"]), st.text(max_size=20))
def test_what_nobody_can_see_is_named(before: str, character: str, after: str) -> None:
    assert unusable_path_values({"user_id": before + character + after, "task_id": "task_1"}) == ["user_id"]


def test_a_route_without_values_has_none() -> None:
    assert unusable_path_values(None) == []

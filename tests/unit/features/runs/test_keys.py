"""Whose run an idempotency key finds."""

import pytest

from common.caller import Caller, working_for
from features.runs.schemas import RunRequest
from features.runs.service import own_idempotency_key


def key(address: str, **members: str) -> str:
    with working_for(Caller(tenant="default", address=address)):
        return own_idempotency_key(RunRequest.model_validate({"question": "x", **members}))


@pytest.mark.parametrize("user", [{}, {"user_id": "guest"}])
def test_guests_with_the_same_key_find_runs_of_their_own(user: dict[str, str]) -> None:
    sent = {"idempotency_key": "k", **user}
    keys = {
        key("203.0.113.1", **sent),
        key("203.0.113.2", **sent),
        key("203.0.113.1", session_id="a", **sent),
        key("203.0.113.1", session_id="b", **sent),
    }
    assert len(keys) == 4
    assert key("203.0.113.1", **sent) == key("203.0.113.1", **sent)
    assert key("203.0.113.1", session_id="a", **sent) == key("203.0.113.2", session_id="a", **sent)


def test_named_user_finds_the_run_from_another_address() -> None:
    sent = {"idempotency_key": "k", "user_id": "amy"}
    assert key("203.0.113.1", **sent) == key("203.0.113.2", **sent) == "k"


def test_request_without_a_key_has_none() -> None:
    assert key("203.0.113.1") == ""

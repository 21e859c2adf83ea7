"""Whose a conversation is: one key for each unnamed caller, and never the network address beside a named session."""

from __future__ import annotations

from itertools import product

import pytest

from common.askers import asker_of

SESSIONS = (None, "first", "second")
ADDRESSES = ("192.0.2.1", "192.0.2.2")
CALLERS = list(product(SESSIONS, ADDRESSES))


def _identity(session: str | None, address: str) -> tuple[str, str]:
    return ("session", session) if session else ("address", address)


@pytest.mark.parametrize("beginner", ["carol", None])
@pytest.mark.parametrize(("begun", "going_on"), list(product(CALLERS, CALLERS)))
def test_unnamed_caller_goes_on_only_with_what_its_own_session_began(
    beginner: str | None, begun: tuple[str | None, str], going_on: tuple[str | None, str]
) -> None:
    beginning = asker_of(beginner, *begun).beginning
    assert asker_of(None, *going_on).may_continue(beginning) is (_identity(*begun) == _identity(*going_on))


@pytest.mark.parametrize(("begun", "going_on"), list(product(CALLERS, CALLERS)))
def test_named_user_goes_on_in_every_session(begun: tuple[str | None, str], going_on: tuple[str | None, str]) -> None:
    assert asker_of("carol", *going_on).may_continue(asker_of("carol", *begun).beginning)


def test_session_called_like_an_address_is_not_that_address() -> None:
    beginning = asker_of(None, None, "192.0.2.1").beginning
    assert not asker_of(None, "192.0.2.1", "192.0.2.2").may_continue(beginning)


def test_unnamed_caller_without_session_and_address_goes_on_with_nothing() -> None:
    nobody = asker_of(None, None, "")
    assert not nobody.may_continue(nobody.beginning)
    assert not nobody.may_continue(asker_of("carol", None, "").beginning)

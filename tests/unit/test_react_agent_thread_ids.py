"""Thread ids name their user, never repeat, and never reach into another tenant."""

import re

import pytest

from react_agent.thread_ids import is_storable, new_thread_id, owner_of, stored_id, wire_id


def test_new_ids_are_different_and_look_as_always() -> None:
    ids = [new_thread_id("张三") for _ in range(50)]
    assert len(set(ids)) == 50
    assert all(re.fullmatch(r"张三:\d{17}", thread_id) for thread_id in ids)


@pytest.mark.parametrize(("thread_id", "owner"), [("a:1", "a"), ("a:b:c", "a"), ("a", ""), (":1", ""), ("", "")])
def test_owner_stands_before_the_first_colon(thread_id: str, owner: str) -> None:
    assert owner_of(thread_id) == owner


def test_the_default_tenant_keeps_the_historical_ids() -> None:
    assert stored_id("default", "rita:1") == "rita:1"
    assert wire_id("default", "rita:1") == "rita:1"


def test_tenants_do_not_see_each_other() -> None:
    stored = stored_id("acme", "rita:1")
    assert wire_id("acme", stored) == "rita:1"
    assert wire_id("default", stored) is None
    assert wire_id("other", stored) is None
    assert not is_storable(stored), "a client could name another tenant's thread"


@pytest.mark.parametrize("text", ["a\x00", "a\nb", "\ud800", "\x1f"])
def test_control_characters_are_not_storable(text: str) -> None:
    assert not is_storable(text)


def test_glob_characters_are() -> None:
    assert is_storable("*?[a]\\:1")

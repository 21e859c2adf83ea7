"""Thread ids name their user, never repeat, and never reach into another tenant."""

import re
from typing import cast

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from react_agent import thread_ids
from react_agent.thread_ids import NewThreadIds, is_storable, new_thread_id, owner_of, stored_id, wire_id


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


class _SharedClaims:
    """`SET key value NX` of a Redis that several processes share."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    def set(self, key: str, _value: str, *, nx: bool, ex: int) -> bool | None:
        assert nx
        assert ex
        is_new = key not in self.keys
        self.keys.add(key)
        return is_new or None


def test_processes_never_give_out_the_same_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process counts for itself, and all of them have the same clock."""
    shared = cast("Redis", _SharedClaims())
    stamps = [f"guest:{second:017d}" for second in range(60)]
    given: list[str] = []
    for _process in range(3):
        own = iter(stamps)
        monkeypatch.setattr(thread_ids, "new_thread_id", lambda _user, own=own: next(own))
        ids = NewThreadIds(lambda: shared)
        given += [ids.new("default", "guest") for _ in range(20)]
    assert given == stamps


def test_ids_are_given_out_without_redis() -> None:
    def away() -> Redis:
        raise RedisConnectionError

    assert owner_of(NewThreadIds(away).new("default", "rita")) == "rita"

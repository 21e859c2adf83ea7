"""Sessions of ask_cached in memory: who belongs to which, what goes first, and what a clean-up takes."""

from dataclasses import replace

import pytest

from common.answering import ResultSet
from features.caches.session_cache import ACTIVE_SECONDS, AnsweredQuestion, SessionCache, conversations_of

ROWS = ResultSet(("n",), ({"n": "x" * 1000},), 1)
ANSWERED = AnsweredQuestion("营收", "SELECT 1", ROWS, None, "qa_cache:1")


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def cache(clock: Clock, max_entries: int = 100, max_bytes: int = 1_000_000) -> SessionCache:
    return SessionCache(max_entries=max_entries, max_bytes=max_bytes, clock=clock)


def ids(cached: SessionCache, tenant: str = "default") -> list[list[str]]:
    return [[entry.conversation_id for entry in session.conversations] for session in cached.sessions(tenant)]


def test_a_session_is_one_users_run_of_questions(clock: Clock) -> None:
    cached = cache(clock)
    for user, name in (("anna", "a1"), ("berta", "b1"), ("anna", "a2")):
        cached.remember("default", user, name, ANSWERED)
        clock.now += ACTIVE_SECONDS / 3
    clock.now += ACTIVE_SECONDS
    cached.remember("default", "anna", "a3", ANSWERED)
    assert ids(cached) == [["a1", "a2"], ["b1"], ["a3"]]
    first = cached.sessions("default")[0]
    assert first.last_activity - first.started_at == 2 * ACTIVE_SECONDS / 3
    assert [entry.conversation_id for entry in conversations_of(cached.sessions("default"))] == ["a3", "a2", "b1", "a1"]


def test_tenants_do_not_see_each_other(clock: Clock) -> None:
    cached = cache(clock)
    for tenant in ("default", "acme"):
        cached.remember(tenant, "anna", "same", ANSWERED)
    assert (ids(cached), ids(cached, "acme")) == ([["same"]], [["same"]])
    clock.now += 1
    cached.remove_before("default", clock.now)
    assert (ids(cached), ids(cached, "acme")) == ([], [["same"]])


def test_oldest_go_first_by_number_and_by_size(clock: Clock) -> None:
    few, small = cache(clock, max_entries=2), cache(clock, max_bytes=2 * ANSWERED.size_bytes + 10)
    for cached in (few, small):
        for number in range(4):
            cached.remember("default", "anna", str(number), ANSWERED)
        assert ids(cached) == [["2", "3"]]


def test_what_is_larger_than_all_is_not_taken_and_costs_nothing(clock: Clock) -> None:
    cached = cache(clock, max_bytes=5_000)
    cached.remember("default", "anna", "kept", ANSWERED)
    huge = replace(ANSWERED, records=ResultSet(("n",), ({"n": "x" * 6_000},), 1))
    cached.remember("default", "anna", "huge", huge)
    cache(clock, max_entries=0).remember("default", "anna", "none", ANSWERED)
    assert ids(cached) == [["kept"]]


def test_removal_takes_sessions_whole(clock: Clock) -> None:
    cached = cache(clock)
    cached.remember("default", "anna", "old", ANSWERED)
    clock.now += 60
    moment = clock.now
    cached.remember("default", "anna", "new", ANSWERED)
    assert cached.remove_before("default", moment) == []
    [gone] = cached.remove_before("default", moment + 1)
    assert [entry.conversation_id for entry in gone.conversations] == ["old", "new"]
    assert ids(cached) == []


def test_users_who_come_once_leave_nothing(clock: Clock) -> None:
    cached = cache(clock, max_entries=3)
    for number in range(500):
        cached.remember("default", f"user{number}", str(number), ANSWERED)
    assert len(cached.sessions("default")) == 3
    assert len(cached._open) <= 7

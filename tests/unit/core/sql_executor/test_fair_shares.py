"""Fair shares: no caller takes more than its part, and nobody waits behind somebody else's queue."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.caller import INTERNAL, Caller
from common.errors import OverloadedError, TooManyQueriesError
from core.sql_executor.fair_shares import FairShares, Shares

ABUSER = Caller("default", "abuser", "192.0.2.1")
USER = Caller("default", "user", "192.0.2.1")
ELSEWHERE = Caller("default", "other", "192.0.2.2")


def hold(stack: ExitStack, fair: FairShares, caller: Caller, count: int) -> None:
    for _ in range(count):
        stack.enter_context(fair.place(caller, wait_seconds=0))


def test_half_of_the_places_are_a_share_and_at_least_one() -> None:
    assert [Shares.of(places).per_caller for places in (1, 2, 3, 8, 9)] == [1, 1, 1, 4, 4]
    assert Shares.of(8, per_caller=20).per_caller == 8
    assert Shares.of(8).per_address == 7
    assert Shares.of(1).per_address == 1


def test_whole_share_is_an_error_of_the_caller_only() -> None:
    fair = FairShares(Shares.of(8))
    with ExitStack() as stack:
        hold(stack, fair, ABUSER, 4)
        with pytest.raises(TooManyQueriesError) as error, fair.place(ABUSER, wait_seconds=0):
            pass
        assert (error.value.status, error.value.error_type) == (429, "too_many_queries")
        assert error.value.retry_after_seconds
        hold(stack, fair, USER, 3)
        hold(stack, fair, ELSEWHERE, 1)
    with ExitStack() as stack:
        hold(stack, fair, ABUSER, 4)


def test_one_address_under_many_names_leaves_a_place_for_others() -> None:
    fair = FairShares(Shares.of(8))
    with ExitStack() as stack:
        for number in range(7):
            hold(stack, fair, Caller("default", f"name{number}", "192.0.2.1"), 1)
        with pytest.raises(TooManyQueriesError), fair.place(USER, wait_seconds=0):
            pass
        hold(stack, fair, ELSEWHERE, 1)
        with pytest.raises(OverloadedError) as error, fair.place(ELSEWHERE, wait_seconds=0):
            pass
        assert (error.value.status, error.value.error_type) == (503, "overloaded")


def test_work_of_the_service_itself_may_use_every_place() -> None:
    fair = FairShares(Shares.of(4))
    with ExitStack() as stack:
        hold(stack, fair, INTERNAL, 4)
        with pytest.raises(OverloadedError), fair.place(INTERNAL, wait_seconds=0):
            pass


def test_queue_of_one_caller_is_bounded_and_leaves_room_for_others() -> None:
    fair = FairShares(Shares.of(2, queue=8))
    release, waiting = threading.Event(), []
    refused: list[str] = []

    def wait_for_a_place(caller: Caller) -> None:
        try:
            with fair.place(caller, wait_seconds=30):
                release.wait(30)
        except OverloadedError as error:
            refused.append(f"{caller.user_id} {error.error_type}")

    with fair.place(ABUSER, wait_seconds=0):
        for _ in range(5):
            waiting.append(threading.Thread(target=wait_for_a_place, args=(ABUSER,)))
            waiting[-1].start()
        threads_refused = [thread for thread in waiting if not is_still_waiting(thread, fair)]
        assert len(threads_refused) == 3
        with fair.place(ELSEWHERE, wait_seconds=5):
            pass
        release.set()
    for thread in waiting:
        thread.join(30)
    assert refused == ["abuser too_many_queries"] * 3


def is_still_waiting(thread: threading.Thread, fair: FairShares) -> bool:
    thread.join(0.2)
    return thread.is_alive()


def test_who_holds_least_comes_next() -> None:
    fair = FairShares(Shares.of(2, queue=64))
    order: list[str] = []
    go_on = threading.Event()

    def take(caller: Caller) -> None:
        with fair.place(caller, wait_seconds=30):
            order.append(caller.user_id)
            go_on.wait(30)

    with fair.place(ABUSER, wait_seconds=0), ExitStack() as stack:
        stack.enter_context(fair.place(INTERNAL, wait_seconds=0))
        threads = []
        for caller in (ABUSER, ABUSER, USER, ELSEWHERE):
            threads.append(threading.Thread(target=take, args=(caller,)))
            threads[-1].start()
            threads[-1].join(0.05)
        stack.close()
        threads[3].join(0.2)
        assert order == ["other"]
        go_on.set()
    for thread in threads:
        thread.join(30)
    assert sorted(order) == ["abuser", "abuser", "other", "user"]


callers = st.builds(Caller, st.just("default"), st.sampled_from("abc"), st.sampled_from(["192.0.2.1", "192.0.2.2"]))


@given(st.integers(1, 6), st.lists(st.tuples(st.booleans(), callers), max_size=60))
def test_any_order_of_coming_and_going_keeps_the_bounds(places: int, steps: list[tuple[bool, Caller]]) -> None:
    shares = Shares.of(places)
    fair = FairShares(shares)
    held: list[tuple[Caller, ExitStack]] = []
    for comes, caller in steps:
        if comes or not held:
            stack = ExitStack()
            mine = sum(other == caller for other, _ in held)
            near = sum(other.address == caller.address for other, _ in held)
            may = len(held) < places and mine < shares.per_caller and near < shares.per_address
            try:
                hold(stack, fair, caller, 1)
            except OverloadedError:
                assert not may
            else:
                assert may
                held.append((caller, stack))
        else:
            held.pop(len(caller.user_id + caller.address) % len(held))[1].close()
    for _, stack in held:
        stack.close()
    with ExitStack() as stack:
        hold(stack, fair, INTERNAL, places)

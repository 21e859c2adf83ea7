"""Callers: carried by the context, never from one request to another."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable

from common.caller import INTERNAL, Caller, current_caller, set_caller, set_caller_user, working_for


def in_own_context(function: Callable[[], Caller]) -> Caller:
    return contextvars.Context().run(function)


def test_work_without_a_request_is_internal() -> None:
    assert in_own_context(current_caller) is INTERNAL
    assert INTERNAL.is_internal


def test_user_id_is_added_to_the_caller_of_the_request() -> None:
    def request() -> Caller:
        set_caller(Caller("default", "", "192.0.2.7"))
        set_caller_user("amy")
        return current_caller()

    assert in_own_context(request) == Caller("default", "amy", "192.0.2.7")


def test_internal_work_for_a_user_stays_internal() -> None:
    def work() -> Caller:
        set_caller_user("amy")
        return current_caller()

    assert in_own_context(work) is INTERNAL


def test_next_request_of_a_thread_does_not_inherit_the_user() -> None:
    def requests() -> Caller:
        set_caller(Caller("default", "", "192.0.2.7"))
        set_caller_user("amy")
        set_caller(Caller("default", "", "192.0.2.8"))
        return current_caller()

    assert in_own_context(requests) == Caller("default", "", "192.0.2.8")


def test_other_threads_see_nothing_unless_they_take_it_along() -> None:
    seen: list[Caller] = []
    caller = Caller("default", "amy", "192.0.2.7")

    def work() -> None:
        seen.append(current_caller())
        with working_for(caller):
            seen.append(current_caller())
        seen.append(current_caller())

    with working_for(caller):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen == [INTERNAL, caller, INTERNAL]

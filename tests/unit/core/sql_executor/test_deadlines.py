"""One thread for all deadlines: each is called once, in order of time, and not at all when it was called off."""

import threading

from core.sql_executor.deadlines import Deadlines

PATIENCE_SECONDS = 10.0


def test_deadlines_end_in_order_of_time_even_when_a_nearer_one_comes_later() -> None:
    deadlines, ended, names = Deadlines(), threading.Event(), []
    deadlines.after(3600, lambda: names.append("far"))
    deadlines.after(0.2, ended.set)
    deadlines.after(0.1, lambda: names.append("second"))
    deadlines.after(0.05, lambda: names.append("first"))
    assert ended.wait(PATIENCE_SECONDS)
    assert names == ["first", "second"]


def test_deadline_called_off_is_not_called() -> None:
    deadlines, ended, names = Deadlines(), threading.Event(), []
    deadlines.after(0.05, lambda: names.append("called off")).call_off()
    deadlines.after(0.1, ended.set)
    assert ended.wait(PATIENCE_SECONDS)
    assert names == []


def test_hundreds_share_one_thread() -> None:
    deadlines, seen = Deadlines(), set()
    ended = threading.Semaphore(0)

    def note() -> None:
        seen.add(threading.get_ident())
        ended.release()

    for _ in range(300):
        deadlines.after(0.01, note)
    assert all(ended.acquire(timeout=PATIENCE_SECONDS) for _ in range(300))
    assert len(seen) == 1


def test_what_was_called_off_is_not_kept() -> None:
    deadlines, ended = Deadlines(), threading.Event()
    for _ in range(100):
        deadlines.after(0.01, lambda: None).call_off()
    deadlines.after(0.02, ended.set)
    assert ended.wait(PATIENCE_SECONDS)
    assert deadlines._running == []

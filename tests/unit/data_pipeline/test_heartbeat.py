"""A long piece of work keeps telling where it is; an ended step tells nothing more."""

import threading

from data_pipeline.heartbeat import Heartbeat
from data_pipeline.task import ProgressEvent

STARTED = ProgressEvent("qa_generation", "started")
FIRST = ProgressEvent("qa_generation", "advanced", "主题", 1, 5, "坏了")
ENDED = ProgressEvent("qa_generation", "completed")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_silence_is_filled_with_the_last_report_without_its_problem() -> None:
    told: list[ProgressEvent] = []
    clock = Clock()
    heartbeat = Heartbeat(told.append, seconds=0.5, clock=clock)
    heartbeat(STARTED)
    heartbeat.repeat()
    assert told == [STARTED]
    clock.now = 0.5
    heartbeat.repeat()
    heartbeat.repeat()
    heartbeat(FIRST)
    clock.now = 1.0
    heartbeat.repeat()
    again = ProgressEvent("qa_generation", "advanced", "主题", 1, 5)
    assert told == [STARTED, ProgressEvent("qa_generation", "advanced"), FIRST, again]


def test_nothing_is_told_before_the_first_step_and_after_its_end() -> None:
    told: list[ProgressEvent] = []
    clock = Clock()
    heartbeat = Heartbeat(told.append, clock=clock)
    clock.now = 10
    heartbeat.repeat()
    heartbeat(ENDED)
    clock.now = 20
    heartbeat.repeat()
    assert told == [ENDED]


def test_it_beats_until_the_block_ends() -> None:
    beaten = threading.Event()

    def report(event: ProgressEvent) -> None:
        if event.state == "advanced":
            beaten.set()

    heartbeat = Heartbeat(report, seconds=0.01)
    with heartbeat.beating():
        heartbeat(STARTED)
        assert beaten.wait(30)
    assert not [thread for thread in threading.enumerate() if thread.name == "pipeline-heartbeat"]


def test_a_long_silence_is_filled_ever_more_rarely() -> None:
    told: list[ProgressEvent] = []
    clock = Clock()
    heartbeat = Heartbeat(told.append, seconds=0.5, clock=clock)
    heartbeat(STARTED)

    def repeats(until: float) -> int:
        before = len(told)
        while clock.now < until:
            clock.now += 0.5
            heartbeat.repeat()
        return len(told) - before

    assert repeats(10) == 20
    assert repeats(3_600) < 150
    heartbeat(FIRST)
    assert repeats(3_610) == 20

"""A worker asks for its successor once, after its last request, and only the supervisor that started it."""

import os
import signal

import pytest

from core.process_tree import LAUNCHER_PID
from serving.supervisor import WorkerLife


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda process_id, number: signals.append((process_id, number)))
    monkeypatch.setenv(LAUNCHER_PID, str(os.getppid()))
    return signals


def test_successor_is_asked_for_once_at_the_last_request(sent: list[tuple[int, int]]) -> None:
    life = WorkerLife(max_requests=3, jitter=0)
    for _ in range(2):
        life.count_request()
    assert sent == []
    for _ in range(5):
        life.count_request()
    assert sent == [(os.getppid(), signal.SIGUSR1)]


def test_jitter_lets_a_worker_serve_a_little_longer(sent: list[tuple[int, int]]) -> None:
    life = WorkerLife(max_requests=2, jitter=5)
    life.count_request()
    assert sent == []
    for _ in range(6):
        life.count_request()
    assert len(sent) == 1


def test_worker_without_a_limit_or_without_our_supervisor_asks_nobody(
    sent: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    unlimited = WorkerLife(max_requests=0, jitter=7)
    for _ in range(50):
        unlimited.count_request()
    monkeypatch.setenv(LAUNCHER_PID, "1")
    WorkerLife(max_requests=1, jitter=0).count_request()
    assert sent == []

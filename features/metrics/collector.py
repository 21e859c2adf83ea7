"""Counts what this process does: requests by route and status, how long they took, answers of models.

`bootstrap` has every request recorded here; `features.metrics.service` shows it, together with the other processes'.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter, deque
from typing import Any, Final

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper ends of the histogram's classes in seconds; one more class takes what is longer."""
SAMPLES: Final = 1000
FIRST_ERROR_STATUS: Final = 400


class MetricsCollector:
    """See the module. Safe in any thread; recording costs a lock and a few additions."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._durations: dict[tuple[str, str], list[float]] = {}
        self._recent: deque[float] = deque(maxlen=SAMPLES)
        self._model_calls: Counter[tuple[str, str]] = Counter()
        self._unproven: Counter[str] = Counter()

    def record_request(self, endpoint: str, method: str, status_code: int, response_time: float) -> None:
        """One answered request. Args: endpoint: the route as the table spells it; response_time: in seconds."""
        place = bisect_left(BUCKETS, response_time)
        with self._lock:
            self._requests[endpoint, method, status_code] += 1
            classes = self._durations.setdefault((endpoint, method), [0.0] * (len(BUCKETS) + 2))
            classes[place] += 1
            classes[-1] += response_time
            self._recent.append(response_time)

    def record_model_call(self, kind: str, tokens: int) -> None:
        """One answer of a model, of this kind of call."""
        with self._lock:
            self._model_calls["calls", kind] += 1
            self._model_calls["tokens", kind] += tokens

    def record_unproven_answer(self, agent: str) -> None:
        """One text of this agent that was not shown because it states a figure that nothing returned."""
        with self._lock:
            self._unproven[agent] += 1

    def snapshot(self) -> dict[str, Any]:
        """Everything counted so far, as JSON. A route's durations end with their sum; `recent` is the last samples."""
        with self._lock:
            recent = list(self._recent)
            return {
                "requests": [[*key, count] for key, count in self._requests.items()],
                "durations": [[*key, list(classes)] for key, classes in self._durations.items()],
                "model_calls": [[*key, count] for key, count in self._model_calls.items()],
                "unproven_answers": dict(self._unproven),
                "recent": _summed(recent),
            }

    def get_stats(self) -> dict[str, Any]:
        """The figures of this process alone, see `stats_of`."""
        return stats_of([self.snapshot()])


def stats_of(snapshots: list[dict[str, Any]]) -> dict[str, Any]:
    """Requests, errors (status from 400 on), their share in percent; seconds of the last 1000 of each process."""
    counts = [(row[2], row[3]) for snapshot in snapshots for row in snapshot["requests"]]
    requests = sum(count for _status, count in counts)
    errors = sum(count for status, count in counts if status >= FIRST_ERROR_STATUS)
    recent = [snapshot["recent"] for snapshot in snapshots if snapshot["recent"]["count"]]
    samples = sum(each["count"] for each in recent)
    return {
        "request_count": requests,
        "error_count": errors,
        "error_rate": errors / requests * 100 if requests else 0,
        "avg_response_time": sum(each["sum"] for each in recent) / samples if samples else 0,
        "max_response_time": max((each["max"] for each in recent), default=0),
        "min_response_time": min((each["min"] for each in recent), default=0),
    }


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Both snapshots' counts in one, for processes that have ended; it has no recent samples."""
    requests: Counter[tuple[str, str, int]] = Counter()
    calls: Counter[tuple[str, str]] = Counter()
    unproven: Counter[str] = Counter()
    durations: dict[tuple[str, str], list[float]] = {}
    for snapshot in (one, other):
        requests.update({(row[0], row[1], row[2]): row[3] for row in snapshot["requests"]})
        calls.update({(row[0], row[1]): row[2] for row in snapshot["model_calls"]})
        unproven.update(snapshot.get("unproven_answers", {}))
        for route, method, classes in snapshot["durations"]:
            known = durations.get((route, method), [0.0] * len(classes))
            durations[route, method] = [a + b for a, b in zip(known, classes, strict=True)]
    return {
        "requests": [[*key, count] for key, count in requests.items()],
        "durations": [[*key, classes] for key, classes in durations.items()],
        "model_calls": [[*key, count] for key, count in calls.items()],
        "unproven_answers": dict(unproven),
        "recent": _summed([]),
    }


def _summed(samples: list[float]) -> dict[str, float]:
    return {
        "count": len(samples),
        "sum": sum(samples),
        "max": max(samples, default=0.0),
        "min": min(samples, default=0.0),
    }

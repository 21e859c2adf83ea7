"""kill -9 of the service while it writes: what it acknowledged is there afterwards, whole, once, and counted right.

Every kind of record is a writer: how one is written over HTTP, and how all of them are read back after the last
restart. A kind whose route is not served is reported without figures.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx

from .figures import Figure
from .service_process import ServiceProcess, databases, settings_of

KILLS = 20
WRITES = 1_000
THREADS = 3
"""Writers of each kind at the same time."""
_LONGEST_ROUND_SECONDS = 20.0
_BATCH = 3
_TURN = ("user", "assistant")
_MEMBERS = frozenset({"message_id", "timestamp", "role", "content", "metadata"})


@dataclass
class Found:
    """What is there after everything: texts once for each record that carries it, half records, and the count told."""

    texts: list[str]
    half: int
    is_count_right: bool


class Writer(Protocol):
    """One kind of record."""

    @property
    def name(self) -> str: ...

    def write(self, client: httpx.Client, text: str) -> bool | None:
        """Whether the service acknowledged it; None when it does not serve the route."""
        ...

    def read(self, client: httpx.Client) -> Found: ...


@dataclass
class Tally:
    """What happened to one kind."""

    acknowledged: list[str] = field(default_factory=list)
    refused: int = 0
    is_served: bool = True


class Messages:
    """Questions, each with its answer, in one conversation for every thread."""

    name = "messages"

    def __init__(self) -> None:
        self._conversations: dict[int, str] = {}
        self._lock = threading.Lock()

    def write(self, client: httpx.Client, text: str) -> bool | None:
        me = threading.get_ident()
        body = {"question": text, "user_id": "killed", "routing_mode": "chat_direct"}
        with self._lock:
            known = self._conversations.get(me)
        response = client.post("/api/v0/ask_agent", json={**body, "conversation_id": known} if known else body)
        if response.status_code != 200:
            return None if response.status_code == 404 else False
        with self._lock:
            self._conversations[me] = response.json()["data"]["conversation_id"]
        return True

    def read(self, client: httpx.Client) -> Found:
        listed = _data(client.get("/api/v0/user/killed/conversations/full", params={"conversation_limit": 10_000}))
        texts: list[str] = []
        half, is_count_right = 0, True
        for conversation in listed["conversations"]:
            messages = conversation["messages"]
            is_count_right &= int(conversation["meta"]["message_count"]) == len(messages)
            half += sum(set(message) != _MEMBERS for message in messages)
            pairs = itertools.pairwise(messages)
            texts += [one["content"] for one, next_one in pairs if (one["role"], next_one["role"]) == _TURN]
        return Found(texts, half, is_count_right)


class Feedback:
    """Opinions on answers."""

    name = "feedback"

    def write(self, client: httpx.Client, text: str) -> bool | None:
        body = {"question": text, "sql": "SELECT 1", "is_thumb_up": True, "user_id": "killed"}
        return _is_acknowledged(client.post("/api/v0/qa_feedback/add", json=body))

    def read(self, client: httpx.Client) -> Found:
        records, total = _records(client, "/api/v0/qa_feedback/query", {"sort_by": "id"})
        whole = [one for one in records if one["question"] and one["sql"] == "SELECT 1" and one["create_time"]]
        stats = _data(client.get("/api/v0/qa_feedback/stats"))
        is_count_right = total == len(records) == stats["total_feedback"]
        return Found([one["question"] for one in whole], len(records) - len(whole), is_count_right)


class Training:
    """Question and SQL pairs, several in one request; each of them is a record."""

    name = "training"

    def write(self, client: httpx.Client, text: str) -> bool | None:
        pairs = [
            {"training_data_type": "sql", "question": f"{text}.{number}", "sql": f"SELECT {number} AS n"}
            for number in range(_BATCH)
        ]
        return _is_acknowledged(client.post("/api/v0/training_data/create", json={"data": pairs}))

    def read(self, client: httpx.Client) -> Found:
        records, total = _records(client, "/api/v0/training_data/query", {"training_data_type": "sql"})
        mine = [str(one.get("question")) for one in records if one.get("question") and one.get("content")]
        counted = _data(client.get("/api/v0/training_data/stats"))["type_breakdown"]["sql"]
        batches = {text.rpartition(".")[0]: 0 for text in mine}
        for text in mine:
            batches[text.rpartition(".")[0]] += 1
        whole = [text for text, count in batches.items() for _ in range(count // _BATCH)]
        doubled = sum(count > _BATCH for count in batches.values())
        return Found(whole, len(records) - len(mine) + doubled, total == len(records) == counted)


def measure(*, kills: int = KILLS, writes: int = WRITES) -> list[Figure]:
    """`writes` of each kind, `kills` times interrupted at random moments."""
    writers: list[Writer] = [Messages(), Feedback(), Training()]
    tallies = {writer.name: Tally() for writer in writers}
    numbers: dict[str, Iterator[int]] = {writer.name: itertools.count() for writer in writers}
    with tempfile.TemporaryDirectory(prefix="citu-killed-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with databases(folder) as servers:
            limits = {"CONVERSATION_MAX_LENGTH": "100000", "USER_MAX_CONVERSATIONS": "10000"}
            service = ServiceProcess(folder, settings_of(servers, **limits))
            try:
                for done in range(kills):
                    service.start()
                    with _writing(service, writers, tallies, numbers):
                        _wait_for(tallies, writes * (done + 1) // (kills + 1))
                        time.sleep(random.uniform(0, 0.3))  # noqa: S311 - a moment, not a secret
                        service.kill()
                service.start()
                with _writing(service, writers, tallies, numbers):
                    _wait_for(tallies, writes)
                service.kill()
                service.start()
                return [figure for writer in writers for figure in _figures(service, writer, tallies[writer.name])]
            finally:
                service.stop()


def _wait_for(tallies: dict[str, Tally], count: int) -> None:
    """Until every kind that is served has so many acknowledged writes, but not for ever."""
    until = time.monotonic() + _LONGEST_ROUND_SECONDS
    while time.monotonic() < until:
        if all(len(tally.acknowledged) >= count or not tally.is_served for tally in tallies.values()):
            return
        time.sleep(0.005)


@contextlib.contextmanager
def _writing(
    service: ServiceProcess, writers: list[Writer], tallies: dict[str, Tally], numbers: dict[str, Iterator[int]]
) -> Iterator[None]:
    over = threading.Event()
    threads = [
        threading.Thread(target=_write, args=(service, writer, tallies[writer.name], numbers[writer.name], over))
        for writer in writers
        for _ in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _write(
    service: ServiceProcess, writer: Writer, tally: Tally, numbers: Iterator[int], over: threading.Event
) -> None:
    with service.client() as client:
        while not over.is_set() and tally.is_served:
            text = f"{writer.name} {next(numbers)}"
            try:
                outcome = writer.write(client, text)
            except (httpx.HTTPError, ValueError):
                return
            if outcome is None:
                tally.is_served = False
            elif outcome:
                tally.acknowledged.append(text)
            else:
                tally.refused += 1


def _figures(service: ServiceProcess, writer: Writer, tally: Tally) -> list[Figure]:
    name = f"killed_writes.{writer.name}"
    if not tally.is_served:
        return [Figure(f"{name}.acknowledged", None, "writes: the route is not served")]
    with service.client() as client:
        found = writer.read(client)
    acknowledged = set(tally.acknowledged)
    doubled = len(found.texts) - len(set(found.texts))
    return [
        Figure(f"{name}.acknowledged", len(acknowledged), "writes"),
        Figure(f"{name}.refused", tally.refused, "writes"),
        Figure(f"{name}.lost", len(acknowledged - set(found.texts)), "acknowledged writes", 0, "lower"),
        Figure(f"{name}.doubled", doubled, "writes", 0, "lower"),
        Figure(f"{name}.half", found.half, "records", 0, "lower"),
        Figure(f"{name}.counts_right", float(found.is_count_right), "1 when they are", 1),
    ]


def _is_acknowledged(response: httpx.Response) -> bool | None:
    return None if response.status_code in (404, 405) else response.status_code == 200


def _data(response: httpx.Response) -> dict[str, Any]:
    response.raise_for_status()
    data: dict[str, Any] = response.json()["data"]
    return data


def _records(client: httpx.Client, path: str, body: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
    records: list[dict[str, Any]] = []
    for page in itertools.count(1):
        data = _data(client.post(path, json={**body, "page": page, "page_size": 100}))
        records += data["records"]
        if not data["pagination"]["has_next"]:
            return records, int(data["pagination"]["total"])
    raise AssertionError("unreachable: pages end")

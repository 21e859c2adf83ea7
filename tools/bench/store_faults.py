"""PostgreSQL crashes under load, and its pools run dry: nothing acknowledged is lost, nobody waits long or for ever.

Both databases have a server of their own here, so that one can crash without the other. A crash is an immediate stop
(SIGQUIT to the postmaster); the servers' supervisor starts it again at the same address.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
from psycopg import sql

from core.embedded.layout import Layout
from core.embedded.postgres_server import postmaster_pid

from .figures import Figure
from .killed_writes import Feedback, Training, Writer
from .service_process import ServiceProcess, databases

POOL = 4
WAIT_SECONDS = 2.0
BACK_SECONDS = 2.0
_THREADS = 3
_BEFORE_SECONDS = 2.0
_AFTER_SECONDS = 4.0
_HELD_SECONDS = 5
_BUDGET = {"citu-platform": POOL, "citu-reader": POOL}
_SLACK_SECONDS = 0.3
_READ = {"sql": "SELECT COUNT(*) AS n FROM bench_rows"}
_REFUSED = (httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS)
_ENDLESS = {"sql": "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) AS n FROM r"}


@dataclass(frozen=True)
class Scene:
    """The service, and the two servers it stands on."""

    service: ServiceProcess
    platform_url: str
    business_url: str
    layouts: dict[str, Layout]

    def crash(self, side: str) -> None:
        """Immediate stop of the platform's or the business's PostgreSQL."""
        pid = postmaster_pid(self.layouts[side].pgdata)
        if pid is not None:
            os.kill(pid, signal.SIGQUIT)

    def url_of(self, side: str) -> str:
        return self.platform_url if side == "platform" else self.business_url


@contextlib.contextmanager
def _scene(**settings: str) -> Iterator[Scene]:
    with tempfile.TemporaryDirectory(prefix="citu-faults-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        folders = {side: folder / side for side in ("platform", "business")}
        for one in folders.values():
            one.mkdir(mode=0o755)
        with databases(folders["platform"]) as platform, databases(folders["business"]) as business:
            with psycopg.connect(business.business_owner_url) as connection:
                connection.execute("CREATE TABLE bench_rows AS SELECT generate_series(1, 100) AS n")
            urls = {
                "DATABASE_URL": platform.business_owner_url,
                "BUSINESS_DATABASE_URL": business.business_owner_url,
                "REDIS_URL": business.redis_url,
            }
            service = ServiceProcess(folder, {**urls, **settings})
            service.start()
            layouts = {side: Layout.of(one) for side, one in folders.items()}
            try:
                yield Scene(service, platform.business_owner_url, business.business_owner_url, layouts)
            finally:
                service.stop()


@dataclass
class Answers:
    """What one kind of request got, with the moments it was asked and answered."""

    name: str
    taken: list[tuple[float, float, int]] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)

    def bad(self, wanted: Callable[[float, float, int], bool]) -> int:
        return sum(wanted(*one) for one in self.taken if one[2] != 200)


def measure_crashes() -> list[Figure]:
    """Each database in turn, under writes of feedback and training data and under reads of business data."""
    with _scene() as scene:
        return [figure for side in ("platform", "business") for figure in _crash(scene, side)]


def _crash(scene: Scene, side: str) -> list[Figure]:
    writers: list[Writer] = [Feedback(), Training()]
    answers = [*(Answers(writer.name) for writer in writers), Answers("reads")]
    with _load(scene, writers, answers, side):
        time.sleep(_BEFORE_SECONDS)
        crashed = time.perf_counter()
        scene.crash(side)
        up = _wait_until_up(scene.url_of(side))
        time.sleep(_AFTER_SECONDS)
    touched = answers[2:] if side == "business" else answers[:2]
    spared = [one for one in answers if one not in touched]
    prefix = f"postgres_crash.{side}"
    lost = _lost(scene, writers, answers)
    return [
        Figure(f"{prefix}.answers", sum(len(one.taken) for one in answers), "answers"),
        Figure(f"{prefix}.down", round(up - crashed, 2), "s"),
        Figure(f"{prefix}.answers_503_meanwhile", sum(one.bad(lambda _a, _b, code: code == 503) for one in touched),
               "answers"),
        Figure(f"{prefix}.errors_of_other_kinds", sum(one.bad(lambda _a, _b, code: code != 503) for one in touched),
               "answers", _THREADS * len(touched), "lower"),
        Figure(f"{prefix}.errors_where_the_other_database_is_used", sum(one.bad(lambda *_: True) for one in spared),
               "answers", 0, "lower"),
        Figure(f"{prefix}.serving_again_after", _back(touched, up), "s after it is up", BACK_SECONDS, "lower"),
        Figure(f"{prefix}.errors_later", sum(one.bad(lambda asked, _b, _c: asked > up + BACK_SECONDS)
               for one in touched), "answers", 0, "lower"),
        Figure(f"{prefix}.slowest_answer", round(max(end - begin for one in answers for begin, end, _ in one.taken), 2),
               "s"),
        Figure(f"{prefix}.lost", lost, "acknowledged writes", 0, "lower"),
    ]  # fmt: skip


def _back(touched: list[Answers], up: float) -> float | None:
    """The later of the first good answers of each kind that were asked for after the crash was over, in seconds."""
    first = [min((end for begin, end, code in one.taken if code == 200 and end > up), default=None) for one in touched]
    return None if None in first else round(max(end - up for end in first if end is not None), 2)


def _lost(scene: Scene, writers: list[Writer], answers: list[Answers]) -> int:
    with scene.service.client() as client:
        return sum(
            len(set(one.acknowledged) - set(writer.read(client).texts))
            for writer, one in zip(writers, answers, strict=False)
        )


@contextlib.contextmanager
def _load(scene: Scene, writers: list[Writer], answers: list[Answers], tag: str) -> Iterator[None]:
    """`_THREADS` for each kind, until the block ends."""
    over = threading.Event()
    numbers = itertools.count()

    def write(writer: Writer, into: Answers) -> None:
        codes: list[int] = []
        with _noting(scene.service, codes) as client:
            while not over.is_set():
                text = f"{tag} {into.name} {next(numbers)}"
                begin = time.perf_counter()
                codes.clear()
                with contextlib.suppress(httpx.HTTPError, ValueError):
                    if writer.write(client, text):
                        into.acknowledged.append(text)
                into.taken.append((begin, time.perf_counter(), codes[-1] if codes else 0))

    def read(into: Answers) -> None:
        with scene.service.client() as client:
            while not over.is_set():
                begin, code = time.perf_counter(), 0
                with contextlib.suppress(httpx.HTTPError):
                    code = client.post("/api/v0/citu_run_sql", json=_READ).status_code
                into.taken.append((begin, time.perf_counter(), code))
                time.sleep(0.01)

    jobs = [(write, pair) for pair in zip(writers, answers, strict=False)]
    threads = [threading.Thread(target=job, args=pair) for job, pair in jobs for _ in range(_THREADS)]
    threads += [threading.Thread(target=read, args=(answers[-1],)) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def _noting(service: ServiceProcess, codes: list[int]) -> Iterator[httpx.Client]:
    """A client whose status codes go into a list."""
    with service.client() as client:
        client.event_hooks["response"].append(lambda response: codes.append(response.status_code))
        yield client


def _wait_until_up(url: str) -> float:
    """The moment the server takes connections again; first it must have gone."""
    is_gone = False
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with psycopg.connect(url, connect_timeout=2):
                if is_gone:
                    return time.perf_counter()
        except psycopg.OperationalError:
            is_gone = True
        time.sleep(0.005)
    raise RuntimeError("the server did not come back")


def measure_pools() -> list[Figure]:
    """Three times as many requests as connections: writes held up by a lock, reads that take long themselves."""
    settings = {
        "DB_POOL_SIZE": str(POOL),
        "BUSINESS_POOL_SIZE": str(POOL),
        "BUSINESS_POOL_SHARE": str(POOL),
        "SQL_STATEMENT_TIMEOUT": str(_HELD_SECONDS),
    }
    with _scene(**settings) as scene:
        add = "/api/v0/qa_feedback/add"
        verdict = {"question": "pool", "sql": "SELECT 1", "is_thumb_up": True}
        run = "/api/v0/citu_run_sql"
        with _locked(scene.platform_url, "qa_feedback"):
            platform = _crowd(scene, add, verdict)
        business = _crowd(scene, run, _ENDLESS)
        return [
            *_pool_figures(scene, "platform", platform, httpx.codes.OK, (add, verdict)),
            *_pool_figures(scene, "business", business, httpx.codes.INTERNAL_SERVER_ERROR, (run, _READ)),
        ]


@contextlib.contextmanager
def _locked(url: str, table: str) -> Iterator[None]:
    """The table closed to everybody for some seconds."""
    with psycopg.connect(url) as holder:
        holder.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(table)))
        timer = threading.Timer(_HELD_SECONDS, holder.rollback)
        timer.start()
        yield
        timer.join()


@dataclass
class Crowd:
    """Status and seconds of each answer, and the most connections by application meanwhile."""

    answers: list[tuple[int, float]]
    most: Counter[str]


def _crowd(scene: Scene, path: str, body: Mapping[str, object]) -> Crowd:
    most: Counter[str] = Counter()

    def ask(_number: int) -> tuple[int, float]:
        with scene.service.client() as client:
            begin = time.perf_counter()
            return client.post(path, json=body).status_code, time.perf_counter() - begin

    with ThreadPoolExecutor(3 * POOL) as threads:
        asked = [threads.submit(ask, number) for number in range(3 * POOL)]
        while not all(one.done() for one in asked):
            for url in (scene.platform_url, scene.business_url):
                most |= _connections(url)
            time.sleep(0.1)
        return Crowd([one.result() for one in asked], most)


def _pool_figures(
    scene: Scene, side: str, crowd: Crowd, held: int, again: tuple[str, Mapping[str, object]]
) -> list[Figure]:
    """`held` is how those end that had a connection; `again` is asked when all is over."""
    refused = [seconds for code, seconds in crowd.answers if code in _REFUSED]
    kept = [seconds for code, seconds in crowd.answers if code == held]
    over = sum(max(0, crowd.most[name] - size) for name, size in _BUDGET.items())
    with scene.service.client() as client:
        after = [client.post(again[0], json=again[1]).status_code for _ in range(3 * POOL)]
    prefix = f"pool_exhausted.{side}"
    waited = round(max(refused, default=0.0), 2)
    return [
        Figure(f"{prefix}.answers", len(crowd.answers), f"with {POOL} connections"),
        Figure(f"{prefix}.refused_as_busy", len(refused), "answers", 2 * POOL),
        Figure(f"{prefix}.other_failures", len(crowd.answers) - len(refused) - len(kept), "answers", 0, "lower"),
        Figure(f"{prefix}.longest_wait_for_a_refusal", waited, "s", WAIT_SECONDS + _SLACK_SECONDS, "lower"),
        Figure(f"{prefix}.longest_held", round(max(kept, default=0.0), 2), f"s of {_HELD_SECONDS} and slack",
               _HELD_SECONDS + 1.0, "lower"),
        Figure(f"{prefix}.connections_beyond_the_budget", over, f"of {sum(_BUDGET.values())}", 0, "lower"),
        Figure(f"{prefix}.failures_afterwards", sum(code != httpx.codes.OK for code in after), f"of {len(after)}", 0,
               "lower"),
    ]  # fmt: skip


def _connections(url: str) -> Counter[str]:
    """Open connections by application."""
    query = """SELECT application_name, count(*) FROM pg_stat_activity
               WHERE application_name LIKE 'citu%' GROUP BY application_name"""
    with psycopg.connect(url, autocommit=True) as connection:
        return Counter(dict(connection.execute(query).fetchall()))

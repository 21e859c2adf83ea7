"""A process that is killed while its query runs does not leave the query behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from core.sql_executor.reader_role import ensure_reader_role

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import sys
from core.sql_executor import ExecutionLimits, ReaderPool, SqlExecutor
from core.sql_guard import GuardPolicy, SqlGuard
executor = SqlExecutor(
    pool=ReaderPool(sys.argv[1]), guard=SqlGuard(GuardPolicy(relations=())), limits=ExecutionLimits(cost_ceiling=1e30)
)
executor.execute(
    "SELECT count(*) FROM generate_series(1, 90000) a, generate_series(1, 90000) b, generate_series(1, 9) c"
)
"""


def test_query_of_a_killed_process_ends(scratch_business_url: str, worker_name: str) -> None:
    role = f"citu_reader_killed_{worker_name}_{os.getpid()}"
    url = ensure_reader_role(scratch_business_url, role=role, password="killed", schemas=["public"])
    child = subprocess.Popen([sys.executable, "-c", CHILD, url], cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    with psycopg.connect(scratch_business_url, autocommit=True) as observer:
        wait_until(observer, role, running=1, seconds=30)
        child.kill()
        child.wait()
        wait_until(observer, role, running=0, seconds=15)
        observer.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


def wait_until(observer: psycopg.Connection[tuple[object, ...]], role: str, *, running: int, seconds: float) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND state = 'active'"
    deadline = time.monotonic() + seconds
    while True:
        row = observer.execute(query, (role,)).fetchone()
        if row and row[0] == running:
            return
        assert time.monotonic() < deadline, f"expected {running} running, found {row}"
        time.sleep(0.05)

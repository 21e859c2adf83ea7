"""The embedded PostgreSQL and Redis under everything that happens to processes: real servers, real signals."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import psycopg2
import pytest
import redis
import sqlalchemy

from common.errors import ConfigurationError
from core.embedded import ServerAddresses, acquire_servers, read_addresses
from core.embedded.account import server_account
from core.embedded.cluster import Cluster
from core.embedded.file_locks import FileLock
from core.embedded.layout import Layout
from core.embedded.programs import POSTGRES_WHEEL, REDIS_PROGRAM, Programs, find_programs, reachable_programs
from core.embedded.state_file import ServersState, read_state

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
IS_ROOT = os.geteuid() == 0
CLIENT = """
import json, logging, sys
from pathlib import Path
from core.embedded import acquire_servers
logging.disable()
with acquire_servers(Path(sys.argv[1]), progress=lambda text: print("progress", flush=True)):
    print("ready", flush=True)
    sys.stdin.read()
"""


def eventually(claim: Callable[[], object], *, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Client:
    """Another process with a lease, in a process group of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CLIENT, str(data_dir)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, word: str) -> Client:
        assert self.process.stdout is not None
        assert word in (line.strip() for line in self.process.stdout), f"the client never said {word}"
        return self

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
        with self.process:
            pass


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    layout = Layout.of(folder)
    yield folder
    state = read_state(layout.state_file)
    if state is not None:
        for pid in pids_of(state):
            assert eventually(lambda pid=pid: not is_running(pid)), "a process outlived its test"
    assert eventually(lambda: FileLock(layout.supervisor_lock).try_acquire() if layout.home.exists() else True)
    for place in (layout.home, layout.run_dir):
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def clients(data_dir: Path) -> Iterator[Callable[[], Client]]:
    made: list[Client] = []

    def make() -> Client:
        made.append(Client(data_dir))
        return made[-1]

    yield make
    for client in made:
        client.end()


def state_of(data_dir: Path) -> ServersState:
    state = read_state(Layout.of(data_dir).state_file)
    assert state is not None
    return state


def pids_of(state: ServersState) -> list[int]:
    marks = (state.supervisor, state.postgresql, state.redis)
    parents = [psutil.Process(mark.pid) for mark in marks if mark is not None and psutil.pid_exists(mark.pid)]
    return [process.pid for parent in parents for process in (parent, *parent.children(recursive=True))]


def passwords_of(addresses: ServerAddresses) -> set[str]:
    urls = (addresses.platform_url, addresses.business_owner_url, addresses.redis_url)
    return {str(urlsplit(url).password) for url in urls}


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def all_gone(pids: list[int]) -> bool:
    return eventually(lambda: not any(map(is_running, pids)))


def write(addresses: ServerAddresses) -> None:
    with psycopg.connect(addresses.business_owner_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    with redis.Redis.from_url(addresses.redis_url) as client:
        client.set("kept", "7")


def kept(addresses: ServerAddresses) -> tuple[object, object]:
    with psycopg.connect(addresses.business_owner_url) as connection:
        row = connection.execute("SELECT max(n) FROM kept").fetchone()
    with redis.Redis.from_url(addresses.redis_url) as client:
        return row and row[0], client.get("kept")


def is_kept(addresses: ServerAddresses) -> bool:
    with contextlib.suppress(psycopg.OperationalError, redis.ConnectionError):
        return kept(addresses) == (7, b"7")
    return False


def test_every_driver_connects_and_the_platform_role_is_no_superuser(data_dir: Path) -> None:
    with acquire_servers(data_dir) as lease:
        for url in (lease.addresses.platform_url, lease.addresses.business_owner_url):
            psycopg2.connect(url).close()
            for driver in ("psycopg", "psycopg2"):
                engine = sqlalchemy.create_engine(url.replace("postgresql:", f"postgresql+{driver}:"))
                with engine.connect() as connection:
                    assert connection.exec_driver_sql("SHOW timezone").scalar() == "UTC"
                engine.dispose()
        with psycopg.connect(lease.addresses.platform_url) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            assert connection.execute("SELECT '[1,2]'::vector <-> '[1,2]'").fetchone() == (0.0,)
            is_super = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
            assert connection.execute(is_super).fetchone() == (False,)
            connection.commit()
            connection.autocommit = True
            connection.execute("CREATE DATABASE scratch")
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                assert connection.execute(f"SHOW {name}").fetchone() == ("on",)
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        with psycopg.connect(lease.addresses.platform_url.replace("/citu_platform?", "/scratch?")) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            connection.execute("SELECT '[1]'::vector")
        with redis.Redis.from_url(lease.addresses.redis_url) as client:
            assert client.config_get("appendonly", "appendfsync") == {"appendonly": "yes", "appendfsync": "everysec"}
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(re.sub(r":[0-9a-f]+@", ":wrong@", lease.addresses.platform_url))
        _supervisor, *servers = pids_of(state_of(data_dir))
        lease.release(wait_seconds=20)
        assert not any(map(is_running, servers))


def test_servers_end_with_the_last_client_and_survive_ctrl_c_of_the_first(
    data_dir: Path, clients: Callable[[], Client]
) -> None:
    starter = clients().wait_for("ready")
    first = state_of(data_dir)
    assert os.getsid(first.supervisor.pid) != os.getsid(starter.process.pid)
    with acquire_servers(data_dir) as lease:
        assert state_of(data_dir) == first
        os.killpg(starter.process.pid, signal.SIGINT)
        starter.process.wait(10)
        time.sleep(1.5)
        write(lease.addresses)
        assert read_addresses(data_dir) == lease.addresses
        command = [sys.executable, "-m", "core.embedded.supervisor", "--status", "--data-dir", str(data_dir)]
        status = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
        assert json.loads(status)["postgresql"] == {"pid": first.postgresql.pid, "answering": True}  # type: ignore[union-attr]
        assert passwords_of(lease.addresses).isdisjoint(re.findall(r"\w+", status + repr(lease.addresses)))
        pids = pids_of(first)
    assert all_gone(pids)
    assert read_addresses(data_dir) is None
    assert subprocess.run(command, cwd=PROJECT, capture_output=True, check=False).returncode == 3


def test_four_starters_share_one_supervisor_and_kill_9_of_all_leaves_nothing_but_the_data(
    data_dir: Path, clients: Callable[[], Client]
) -> None:
    four = [clients() for _ in range(4)]
    for client in four:
        client.wait_for("ready")
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert len([line for line in commands if "core.embedded.supervisor" in line and str(data_dir) in line]) == 1
    state = state_of(data_dir)
    write(state.addresses)
    pids = pids_of(state)
    for client in four:
        client.end(signal.SIGKILL)
    assert all_gone(pids)
    with acquire_servers(data_dir) as lease:
        assert lease.addresses == state.addresses
        assert kept(lease.addresses) == (7, b"7")
        pids = pids_of(state_of(data_dir))
    assert all_gone(pids)


def test_killed_servers_answer_again_at_the_same_address(data_dir: Path) -> None:
    with acquire_servers(data_dir) as lease:
        write(lease.addresses)
        before = state_of(data_dir)
        assert before.postgresql is not None
        assert before.redis is not None

        def burn() -> None:
            with contextlib.suppress(psycopg.Error), psycopg.connect(lease.addresses.platform_url) as connection:
                connection.execute("SELECT count(*) FROM generate_series(1, 1e12::bigint) a WHERE sqrt(a) < 0")

        busy = threading.Thread(target=burn)
        busy.start()
        backends = psutil.Process(before.postgresql.pid)
        assert eventually(lambda: any("SELECT" in " ".join(child.cmdline()) for child in backends.children()))
        os.kill(before.postgresql.pid, signal.SIGKILL)
        os.kill(before.redis.pid, signal.SIGKILL)
        assert eventually(lambda: is_kept(lease.addresses))
        busy.join()
        assert eventually(lambda: state_of(data_dir).redis not in (None, before.redis))
        after = state_of(data_dir)
        assert after.supervisor == before.supervisor
        assert not is_running(before.postgresql.pid)
        pids = pids_of(after)
    assert all_gone(pids)


def test_servers_die_with_a_killed_supervisor_and_a_client_brings_them_back(data_dir: Path) -> None:
    with acquire_servers(data_dir) as lease:
        write(lease.addresses)
        pids = pids_of(state_of(data_dir))
        os.kill(state_of(data_dir).supervisor.pid, signal.SIGKILL)
        assert all_gone(pids)
        assert read_addresses(data_dir) is None
        assert lease.ensure() == lease.addresses
        assert kept(lease.addresses) == (7, b"7")
        pids = pids_of(state_of(data_dir))
        lease.watch(interval_seconds=0.1)
        os.kill(state_of(data_dir).supervisor.pid, signal.SIGKILL)
        assert all_gone(pids)
        assert eventually(lambda: read_addresses(data_dir) is not None)
        assert kept(lease.addresses) == (7, b"7")
        pids = pids_of(state_of(data_dir))
    assert all_gone(pids)


def test_a_starter_killed_while_starting_hands_over_to_the_next(data_dir: Path, clients: Callable[[], Client]) -> None:
    clients().wait_for("progress").end(signal.SIGKILL)
    with acquire_servers(data_dir) as lease:
        write(lease.addresses)
        pids = pids_of(state_of(data_dir))
    assert all_gone(pids)


def test_a_supervisor_that_comes_late_leaves_the_servers_to_the_first(data_dir: Path) -> None:
    layout = Layout.of(data_dir)
    layout.client_dir.mkdir(parents=True)
    command = [sys.executable, "-m", "core.embedded.supervisor", "--data-dir", str(data_dir)]
    with FileLock(layout.clients_lock, is_shared=True).acquire(deadline=0):
        two = [subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, start_new_session=True) for _ in range(2)]
        for process in two:
            with process:
                assert process.stdout is not None
                assert json.loads(process.stdout.readlines()[-1]) == {"ready": True}
        layout.state_file.unlink()
        assert eventually(lambda: read_addresses(data_dir)), "a deleted state file stays away"
        write(state_of(data_dir).addresses)
        pids = pids_of(state_of(data_dir))
    assert all_gone(pids)


def test_files_left_by_a_power_cut_do_not_stop_the_next_start(data_dir: Path) -> None:
    layout = Layout.of(data_dir)
    with acquire_servers(data_dir) as lease:
        write(lease.addresses)
        pids = pids_of(state_of(data_dir))
    assert all_gone(pids)
    account = server_account(layout.home, progress=print)
    switch = {"user": account.uid, "group": account.gid} if account.must_switch else {}
    with subprocess.Popen(["sleep", "60"], **switch) as other, contextlib.ExitStack() as at_end:  # type: ignore[call-overload]
        at_end.callback(other.kill)
        sockets = [layout.run_dir / name for name in (".s.PGSQL.5432", "redis.sock")]
        for path in sockets:
            with contextlib.chdir(layout.run_dir), socket.socket(socket.AF_UNIX) as dead:
                dead.bind(path.name)
        pid_text = f"{other.pid}\n{layout.pgdata}\n1\n5432\n{layout.run_dir}\n\n"
        for path in (layout.pgdata / "postmaster.pid", layout.run_dir / ".s.PGSQL.5432.lock"):
            path.write_text(pid_text)
            os.chown(path, *account.owner)
        layout.state_file.write_text('{"addresses": {"platform_url": "postg')
        (layout.client_dir / ".servers.json.0011.tmp").write_text("{")
        with (layout.redis_dir / "appendonly.aof").open("ab") as tail:
            tail.write(b"*3\r\n$3\r\nSET\r\n$4\r\nlost\r\n$10\r\nab")
        with acquire_servers(data_dir) as lease:
            assert kept(lease.addresses) == (7, b"7")
            assert list(layout.client_dir.glob(".*.tmp")) == []
            assert other.poll() is None, "a stranger with the pid in postmaster.pid was killed"
            pids = pids_of(state_of(data_dir))
        assert all_gone(pids)

    (layout.pgdata / "postmaster.pid").touch()
    layout.credentials_file.write_text('{"owner": "ab')
    with acquire_servers(data_dir) as lease:
        assert kept(lease.addresses) == (7, b"7")
        pids = pids_of(state_of(data_dir))
    assert all_gone(pids)


def test_a_broken_data_folder_is_named_in_one_sentence(data_dir: Path) -> None:
    layout = Layout.of(data_dir)
    with acquire_servers(data_dir):
        pids = pids_of(state_of(data_dir))
    assert all_gone(pids)
    version = layout.pgdata / "PG_VERSION"
    version.write_text("15\n")
    with pytest.raises(ConfigurationError, match="数据版本是 15，程序版本是 18"):
        acquire_servers(data_dir)
    version.unlink()
    with pytest.raises(ConfigurationError, match="缺少PG_VERSION文件"):
        acquire_servers(data_dir)
    version.write_text("18\n")
    (layout.pgdata / "global" / "pg_control").unlink()
    with pytest.raises(ConfigurationError, match=r"PostgreSQL 启动失败：.*(pg_control|could not)") as refusal:
        acquire_servers(data_dir)
    assert "\n" not in refusal.value.message
    assert "Traceback" not in layout.supervisor_log.read_text()


def test_deleting_the_data_directory_stops_the_servers(data_dir: Path) -> None:
    with acquire_servers(data_dir):
        pids = pids_of(state_of(data_dir))
        shutil.rmtree(data_dir)
        assert all_gone(pids)


@pytest.mark.skipif(not IS_ROOT, reason="only root's servers run as another account")
def test_programs_below_a_private_folder_are_copied_to_where_the_account_reaches_them() -> None:
    found = find_programs()
    with tempfile.TemporaryDirectory(prefix="citu-test-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        hidden = place / "hidden"
        hidden.mkdir(mode=0o700)
        for part in (f"{POSTGRES_WHEEL}/pginstall18", f"{POSTGRES_WHEEL}.libs"):
            shutil.copytree(found.postgres_site / part, hidden / part, symlinks=True)
        shutil.copy2(found.redis_server, hidden / REDIS_PROGRAM)
        account = server_account(place, progress=print)
        programs = Programs(postgres_site=hidden, redis_server=hidden / REDIS_PROGRAM)
        copied = reachable_programs(programs, account, progress=print, system_dir=place)
        assert all(account.can_reach(path) for path in copied.samples())
        assert not account.can_reach(programs.postgres)
        assert list(place.glob(".*.tmp")) == []
        steps: list[str] = []
        assert reachable_programs(programs, account, progress=steps.append, system_dir=place) == copied
        assert steps == []

        layout = Layout(data_dir=place, client_dir=place, home=place, run_dir=place / "run", mark="0" * 12)
        layout.postgres_dir.mkdir()
        os.chown(layout.postgres_dir, *account.owner)
        with FileLock(place / "lock").acquire(deadline=0) as lock:
            Cluster(layout=layout, programs=copied, account=account).create(lock_fd=lock.fd)
        assert (layout.pgdata / "PG_VERSION").read_text() == "18\n"

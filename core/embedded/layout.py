"""Which file of the embedded servers lies where. Called by every module of this package.

`data_dir/embedded` holds what belongs to clients and people: the state file, the clients' locks, the logs. `home` holds
what belongs to the servers. For an ordinary user both are the same folder; root's servers run as another account,
which cannot reach most project folders, so their home is `/var/lib/citu/<12 hex of sha256(real path of data_dir)>`.
A root-owned home has account-owned folders in it, so nothing root writes stands where the account could swap it for
a link.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from common import messages
from common.errors import ConfigurationError
from core.embedded.addresses import POSTGRES_PORT

SYSTEM_DIR = Path("/var/lib/citu")
# sun_path of sockaddr_un has 108 bytes with its final zero on Linux (man 7 unix) and 104 on macOS.
LONGEST_SOCKET_PATH_BYTES = 103
_SOCKET_NAME = f".s.PGSQL.{POSTGRES_PORT}"


@dataclass(frozen=True)
class Layout:
    """The paths of one data directory; creates nothing."""

    data_dir: Path
    client_dir: Path
    home: Path
    run_dir: Path
    mark: str

    @classmethod
    def of(cls, data_dir: Path, *, is_root: bool | None = None) -> Layout:
        """Args: data_dir: the service's data folder; is_root: as whom, None for the user of this process."""
        real = data_dir.expanduser().resolve()
        mark = hashlib.sha256(os.fsencode(real)).hexdigest()[:12]
        client_dir = real / "embedded"
        runs_as_root = os.geteuid() == 0 if is_root is None else is_root
        home = SYSTEM_DIR / mark if runs_as_root else client_dir
        return cls(data_dir=real, client_dir=client_dir, home=home, run_dir=_run_dir(home, mark), mark=mark)

    @property
    def state_file(self) -> Path:
        return self.client_dir / "servers.json"

    @property
    def start_lock(self) -> Path:
        return self.client_dir / "start.lock"

    @property
    def clients_lock(self) -> Path:
        return self.client_dir / "clients.lock"

    @property
    def supervisor_log(self) -> Path:
        return self.client_dir / "supervisor.log"

    @property
    def postgres_log(self) -> Path:
        return self.client_dir / "postgresql.log"

    @property
    def redis_log(self) -> Path:
        return self.client_dir / "redis.log"

    @property
    def supervisor_lock(self) -> Path:
        return self.home / "supervisor.lock"

    @property
    def credentials_file(self) -> Path:
        return self.home / "credentials.json"

    @property
    def hba_file(self) -> Path:
        return self.home / "pg_hba.conf"

    @property
    def postgres_dir(self) -> Path:
        """Owned by the servers' account; `data` in it is the cluster."""
        return self.home / "postgresql"

    @property
    def pgdata(self) -> Path:
        return self.postgres_dir / "data"

    @property
    def redis_dir(self) -> Path:
        """Owned by the servers' account; the append-only file is in it."""
        return self.home / "redis"

    @property
    def cluster_name(self) -> str:
        """What PostgreSQL shows in the titles of its processes."""
        return f"citu-{self.mark}"


def _run_dir(home: Path, mark: str) -> Path:
    candidates = (home / "run", Path(f"/tmp/citu-{os.geteuid()}-{mark}"))  # noqa: S108 - made 0700 and checked
    for candidate in candidates:
        if len(os.fsencode(candidate / _SOCKET_NAME)) <= LONGEST_SOCKET_PATH_BYTES:
            return candidate
    raise ConfigurationError(messages.EMBEDDED_SOCKET_PATH_TOO_LONG.format(folder=home))


def make_private_folder(folder: Path, *, owner: tuple[int, int] | None = None) -> None:
    """Make sure `folder` is a real folder of mode 0700 that belongs to `owner` (uid, gid; None: this process).

    Raises:
        PermissionError: something else than our own folder stands at that name.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    uid, gid = owner or (os.geteuid(), os.getegid())
    if not folder.is_dir() or folder.is_symlink() or found.st_uid not in {uid, os.geteuid()}:
        raise PermissionError(f"{folder} is not our own folder")
    if found.st_uid != uid:
        os.chown(folder, uid, gid, follow_symlinks=False)
    if found.st_mode & 0o777 != 0o700:
        folder.chmod(0o700)

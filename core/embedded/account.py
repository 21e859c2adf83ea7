"""The unprivileged account root's servers run as; an ordinary user's servers run as that user.

Called by the supervisor before it starts anything.
"""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common import messages
from common.errors import ConfigurationError

ACCOUNT_NAME = "citu-postgres"
_EXISTING_ACCOUNTS = ("postgres", "nobody")
_NEW_ACCOUNT = (
    *("--system", "--user-group", "--no-create-home"),
    *("--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"),
)

logger = logging.getLogger("app.embedded")


@dataclass(frozen=True)
class Account:
    """Who the servers run as; `must_switch` when that is not the user of this process."""

    name: str
    uid: int
    gid: int
    must_switch: bool

    @property
    def owner(self) -> tuple[int, int]:
        return self.uid, self.gid

    def can_reach(self, path: Path) -> bool:
        """True when the permission bits let this account read `path` (execute what is executable or a folder)."""
        if not self.must_switch:
            return True
        real = path.resolve()
        needs = [(folder, 0o1) for folder in real.parents]
        mode = real.stat().st_mode
        needs.append((real, 0o5 if stat.S_ISDIR(mode) or mode & 0o111 else 0o4))
        return all(self._is_granted(place, bits) for place, bits in needs)

    def _is_granted(self, path: Path, bits: int) -> bool:
        found = path.stat()
        shift = 6 if found.st_uid == self.uid else 3 if found.st_gid == self.gid else 0
        return (found.st_mode >> shift) & bits == bits


def server_account(home: Path, *, progress: Callable[[str], None]) -> Account:
    """The account for the servers whose files lie in `home`; creates the system account when root needs one.

    Raises:
        ConfigurationError: this is root and there is no account to use.
    """
    uid = os.geteuid()
    if uid != 0:
        return Account(name=str(uid), uid=uid, gid=os.getegid(), must_switch=False)
    entry = _owner_of_existing_data(home) or _find(ACCOUNT_NAME) or _create(progress) or _existing()
    if entry is None:
        logger.error("no unprivileged account: useradd is missing or failed, and none of %s exists", _EXISTING_ACCOUNTS)
        raise ConfigurationError(messages.EMBEDDED_NO_ACCOUNT.format(account=ACCOUNT_NAME))
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, must_switch=True)


def _owner_of_existing_data(home: Path) -> pwd.struct_passwd | None:
    try:
        entry = pwd.getpwuid((home / "postgresql").stat().st_uid)
    except (OSError, KeyError):
        return None
    return entry if entry.pw_uid != 0 else None


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return entry if entry.pw_uid != 0 else None


def _create(progress: Callable[[str], None]) -> pwd.struct_passwd | None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return None
    progress(messages.EMBEDDED_CREATING_ACCOUNT.format(account=ACCOUNT_NAME))
    done = subprocess.run(
        [useradd, *_NEW_ACCOUNT, ACCOUNT_NAME],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    entry = _find(ACCOUNT_NAME)
    if entry is None:
        logger.warning("useradd ended with %s: %s", done.returncode, done.stderr.strip())
    return entry


def _existing() -> pwd.struct_passwd | None:
    return next((entry for name in _EXISTING_ACCOUNTS if (entry := _find(name))), None)

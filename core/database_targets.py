"""Decides which PostgreSQL a request may name, and fixes the address that is connected to.

A request may name the configured database, by its own address, or a host the operator listed. What it gives is parsed
by libpq itself, so that nobody reads it differently; a host is resolved once, every address of it is checked, and the
connection goes to the address checked (`hostaddr`), so that a name cannot point elsewhere a moment later. Cloud
metadata and link-local addresses are never connected to, listed or not.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Timer
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from common.errors import BadRequestError, ConfigurationError, ForbiddenError
from common.messages import database_tools as texts
from core.sql_executor.reader_connection import ReaderConnection
from core.sql_executor.reader_pool import libpq_url

PARAMETER: Final = "db_connection"
LONGEST_URL: Final = 2_000
DEFAULT_PORT: Final = "5432"
CONNECT_SECONDS: Final = 3
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SCHEME: Final = re.compile(r"postgres(ql)?://")
_KNOWN_PARTS: Final = frozenset({"host", "port", "user", "password", "dbname", "sslmode"})
_LOGIN: Final = ("user", "password")
_SSL_MODES: Final = frozenset({"disable", "allow", "prefer", "require"})
_LABEL: Final = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_NUMBER_LIKE: Final = re.compile(r"(0x[0-9a-f]*|\d+)")
_PORT: Final = re.compile(r"[1-9]\d{0,4}")
_NEVER: Final = tuple(
    map(
        ip_network,
        ("169.254.0.0/16", "100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32", "fd00:ec2::/32", "fe80::/10"),
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_NO_FILE: Final = "/nonexistent"
_HARDENED: Final = {
    "connect_timeout": str(CONNECT_SECONDS),
    "passfile": _NO_FILE,
    "sslcertmode": "disable",
    "gssencmode": "disable",
    "application_name": "citu-database-tools",
    "client_encoding": "utf8",
}
_CONFIGURED_EXTRAS: Final = {
    name: _HARDENED[name] for name in ("connect_timeout", "application_name", "client_encoding")
}

Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True)
class DatabaseTarget:
    """A database that may be connected to.

    Attributes:
        parameters: libpq's, address and login included; never shown.
        database: its name, which answers may show.
        is_configured: whether it is the configured one.
    """

    parameters: Mapping[str, str] = field(repr=False)
    database: str
    is_configured: bool = True


@dataclass(frozen=True)
class _Allowed:
    """One row of the operator's list: a host or a network, and a port when not every port."""

    host: str = ""
    network: Network | None = None
    port: str = ""

    def fits_port(self, port: str) -> bool:
        return self.port in ("", port)


class DatabaseTargets:
    """Which database a request may name. Threads share it.

    Args:
        configured_url: address of the database that is used when a request names none.
        allowed: further hosts, `host`, `host:port`, `[address]:port`, or networks such as `10.1.0.0/16`.
        resolve: addresses of a host name; the system's resolver by default.

    Raises:
        ConfigurationError: an entry of `allowed` is none of these.
    """

    def __init__(
        self, *, configured_url: Callable[[], str], allowed: Sequence[str] = (), resolve: Resolve | None = None
    ) -> None:
        self._configured_url = configured_url
        self._allowed = tuple(_entry(text.strip().lower()) for text in allowed if text.strip())
        self._resolve = resolve or _system_resolver

    def target(self, url: str | None = None) -> DatabaseTarget:
        """The database a request asks for; None or an empty text is the configured one.

        Raises:
            BadRequestError: `url` is no plain PostgreSQL URL.
            ForbiddenError: it leads to a database nobody allowed.
        """
        configured = {name: str(value) for name, value in conninfo_to_dict(libpq_url(self._configured_url())).items()}
        if not url:
            return DatabaseTarget({**configured, **_CONFIGURED_EXTRAS}, configured.get("dbname", ""))
        given = _parsed(url)
        if _place(given) == _place(configured):
            own = dict(configured)
            if "user" in given:
                own = {name: value for name, value in configured.items() if name not in _LOGIN}
                own |= {name: value for name, value in given.items() if name in _LOGIN}
            return DatabaseTarget({**own, "passfile": _NO_FILE, **_CONFIGURED_EXTRAS}, given["dbname"])
        _require_plain(given)
        address = self._checked_address(given["host"].lower(), given.get("port", DEFAULT_PORT))
        return DatabaseTarget({**given, **_HARDENED, "hostaddr": str(address)}, given["dbname"], is_configured=False)

    def _checked_address(self, host: str, port: str) -> Address:
        rows = [row for row in self._allowed if row.fits_port(port)]
        named = any(row.host == host for row in rows)
        networks = [row.network for row in rows if row.network is not None]
        literal = _literal(host)
        if not named and not networks:
            raise ForbiddenError(texts.ADDRESS_NOT_ALLOWED)
        found = [literal] if literal is not None else [ip_address(text) for text in self._resolve(host, int(port))]
        is_free_name = named and (literal is not None or host == "localhost")
        for address in found:
            reached = _reached(address)
            in_network = any(reached in network for network in networks)
            is_near = reached.is_loopback or reached.is_unspecified or reached.is_multicast
            if any(reached in never for never in _NEVER) or not (in_network or named):
                raise ForbiddenError(texts.ADDRESS_NOT_ALLOWED)
            if is_near and not (in_network or (is_free_name and reached.is_loopback)):
                raise ForbiddenError(texts.ADDRESS_NOT_ALLOWED)
        if not found:
            raise ForbiddenError(texts.ADDRESS_NOT_ALLOWED)
        return found[0]


@contextmanager
def connected(target: DatabaseTarget, *, seconds: float) -> Iterator[ReaderConnection]:
    """A connection of its own in autocommit mode, closed at the end and cut after `seconds`, whatever the server does.

    Raises:
        psycopg.Error: it cannot be reached, refuses the login, or was cut.
    """
    with ReaderConnection.connect(**_options(target), autocommit=True, prepare_threshold=None) as connection:
        timer = Timer(seconds, _cut, [connection])
        timer.daemon = True
        timer.start()
        try:
            yield connection
        finally:
            timer.cancel()


def reason_of(error: psycopg.Error) -> str:
    """Why a database did not do what it was asked, in a text without its address, login or own words."""
    state = error.sqlstate or ""
    sentence = str(error)
    if state == "3D000" or (not state and "does not exist" in sentence and "database" in sentence):
        return texts.DATABASE_MISSING
    if state.startswith("28") or (not state and ("authentication" in sentence or "role" in sentence)):
        return texts.LOGIN_REFUSED
    if state == "57014":
        return texts.DATABASE_TOO_SLOW
    if not state or state.startswith(("08", "57P")):
        return texts.DATABASE_UNREACHABLE
    return texts.DATABASE_REFUSED.format(sqlstate=state)


def _options(target: DatabaseTarget) -> dict[str, Any]:
    return dict(target.parameters)


def _cut(connection: ReaderConnection) -> None:
    try:
        with socket.socket(fileno=os.dup(connection.fileno())) as copy:
            copy.shutdown(socket.SHUT_RDWR)
    except (OSError, psycopg.Error):
        return


def _invalid() -> BadRequestError:
    return BadRequestError(texts.ADDRESS_INVALID, invalid_params=[PARAMETER])


def _parsed(url: str) -> dict[str, str]:
    if len(url) > LONGEST_URL or not url.isprintable() or not _SCHEME.match(url):
        raise _invalid()
    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except psycopg.Error:
        raise _invalid() from None
    if not all(value.isprintable() for value in parts.values()):
        raise _invalid()
    if not parts.keys() <= _KNOWN_PARTS or parts.get("sslmode", "prefer") not in _SSL_MODES:
        raise _invalid()
    if not parts.get("dbname") or not parts.get("host"):
        raise _invalid()
    return parts


def _place(parts: Mapping[str, str]) -> tuple[str, str, str]:
    return parts.get("host", "").lower(), parts.get("port") or DEFAULT_PORT, parts.get("dbname", "")


def _require_plain(parts: Mapping[str, str]) -> None:
    """One TCP host under one name, with a login of its own."""
    host, port, database = parts["host"].lower(), parts.get("port", DEFAULT_PORT), parts["dbname"]
    is_host = _literal(host) is not None or (_HOST_NAME.fullmatch(host) is not None and len(host) <= 253)
    looks_like_number = _literal(host) is None and _NUMBER_LIKE.fullmatch(host.rpartition(".")[2]) is not None
    is_port = _PORT.fullmatch(port) is not None and int(port) <= 65_535
    is_database = "=" not in database and "://" not in database
    if not is_host or looks_like_number or not is_port or not is_database or not parts.get("user"):
        raise _invalid()


def _literal(host: str) -> Address | None:
    """The address `host` is written as, in the one usual spelling; None when it is a name or an unusual spelling."""
    try:
        return ip_address(host) if "%" not in host else None
    except ValueError:
        return None


def _reached(address: Address) -> Address:
    """Where packets to `address` end up: IPv4 inside of IPv6 is that IPv4 address."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _system_resolver(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def _entry(text: str) -> _Allowed:
    try:
        if "/" in text:
            return _Allowed(network=ip_network(text, strict=False))
        literal = _literal(text)
        if literal is not None:
            return _Allowed(host=str(literal))
        host, mark, port = text.rpartition(":")
        if not mark:
            host, port = text, ""
        host = host.removeprefix("[").removesuffix("]")
        if (_literal(host) or _HOST_NAME.fullmatch(host)) and (not mark or _PORT.fullmatch(port)):
            return _Allowed(host=host, port=port)
    except ValueError:
        pass
    raise ConfigurationError(texts.ALLOWED_LIST_WRONG.format(entry=text))

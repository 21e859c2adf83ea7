"""Which database a task may be about: the configured business database, or one the operator allowed.

A password given in a request is used for nothing and kept nowhere: the configured database is reached with the
configured login, a listed one with the login named and the password file of the worker (libpq's `~/.pgpass`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from common.errors import BadRequestError
from common.messages import pipeline_tasks as texts
from common.secret_masking import MASK
from core.database_targets import DatabaseTargets

_SCHEMES: Final = frozenset({"postgresql", "postgres"})
_DEFAULT_PORT: Final = 5432
_FIXED: Final = ("hostaddr", "connect_timeout", "sslcertmode", "gssencmode")


@dataclass(frozen=True)
class BusinessTarget:
    """A database as a task remembers it.

    Attributes:
        shown: the address without its password.
        name: the database's name, for labels and file names.
        is_configured: whether it is the configured business database.
    """

    shown: str
    name: str
    is_configured: bool


@dataclass(frozen=True)
class _Address:
    host: str
    port: int
    name: str
    user: str
    has_password: bool


class BusinessTargets:
    """Args:
    configured: address of the configured business database; targets: which others requests may name.
    """

    def __init__(self, *, configured: Callable[[], str], targets: DatabaseTargets) -> None:
        self._configured = configured
        self._targets = targets

    def configured(self) -> BusinessTarget:
        """The configured business database."""
        address = _address(self._configured())
        return BusinessTarget(_masked_url(address), address.name, is_configured=True)

    def of_request(self, url: str | None) -> BusinessTarget:
        """The database a request names; the configured one when it names none.

        Raises:
            BadRequestError: not the address of a PostgreSQL database.
            ForbiddenError: neither the configured one nor one the operator allowed.
        """
        if not url:
            return self.configured()
        given, own = _address(url), _address(self._configured())
        if (given.host, given.port, given.name) == (own.host, own.port, own.name):
            return BusinessTarget(_masked_url(given), given.name, is_configured=True)
        self._targets.target(_reachable(given))
        return BusinessTarget(_masked_url(given), given.name, is_configured=False)

    def url_of(self, shown: str) -> str | None:
        """How to reach the database of a stored task, at the address that was checked; None for the configured one.

        Raises:
            BadRequestError, ForbiddenError: it is not allowed any more.
        """
        if self.of_request(shown).is_configured:
            return None
        url = _reachable(_address(shown))
        checked = self._targets.target(url).parameters
        fixed = {name: checked[name] for name in _FIXED if name in checked}
        return f"{url}?{urlencode(fixed)}"


def _address(url: str) -> _Address:
    """The parts that decide where a URL leads; every other parameter is dropped.

    Raises:
        BadRequestError: it has more than one host, or is no such URL.
    """
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query.replace("+", "%2B").replace("?", "&")))
        host = (options.get("host") or unquote(parts.hostname or "")).lower()
        port = int(options.get("port") or parts.port or _DEFAULT_PORT)
        user = unquote(parts.username or "")
    except ValueError as error:
        raise BadRequestError(texts.CONNECTION_WRONG, invalid_params=["db_connection"]) from error
    name = unquote(parts.path.removeprefix("/"))
    is_odd = "hostaddr" in options or "service" in options or "," in host or "\\" in url or not _is_plain(parts, url)
    if parts.scheme not in _SCHEMES or is_odd or not name or "/" in name:
        raise BadRequestError(texts.CONNECTION_WRONG, invalid_params=["db_connection"])
    return _Address(host, port, name, user, parts.password is not None)


def _is_plain(parts: SplitResult, url: str) -> bool:
    return parts.fragment == "" and all(character.isprintable() and not character.isspace() for character in url)


def _reachable(address: _Address) -> str:
    """Its URL without a password."""
    login = f"{quote(address.user, safe='')}@" if address.user else ""
    host = f"[{address.host}]" if ":" in address.host else quote(address.host, safe="")
    return f"postgresql://{login}{host}:{address.port}/{quote(address.name, safe='')}"


def _masked_url(address: _Address) -> str:
    login = quote(address.user, safe="") + (f":{MASK}" if address.has_password else "")
    login = f"{login}@" if login else ""
    if address.host.startswith("/"):
        return f"postgresql://{login}/{quote(address.name, safe='')}?host={quote(address.host)}&port={address.port}"
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"postgresql://{login}{host}:{address.port}/{quote(address.name, safe='')}"

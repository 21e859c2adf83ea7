"""Where the service listens, and what is to be warned of when others can reach it there."""

from __future__ import annotations

import os
from ipaddress import ip_address
from typing import Final

from common import messages
from common.config_service import ConfigService
from common.errors import ConfigurationError
from web.request_source import host_name, is_loopback

LOOPBACK_HOST: Final = "127.0.0.1"
_DEFAULT_HOST: Final = "CITU_DEFAULT_HOST"
_BOUND_HOST: Final = "CITU_BOUND_HOST"


def wanted_host(settings: ConfigService) -> str:
    """HOST, or where nobody set it what the command that started this process prefers (`make run-legacy`: loopback)."""
    host: str = settings.get("HOST")
    return host if settings.is_set("HOST") else os.environ.get(_DEFAULT_HOST) or host


def announce_host(host: str) -> None:
    """Let this process and the workers it starts know the address that a launcher binds."""
    os.environ[_BOUND_HOST] = host


def is_announced() -> bool:
    """Whether a launcher has already reported where it listens, with the warning that belongs to it."""
    return _BOUND_HOST in os.environ


def bound_host(settings: ConfigService) -> str:
    """The address this process listens on: what its launcher announced, otherwise the one it would bind by itself."""
    return os.environ.get(_BOUND_HOST) or wanted_host(settings)


def demand_admin_token(settings: ConfigService) -> None:
    """
    Raises:
        ConfigurationError: REQUIRE_ADMIN_TOKEN is set and ADMIN_TOKEN is not.
    """
    if settings.get("REQUIRE_ADMIN_TOKEN") and not settings.get("ADMIN_TOKEN"):
        raise ConfigurationError(messages.ADMIN_IS_DEMANDED)


def exposure_warning(settings: ConfigService, host: str | None = None) -> str | None:
    """One sentence when others can reach `host`, by default the bound one, and there is no token; None otherwise."""
    listening = bound_host(settings) if host is None else host
    if settings.get("ADMIN_TOKEN") or is_loopback(host_name(listening)):
        return None
    return messages.EXPOSED_WITHOUT_ADMIN.format(host=listening)


def open_hosts_warning(settings: ConfigService, host: str | None = None) -> str | None:
    """One sentence when the service listens on all addresses and answers under any name; None otherwise.

    Then a page whose name is made to point here (DNS rebinding) is answered like the service's own.
    """
    listening = bound_host(settings) if host is None else host
    if settings.get("ALLOWED_HOSTS") or not is_every_address(listening):
        return None
    return messages.EXPOSED_TO_ANY_HOST.format(host=listening or "*")


def exposure_warnings(settings: ConfigService, host: str | None = None) -> list[str]:
    """All of the above that apply, for whoever reports where the service listens."""
    found = (exposure_warning(settings, host), open_hosts_warning(settings, host))
    return [warning for warning in found if warning]


def is_every_address(host: str) -> bool:
    """Whether a server bound there listens on all addresses of the machine: `0.0.0.0`, `::` or nothing."""
    try:
        return not host or ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return False

"""Whose training records are used unseen: `TRAINING_TRUST`, and what follows from it for one request."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final

from common.errors import ForbiddenError
from common.messages import training_data as texts
from core.vector_store.origin import Standing
from web.access import Administrators

AUTOMATIC: Final = "auto"
_OUTSIDE: Final = ("192.0.2.1", 9)
"""An address of documentation networks: a datagram socket that names it shows the own address, nothing is sent."""


class TrainingTrust:
    """See the module.

    Args:
        mode: `anyone`, `reviewed` or `admin`.
        administrators: whoever bears the token is proved to be one; a loopback address alone is an anonymous caller.
    """

    def __init__(self, mode: str, administrators: Administrators) -> None:
        self.mode = mode
        self._administrators = administrators

    def standing_of(self, request: Any) -> Standing:
        """What the records of a web request's caller may.

        Raises:
            ForbiddenError: only administrators may train, and the caller is none; or its token is wrong.
            RateLimitedError: its address has sent too many wrong tokens.
        """
        standing = self.run_standing_of(request)
        if standing is None:
            raise ForbiddenError(texts.TRAINING_FORBIDDEN)
        return Standing.VOUCHED if self._administrators.is_proved(request) else standing

    def run_standing_of(self, request: Any) -> Standing | None:
        """What the records of a pipeline run may that the caller starts; None when he may train nothing.

        Nobody has read what a pipeline writes, so not even an administrator vouches for it.

        Raises:
            AdminTokenError: the caller bears a token, a wrong one.
            RateLimitedError: its address has sent too many wrong tokens.
        """
        self._administrators.refuse_wrong_token(request)
        if self.mode == "admin" and not self._administrators.is_administrator(request):
            return None
        return (
            Standing.WAITING
            if self.mode == "reviewed" and not self._administrators.is_proved(request)
            else Standing.OPEN
        )

    def demand_change(self, request: Any) -> None:
        """Let a caller change a verdict that somebody else may have given, or raise.

        Whoever can be told apart from others nowhere can change what anybody wrote, as the historical service let
        them; where anonymous records wait for review, a change asks for the right that deleting asks for.

        Raises:
            ForbiddenError: not everybody may, and the caller is no administrator; or its token is wrong.
            RateLimitedError: its address has sent too many wrong tokens.
        """
        self._administrators.refuse_wrong_token(request)
        if self.mode != "anyone":
            self._administrators.demand(request)

    @property
    def automatic_standing(self) -> Standing | None:
        """What records may that follow from anybody's question; None when none are made."""
        standings = {"anyone": Standing.OPEN, "reviewed": Standing.WAITING}
        return standings.get(self.mode)


def trust_mode(setting: str, host: str, own_address: Callable[[], str] | None = None) -> str:
    """The mode a setting stands for; `auto` is `reviewed` where the service listens on a public address.

    Args:
        host: the address the service binds. A name, a private address and a loopback one are not public; all
            interfaces are when the machine itself has a public address.
        own_address: the machine's address towards other networks, empty when it has none.
    """
    if setting != AUTOMATIC:
        return setting
    try:
        address = ip_address(host)
        if address.is_unspecified:
            address = ip_address((own_address or outgoing_address)())
    except ValueError:
        return "anyone"
    return "reviewed" if address.is_global else "anyone"


def outgoing_address() -> str:
    """The IPv4 address this machine has towards other networks; empty when there is no way out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_OUTSIDE)
        except OSError:
            return ""
        return str(probe.getsockname()[0])

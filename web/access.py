"""Who may call a route: public ones anybody, admin ones the bearer of ADMIN_TOKEN or, without one, loopback only."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from flask import Request

from common import messages
from common.errors import ForbiddenError
from features.access import Access


def authorise(access: Access, request: Request, admin_token: str) -> None:
    """Let the request pass or raise.

    Raises:
        ForbiddenError: an admin route and the caller is not one.
    """
    if access is Access.PUBLIC:
        return
    is_admin = _bears(request, admin_token) if admin_token else _is_loopback(request)
    if not is_admin:
        raise ForbiddenError(messages.ADMIN_ONLY)


def _bears(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def _is_loopback(request: Request) -> bool:
    """The peer's own address; a forwarded one is never believed here."""
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False

"""Who may call a route: public ones anybody, admin ones the bearer of ADMIN_TOKEN or, without one, this machine."""

from __future__ import annotations

import hmac

from flask import Request

from common import messages
from common.errors import ForbiddenError
from features.access import Access
from web.request_source import RequestSource


def authorise(access: Access, request: Request, admin_token: str) -> None:
    """Let the request pass or raise.

    Without a token, the administrator is whoever calls from this machine, directly and by a local name; a web page is
    that only when it came from the service itself.

    Raises:
        ForbiddenError: an admin route and the caller is not one.
    """
    if access is Access.PUBLIC:
        return
    is_admin = bears_token(request, admin_token) if admin_token else RequestSource.of(request.environ).is_this_machine()
    if not is_admin:
        raise ForbiddenError(messages.ADMIN_ONLY)


def bears_token(request: Request, token: str) -> bool:
    """Whether the request's `Authorization` header carries this bearer token."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())

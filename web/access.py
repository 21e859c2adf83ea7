"""Who is an administrator: the bearer of ADMIN_TOKEN or, without one, this machine. Wrong tokens are counted."""

from __future__ import annotations

import hmac

from flask import Request

from common import messages
from common.errors import AdminTokenError, ForbiddenError
from core.token_bucket import Limit, TokenBuckets
from web.rate_limits import refuse
from web.request_source import RequestSource


class Administrators:
    """Tells administrators from others; safe in any thread."""

    def __init__(self, token: str, buckets: TokenBuckets, attempts: Limit) -> None:
        """Args: attempts: wrong tokens that one address may send; it has to wait after that, with the right one too."""
        self._token = token.encode()
        self._buckets = buckets
        self._attempts = attempts

    def demand(self, request: Request) -> None:
        """Let the request of an administrator pass, or raise.

        Raises:
            ForbiddenError: the caller is none; `AdminTokenError` when it bears a wrong token.
            RateLimitedError: its address has sent too many wrong tokens.
        """
        self.refuse_wrong_token(request)
        if not self.is_administrator(request):
            raise ForbiddenError(messages.ADMIN_ONLY)

    def refuse_wrong_token(self, request: Request) -> None:
        """Refuse a request that bears a wrong token; one without any, or while none is set, passes.

        Every public route on which a token changes what happens asks this first: whoever sends one means to be an
        administrator and is not served as an anonymous caller without a word.

        Raises:
            AdminTokenError: the token is wrong.
            RateLimitedError: its address has sent too many wrong tokens.
        """
        if not self._token or _bearer(request) is None:
            return
        source = RequestSource.of(request.environ)
        wait = self._buckets.look(self._bucket(source))
        if wait > 0:
            refuse(wait, f"admin token of {source.address}")
        if not self.is_proved(request):
            raise AdminTokenError(messages.ADMIN_CREDENTIAL_WRONG)

    def is_administrator(self, request: Request) -> bool:
        """Whether the caller may what administrators may.

        Without a token, the administrator is whoever calls from this machine, directly and by a local name; a web page
        is that only when it came from the service itself.
        """
        return self.is_proved(request) if self._token else RequestSource.of(request.environ).is_this_machine()

    def is_proved(self, request: Request) -> bool:
        """Whether the caller bears the token; never while none is set or its address has sent too many wrong ones."""
        given = _bearer(request)
        if not self._token or given is None:
            return False
        attempts = self._bucket(RequestSource.of(request.environ))
        if self._buckets.look(attempts) > 0:
            return False
        is_right = hmac.compare_digest(given.encode(), self._token)
        if not is_right:
            self._buckets.take(attempts)
        return is_right

    def _bucket(self, source: RequestSource) -> list[tuple[str, Limit]]:
        return [(f"admin_token:{source.address}", self._attempts)]


def _bearer(request: Request) -> str | None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else None

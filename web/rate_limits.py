"""How many requests of a kind one caller may send: token buckets a caller and, ten times as wide, an address.

A caller is a user id at an address; a guest is an address. A user id is a claim, so the wider bucket of the address
bounds those who claim a new one each time. Trusted addresses are not counted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, Final

from flask import request

from common import messages
from common.caller import current_caller
from common.config_service import ConfigService
from common.errors import RateLimitedError
from core.logging import get_app_logger
from core.token_bucket import Limit, TokenBuckets
from features.wire.access import Work
from web.forwarding import Network, configured_networks, unmapped
from web.request_source import RequestSource

logger = get_app_logger("rate_limits")

SETTINGS: Final[Mapping[Work, str]] = {
    Work.QUESTION: "RATE_LIMIT_QUESTIONS",
    Work.SQL: "RATE_LIMIT_SQL",
    Work.STREAM: "RATE_LIMIT_STREAMS",
    Work.TRAINING: "RATE_LIMIT_TRAINING",
    Work.UPLOAD: "RATE_LIMIT_UPLOADS",
}
_ADDRESS_FACTOR: Final = 10
_ID_NAMES: Final = ("conversation_id", "thread_id")
_PARSED_BYTES: Final = 256 * 1024
"""Bodies above this are counted for their address alone."""


class RateLimits:
    """See the module; one object a process."""

    def __init__(self, buckets: TokenBuckets, limits: Mapping[Work, Limit], *, exempt: Sequence[Network]) -> None:
        self._buckets = buckets
        self._limits = limits
        self._exempt = tuple(exempt)

    def count(self, work: Work, source: RequestSource) -> None:
        """Count the request being handled, of a caller that is not exempt.

        Raises:
            RateLimitedError: the caller, or its address, has sent too many of this kind.
        """
        self._take(work, source.address, _user_key(), 1)

    def charge_questions(self, number: int) -> None:
        """Count what the caller of this context has the model asked beyond its request, as so many questions of it.

        The service's own work and callers that are exempt are not counted.

        Raises:
            RateLimitedError: the caller, or its address, has sent too many questions.
        """
        caller = current_caller()
        if number > 0 and not caller.is_internal and not caller.is_exempt:
            self._take(Work.QUESTION, caller.address, _key_of(caller.user_id), number)

    def _take(self, work: Work, address: str, user_key: str, tokens: int) -> None:
        limit = self._limits[work]
        if not limit.per_minute:
            return
        of_address = f"{work.value}:{address}"
        buckets = [(of_address, limit.times(_ADDRESS_FACTOR)), (f"{of_address}:{user_key}", limit)]
        wait = self._buckets.take(buckets, tokens)
        if wait > 0:
            refuse(wait, f"{work.value} of {address}")

    def is_exempt(self, source: RequestSource) -> bool:
        """Whether the caller is not limited.

        Through a proxy that nobody configured anybody may come, so its address proves nothing.
        """
        if source.is_hidden:
            return False
        try:
            address = unmapped(source.address)
        except ValueError:
            return False
        return any(address in network for network in self._exempt)


def build_rate_limits(settings: ConfigService, buckets: TokenBuckets) -> RateLimits:
    """
    Raises:
        ConfigurationError: RATE_LIMIT_EXEMPT has an entry that is neither an address nor a network.
    """
    limits = {work: Limit.parse(settings.get(name)) for work, name in SETTINGS.items()}
    exempt = configured_networks("RATE_LIMIT_EXEMPT", settings.get("RATE_LIMIT_EXEMPT"))
    return RateLimits(buckets, limits, exempt=exempt)


def refuse(wait_seconds: float, what: str) -> None:
    """
    Raises:
        RateLimitedError: always, with the whole seconds to wait.
    """
    seconds = max(1, ceil(wait_seconds))
    logger.warning("too many requests: %s has to wait %s s", what, seconds)
    raise RateLimitedError(messages.RATE_LIMITED.format(seconds=seconds), retry_after_seconds=seconds)


def _user_key() -> str:
    """Whom the request says it is for, as a short key; empty for guests."""
    return _key_of(_claimed_user())


def _key_of(user_id: str) -> str:
    return hashlib.blake2b(user_id.encode("utf-8", "replace"), digest_size=8).hexdigest() if user_id else ""


def _claimed_user() -> str:
    given: Any = request.args
    if not any(given.get(name) for name in ("user_id", *_ID_NAMES)):
        given = _json_members()
    user_id = given.get("user_id")
    for name in _ID_NAMES:
        if not user_id and isinstance(given.get(name), str):
            user_id = given[name].partition(":")[0]
    return "" if user_id is None or isinstance(user_id, dict | list) else str(user_id)


def _json_members() -> dict[str, Any]:
    if not 0 < (request.content_length or 0) <= _PARSED_BYTES or request.mimetype == "multipart/form-data":
        return {}
    try:
        body = json.loads(request.get_data(cache=True))
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}

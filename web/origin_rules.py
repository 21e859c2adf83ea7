"""Which requests of web pages are answered, installed on both entries: hosts, origins, cross-origin reading, JSON.

A browser sends requests for whatever page is open in it. Pages of other origins may not change anything, start anything
that costs model calls, or act as the administrator of this machine, unless a setting lists their origin.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from flask import Flask, Response, request

from common import messages
from common.caller import current_caller, set_caller
from common.config_service import ConfigService
from common.errors import BadRequestError, ConfigurationError, ForeignHostError, ForeignOriginError
from core.logging import get_app_logger
from features.wire.access import Access, Work
from web.access import Administrators
from web.authority import parse_authority
from web.exposure import bound_host, demand_admin_token
from web.forwarding import ForwardedRequests, configured_networks, trusted_networks
from web.path_values import demand_usable_path
from web.rate_limits import RateLimits
from web.request_source import RequestSource, host_name, is_address, is_loopback, is_origin
from web.security_headers import SecureAnswers, without_own_host

logger = get_app_logger("web_rules")

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PREFLIGHT_SECONDS: Final = 600
_READABLE: Final = "X-Request-ID, Retry-After"
_SENDABLE: Final = "Content-Type, Authorization, Idempotency-Key, Last-Event-ID, X-Request-ID"


@dataclass(frozen=True)
class EndpointRules:
    """What the table of an entry says about its endpoints.

    Attributes:
        access: who may call; an endpoint without an entry is answered for everybody.
        starting: endpoints that start work with any method, a stream for instance.
        json_only: endpoints whose bodies must declare to be JSON.
        work: what requests that change or start something cost.
    """

    access: Callable[[str], Access]
    starting: Collection[str] = ()
    json_only: Collection[str] = ()
    work: Mapping[str, Work] = field(default_factory=dict)


class WebServices(Protocol):
    """What the rules take from the container."""

    @property
    def settings(self) -> ConfigService:
        """The settings of this process."""

    @property
    def administrators(self) -> Administrators:
        """Knows administrators."""

    @property
    def rate_limits(self) -> RateLimits:
        """Counts requests."""


class WebRules:
    """See the module; one object an application."""

    def __init__(self, services: WebServices, endpoints: EndpointRules) -> None:
        """
        Raises:
            ConfigurationError: ALLOWED_ORIGINS or ALLOWED_HOSTS names something that is none.
        """
        settings = services.settings
        self._endpoints = endpoints
        self._administrators = services.administrators
        self._limits = services.rate_limits
        self._origins = allowed_origins(settings.get("ALLOWED_ORIGINS"))
        self._hosts = allowed_hosts(settings.get("ALLOWED_HOSTS"))
        self._is_local_only = is_loopback(host_name(bound_host(settings)))

    def check(self) -> Response | None:
        """Before a request: pass it on, answer a preflight, or raise what refuses it.

        Raises:
            ForeignHostError: the service is not reached under this name.
            ForeignOriginError: a foreign page may not do this.
            ForbiddenError: only administrators may, and the caller is none.
            BadRequestError: the Host header names no host, an id in the path is none that anything could have, or the
                body should be JSON and does not say so.
            RateLimitedError: the caller sends too many such requests.
        """
        source = RequestSource.of(request.environ)
        endpoint = request.endpoint or ""
        if source.host_is_malformed:
            raise BadRequestError(messages.HOST_MALFORMED, invalid_params=["Host"])
        if not self._is_served_host(source):
            raise ForeignHostError(messages.HOST_NOT_SERVED)
        if self._is_preflight(source):
            return self._preflight_answer()
        is_starting = self._starts_something(endpoint)
        if is_starting and source.is_foreign_page(self._origins):
            logger.warning("refused a page of %.100r at %.100r: not in ALLOWED_ORIGINS", source.origin, source.host)
            raise ForeignOriginError(messages.ORIGIN_NOT_ALLOWED)
        if self._endpoints.access(endpoint) is Access.ADMIN:
            self._administrators.demand(request)
        demand_usable_path(request.view_args)
        if endpoint in self._endpoints.json_only and _has_body() and not request.is_json:
            raise BadRequestError(messages.JSON_TYPE_NEEDED, invalid_params=["Content-Type"])
        self._count(source, self._endpoints.work.get(endpoint) if is_starting else None)
        return None

    def _count(self, source: RequestSource, work: Work | None) -> None:
        if self._limits.is_exempt(source):
            set_caller(replace(current_caller(), is_exempt=True))
        elif work is not None:
            self._limits.count(work, source)

    def share(self, response: Response) -> Response:
        """After a request: let pages of listed origins read the answer; no redirect repeats the Host header."""
        if self._origins:
            response.vary.add("Origin")
            if self._is_listed(request.headers.get("Origin")):
                response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
                response.headers["Access-Control-Expose-Headers"] = _READABLE
        return without_own_host(response, request.host)

    def _is_served_host(self, source: RequestSource) -> bool:
        name = host_name(source.host)
        if not name or name in self._hosts:
            return True
        if is_loopback(name) and (self._is_local_only or is_loopback(source.address)):
            return True
        return not self._hosts and (not self._is_local_only or is_address(name))

    def _starts_something(self, endpoint: str) -> bool:
        return request.method not in SAFE_METHODS or endpoint in self._endpoints.starting

    def _is_listed(self, origin: str | None) -> bool:
        return origin is not None and origin.lower() in self._origins

    def _is_preflight(self, source: RequestSource) -> bool:
        is_asking = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        return is_asking and self._is_listed(source.origin)

    def _preflight_answer(self) -> Response:
        rule = request.url_rule
        methods = sorted((rule.methods if rule else None) or SAFE_METHODS)
        headers = {
            "Access-Control-Allow-Methods": ", ".join(methods),
            "Access-Control-Allow-Headers": _SENDABLE,
            "Access-Control-Max-Age": str(_PREFLIGHT_SECONDS),
        }
        return Response(status=204, headers=headers)


def install_web_rules(app: Flask, services: WebServices, endpoints: EndpointRules) -> None:
    """Put the rules around every request of `app`, which renders what they raise.

    Raises:
        ConfigurationError: ALLOWED_ORIGINS, ALLOWED_HOSTS or TRUSTED_PROXIES has an entry that is none, or a token is
            demanded and there is none.
    """
    settings = services.settings
    demand_admin_token(settings)
    proxies = trusted_networks(settings.get("TRUSTED_PROXIES"))
    rules = WebRules(services, endpoints)
    app.before_request(rules.check)
    app.after_request(rules.share)
    inner: Any = SecureAnswers(app.wsgi_app)
    app.wsgi_app = ForwardedRequests(inner, proxies)  # type: ignore[method-assign]


def allowed_origins(given: Collection[str]) -> frozenset[str]:
    """The origins a setting lists, as browsers send them.

    Raises:
        ConfigurationError: one is no origin, a wildcard for instance.
    """
    for text in given:
        if not is_origin(text):
            raise ConfigurationError(messages.ALLOWED_ORIGINS_WRONG)
    return frozenset(text.lower() for text in given)


def allowed_hosts(given: Collection[str]) -> frozenset[str]:
    """The names and addresses a setting lists; an IPv6 address may do without brackets.

    Raises:
        ConfigurationError: one is no host, a URL for instance, or has a port.
    """
    hosts = set()
    for text in given:
        found = parse_authority(f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text)
        if found is None or found.port is not None or "*" in text:
            raise ConfigurationError(messages.ALLOWED_HOSTS_WRONG.format(entry=text))
        hosts.add(found.host)
    return frozenset(hosts)


def check_web_settings(settings: ConfigService) -> None:
    """Read what the rules read, so that a launcher can refuse to start before anything is prepared.

    Raises:
        ConfigurationError: an entry of ALLOWED_ORIGINS, ALLOWED_HOSTS, TRUSTED_PROXIES or RATE_LIMIT_EXEMPT is wrong,
            or a token is demanded and there is none; the text names the setting.
    """
    demand_admin_token(settings)
    allowed_origins(settings.get("ALLOWED_ORIGINS"))
    allowed_hosts(settings.get("ALLOWED_HOSTS"))
    trusted_networks(settings.get("TRUSTED_PROXIES"))
    configured_networks("RATE_LIMIT_EXEMPT", settings.get("RATE_LIMIT_EXEMPT"))


def _has_body() -> bool:
    return bool(request.content_length) or "Transfer-Encoding" in request.headers

"""Who really called when a proxy stands in front: forwarding headers are believed from configured proxies only.

WSGI middleware, so that everything behind it (access rules, limits, log lines) sees the same address on every server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

from common import messages
from common.errors import ConfigurationError
from web.authority import parse_authority

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Network = IPv4Network | IPv6Network

IS_PROXIED: Final = "citu.is_proxied"
"""Key of the environ: whether a proxy, trusted or not, passed the request on."""

IS_HIDDEN: Final = "citu.is_hidden"
"""Key of the environ: whether the address is not known to be the caller's.

A proxy that is not trusted passed the request on, or a trusted one whose `X-Forwarded-For` names nobody, this machine,
or something unreadable."""

_HEADERS: Final = frozenset(
    {
        "HTTP_FORWARDED",
        "HTTP_VIA",
        "HTTP_X_REAL_IP",
        "HTTP_X_CLIENT_IP",
        "HTTP_X_CLUSTER_CLIENT_IP",
        "HTTP_X_ORIGINAL_FORWARDED_FOR",
        "HTTP_X_ENVOY_EXTERNAL_ADDRESS",
        "HTTP_CDN_LOOP",
        "HTTP_CF_CONNECTING_IP",
        "HTTP_CF_RAY",
        "HTTP_TRUE_CLIENT_IP",
        "HTTP_FASTLY_CLIENT_IP",
        "HTTP_X_AZURE_CLIENTIP",
        "HTTP_X_APPENGINE_USER_IP",
    }
)
"""What proxies, tunnels and content delivery networks add besides `X-Forwarded-*`: RFC 7239, RFC 9110, RFC 8586 and the
documentation of nginx, Envoy, Cloudflare, Akamai, Fastly, Azure and App Engine."""
_PREFIX: Final = "HTTP_X_FORWARDED_"


class ForwardedRequests:
    """Corrects address, scheme and host of requests that a trusted proxy passes on, and marks all that were passed on.

    `X-Forwarded-For` is read from the right; the first address that is no trusted proxy's is the caller's. Of
    `X-Forwarded-Proto` and `X-Forwarded-Host` the last value counts, which the nearest proxy wrote. `Forwarded` and
    `X-Real-IP` are never believed. An address may have a port, as gateways of Azure and IIS write it.
    """

    def __init__(self, app: WsgiApp, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = tuple(trusted)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        is_passed_on = any(name in _HEADERS or name.startswith(_PREFIX) for name in environ)
        is_trusted = self._is_trusted(environ.get("REMOTE_ADDR", ""))
        environ[IS_PROXIED] = is_passed_on or is_trusted
        environ[IS_HIDDEN] = is_passed_on and not is_trusted
        if is_trusted:
            environ[IS_HIDDEN] = not self._find_caller(environ)
            self._correct(environ)
        return self._app(environ, start_response)

    def _find_caller(self, environ: dict[str, Any]) -> bool:
        """Put the forwarded caller's address into the environ; whether one was named that may be the caller's."""
        chain = [part.strip() for part in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
        is_named = False
        for text in reversed(chain):
            address = forwarded_address(text)
            if address is None or unmapped(address).is_loopback:
                return False
            environ["REMOTE_ADDR"], is_named = address, True
            if not self._is_trusted(address):
                break
        return is_named

    @staticmethod
    def _correct(environ: dict[str, Any]) -> None:
        scheme = _last(environ, "HTTP_X_FORWARDED_PROTO").lower()
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        host = _last(environ, "HTTP_X_FORWARDED_HOST")
        if host:
            environ["HTTP_HOST"] = host

    def _is_trusted(self, address: str) -> bool:
        if not self._trusted:
            return False
        try:
            found = unmapped(address)
        except ValueError:
            return False
        return any(found in network for network in self._trusted)


def configured_networks(setting: str, given: Iterable[str]) -> tuple[Network, ...]:
    """The addresses and CIDR blocks that a setting lists.

    Raises:
        ConfigurationError: one of them is neither.
    """
    try:
        return tuple(ip_network(text, strict=False) for text in given)
    except ValueError as error:
        raise ConfigurationError(messages.NETWORKS_WRONG.format(name=setting)) from error


def trusted_networks(given: Iterable[str]) -> tuple[Network, ...]:
    """The proxies that `TRUSTED_PROXIES` lists.

    Raises:
        ConfigurationError: an entry is no network, or is every address there is, so that any caller could write who
            called.
    """
    networks = configured_networks("TRUSTED_PROXIES", given)
    if any(network.prefixlen == 0 for network in networks):
        raise ConfigurationError(messages.TRUSTED_PROXIES_ARE_EVERYBODY)
    return networks


def unmapped(address: str) -> Any:
    """The IP address a text spells, an IPv4 address in IPv6 notation as IPv4.

    Raises:
        ValueError: it spells none.
    """
    found = ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def forwarded_address(text: str) -> str | None:
    """The IP address of one part of `X-Forwarded-For`: bare, with a port, or IPv6 in brackets; None when it is none."""
    host = text
    if text.count(":") < 2 or text.startswith("["):
        found = parse_authority(text)
        if found is None:
            return None
        host = found.host
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _last(environ: dict[str, Any], name: str) -> str:
    value: str = environ.get(name, "")
    return value.rpartition(",")[2].strip()

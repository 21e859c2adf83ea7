"""What a request's headers say about where it comes from: which host it was sent to, and which web page sent it.

`Host`, `Origin` and `Sec-Fetch-Site` are written by browsers and cannot be chosen by a page. Scripts and servers send
no `Origin` and no `Sec-Fetch-Site`. Whether a page is foreign is decided as Go's `net/http.CrossOriginProtection` does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from web.authority import Authority, parse_authority
from web.forwarding import IS_HIDDEN, IS_PROXIED, unmapped

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_OWN_SITES: Final = frozenset({"same-origin", "none"})


@dataclass(frozen=True)
class RequestSource:
    """The source of one request.

    Attributes:
        address: the caller's address, as corrected by trusted proxies.
        host: the Host header, empty when there is none.
        origin: the Origin header; None when there is none.
        site: the Sec-Fetch-Site header; None when there is none.
        is_proxied: a proxy passed the request on.
        is_hidden: the address is not known to be the caller's: a proxy that is not trusted passed the request on, or a
            trusted one does not say for whom.
        is_encrypted: the browser's connection is known to be an encrypted one. That it is not can hardly be known: many
            proxies decrypt and do not say so.
    """

    address: str
    host: str
    origin: str | None
    site: str | None
    is_proxied: bool
    is_hidden: bool
    is_encrypted: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> RequestSource:
        """The source of the request that a WSGI environ describes."""
        return cls(
            address=environ.get("REMOTE_ADDR", ""),
            host=environ.get("HTTP_HOST", ""),
            origin=environ.get("HTTP_ORIGIN"),
            site=environ.get("HTTP_SEC_FETCH_SITE"),
            is_proxied=environ.get(IS_PROXIED, True),
            is_hidden=environ.get(IS_HIDDEN, True),
            is_encrypted=environ.get("wsgi.url_scheme") == "https",
        )

    @property
    def host_is_malformed(self) -> bool:
        """Whether there is a Host header that names no host; HTTP/1.0 clients may send none."""
        return bool(self.host) and parse_authority(self.host) is None

    def is_foreign_page(self, allowed_origins: Collection[str]) -> bool:
        """Whether a page of another origin sent it, one that is not among `allowed_origins`."""
        if self.origin is not None and self.origin.lower() in allowed_origins:
            return False
        if self.site is not None:
            return self.site not in _OWN_SITES
        return self.origin is not None and not self._is_own_origin()

    def is_this_machine(self) -> bool:
        """Whether a program of this machine, or a page of this service in its browser, called directly by a local name.

        A page of anybody else, a name that was made to point here (DNS rebinding) and a proxy are none of these.
        """
        return (
            is_loopback(self.address)
            and not self.is_proxied
            and is_loopback(host_name(self.host))
            and (self.site is None or self.site in _OWN_SITES)
            and (self.origin is None or self._is_own_origin())
        )

    def _is_own_origin(self) -> bool:
        """Whether the page came from the host and port that the request was sent to, by http or https.

        A page of http is foreign to a service that is known to be called by https.
        """
        scheme, _, authority = (self.origin or "").lower().partition("://")
        if scheme not in _DEFAULT_PORTS or (self.is_encrypted and scheme != "https"):
            return False
        page, own = parse_authority(authority), parse_authority(self.host)
        return page is not None and own is not None and _filled(page, scheme) == _filled(own, scheme)


def _filled(authority: Authority, scheme: str) -> tuple[str, int]:
    return authority.host, _DEFAULT_PORTS[scheme] if authority.port is None else authority.port


def host_name(host: str) -> str:
    """The name or address of a Host header, in lower case without port, brackets and final dot; empty for no host."""
    found = parse_authority(host.strip())
    return found.host if found is not None else ""


def is_loopback(name: str) -> bool:
    """Whether a name or address always means this machine."""
    if name == "localhost":
        return True
    try:
        return bool(unmapped(name).is_loopback)
    except ValueError:
        return False


def is_address(name: str) -> bool:
    """Whether it is an IP address; only names can be made to point somewhere else."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_origin(text: str) -> bool:
    """Whether a text spells an origin as browsers send it: scheme, host and perhaps a port."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return False
    return text.lower() == f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port is not None else "")

"""Reads the authority that a request was sent to: `uri-host [ ":" port ]` (RFC 9110, section 7.2; RFC 3986, 3.2.2).

Nothing else is an authority: no user, no text behind a bracket, no second colon. A reader that takes the part before
the first colon would find `127.0.0.1` in `127.0.0.1:8084.evil.example`, which is no name of this machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final

_REGISTERED_NAME: Final = r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
_AUTHORITY: Final = re.compile(
    rf"(?:\[(?P<literal>[0-9A-Fa-f:.]+)\]|(?P<name>{_REGISTERED_NAME}))(?::(?P<port>[0-9]*))?"
)
_LARGEST_PORT: Final = 65_535


@dataclass(frozen=True)
class Authority:
    """A host and perhaps a port.

    Attributes:
        host: a name or address in lower case, without brackets and final dot.
        port: None when it is absent or empty.
    """

    host: str
    port: int | None


def parse_authority(text: str) -> Authority | None:
    """The authority that a text spells as a whole, None when it spells none."""
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        return None
    literal, name, digits = found["literal"], found["name"], found["port"]
    if digits and (len(digits) > len(str(_LARGEST_PORT)) or int(digits) > _LARGEST_PORT):
        return None
    if literal is not None:
        try:
            IPv6Address(literal)
        except ValueError:
            return None
    host = (literal or name.removesuffix(".")).lower()
    return Authority(host, int(digits) if digits else None) if host else None

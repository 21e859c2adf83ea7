"""Whoever an ASGI server took from `X-Forwarded-For` is not believed; uvicorn's own middleware stands in between."""

import asyncio
from typing import Any

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from serving.asgi import with_believed_caller_undone


def client_behind(peer: str, forwarded: str | None, trusted: str = "127.0.0.1") -> Any:
    """The client that the application is shown."""
    seen: list[Any] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(with_believed_caller_undone(scope)["client"])

    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    scope: Any = {"type": "http", "scheme": "http", "client": (peer, 40_000), "headers": headers}
    asyncio.run(ProxyHeadersMiddleware(application, trusted_hosts=trusted)(scope, None, None))  # type: ignore[arg-type]
    return seen[0]


@pytest.mark.parametrize(
    "forwarded",
    ["203.0.113.9", "203.0.113.9:1234", "[2001:db8::1]:443", "2001:db8::1", "8.8.8.8, 203.0.113.9", "10.0.0.1"],
)
@pytest.mark.parametrize("trusted", ["127.0.0.1", "*"])
def test_a_caller_named_in_a_header_is_this_machine_behind_a_proxy(forwarded: str, trusted: str) -> None:
    assert client_behind("127.0.0.1", forwarded, trusted) == ("127.0.0.1", 0)


@pytest.mark.parametrize("forwarded", [None, "", "203.0.113.10"])
def test_a_client_that_nobody_changed_stays(forwarded: str | None) -> None:
    assert client_behind("203.0.113.9", forwarded) == ("203.0.113.9", 40_000)

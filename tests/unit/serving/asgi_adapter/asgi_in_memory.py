"""An ASGI server in memory for the adapter's tests: a scripted client instead of a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from serving.asgi_adapter import ThreadedWsgiToAsgi

Message = dict[str, Any]
Headers = list[tuple[bytes, bytes]]


class InMemoryClient:
    """One request: gives its body parts, then stays until `leave`, and keeps what it is sent."""

    def __init__(
        self,
        path: str = "/",
        *,
        method: str = "GET",
        headers: Headers | None = None,
        parts: Iterable[bytes] = (b"",),
        query: bytes = b"",
        leaves_after_parts: bool = False,
        stalls_after_parts: bool = False,
        takes: Callable[[Message], Awaitable[None]] | None = None,
    ) -> None:
        self.scope: Message = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "root_path": "",
            "headers": headers or [],
            "server": ("127.0.0.1", 8084),
            "client": ("127.0.0.1", 50000),
        }
        parts = list(parts)
        last = len(parts) - 1
        open_end = leaves_after_parts or stalls_after_parts
        self._incoming = [
            {"type": "http.request", "body": part, "more_body": open_end or number < last}
            for number, part in enumerate(parts)
        ]
        self._left = asyncio.Event()
        if leaves_after_parts:
            self._left.set()
        self._takes = takes
        self._reads_answer_and_leaves = stalls_after_parts
        self.received_parts = 0
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if self._incoming:
            self.received_parts += 1
            return self._incoming.pop(0)
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        if self._reads_answer_and_leaves and message["type"] == "http.response.body":
            self.leave()
        if self._takes is not None:
            await self._takes(message)

    def leave(self) -> None:
        self._left.set()

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode("latin-1") for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def is_complete(self) -> bool:
        return len(self.sent) > 1 and not self.sent[-1].get("more_body", False)


async def serve(adapter: ThreadedWsgiToAsgi, client: InMemoryClient) -> InMemoryClient:
    """Run the request to its end; fails instead of hanging."""
    async with asyncio.timeout(10):
        await adapter(client.scope, client.receive, client.send)
    return client


def ask(app: Any, path: str = "/", *, adapter: dict[str, Any] | None = None, **request: Any) -> InMemoryClient:
    """One request against a fresh adapter around `app`; the adapter is closed afterwards."""

    async def run() -> InMemoryClient:
        served = make_adapter(app, **(adapter or {}))
        try:
            return await serve(served, InMemoryClient(path, **request))
        finally:
            await served.close(1)

    return asyncio.run(run())


def make_adapter(app: Any, **options: Any) -> ThreadedWsgiToAsgi:
    return ThreadedWsgiToAsgi(app, **{"max_body_bytes": 1024 * 1024, "threads": 4, "queue": 8, **options})


async def until(condition: Callable[[], object]) -> None:
    """Wait for something another thread does; fails after ten seconds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.002)

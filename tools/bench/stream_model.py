"""A language model for the streams: answers after a pause, counts who left; cheap enough for hundreds of calls.

    python -m tools.bench.stream_model PORT SECONDS

A question with HANG in it is never answered; one with ENDLESS in it gets a statement that never ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, Final

from .load import run

HANG: Final = "HANG"
ENDLESS: Final = "ENDLESS"
ENDLESS_SQL: Final = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) AS n FROM r"
_SQL: Final = "SELECT 1 AS n;"
_CLASSIFIED: Final = json.dumps({"category": "DATABASE", "question_type": "DATABASE", "confidence": 0.9, "reason": "x"})
_NEVER_SECONDS: Final = 3600.0


class StreamModel:
    """Counts calls, those being answered, and those whose caller left first."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._counts = {"calls": 0, "open": 0, "abandoned": 0}

    async def serve(self, port: int) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", port, backlog=1024)
        async with server:
            await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = [line.partition(":") for line in head.split("\r\n")[1:]]
        headers = {name.lower(): value.strip() for name, _, value in lines}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if head.startswith("GET /state"):
            _send(writer, json.dumps(self._counts).encode(), "application/json")
            return True
        asked = json.loads(body)
        self._counts["calls"] += 1
        self._counts["open"] += 1
        try:
            if not await self._pause(reader, _NEVER_SECONDS if HANG in body.decode() else self._seconds):
                self._counts["abandoned"] += 1
                return False
        finally:
            self._counts["open"] -= 1
        _answer(writer, asked, _text(headers.get("x-citu-call", ""), body.decode()))
        await writer.drain()
        return True

    async def _pause(self, reader: asyncio.StreamReader, seconds: float) -> bool:
        """Whether the caller stayed."""
        try:
            async with asyncio.timeout(seconds):
                return bool(await reader.read(1))
        except TimeoutError:
            return True


def _text(kind: str, asked: str) -> str:
    if kind == "classify":
        return _CLASSIFIED
    if kind == "write_sql":
        return ENDLESS_SQL if ENDLESS in asked else _SQL
    return "one row"


def _answer(writer: asyncio.StreamWriter, asked: dict[str, Any], text: str) -> None:
    frame = {"id": "x", "created": 1, "model": asked.get("model", "")}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    if asked.get("stream"):
        delta = {"role": "assistant", "content": text}
        parts = [
            {"index": 0, "delta": delta, "finish_reason": None},
            {"index": 0, "delta": {}, "finish_reason": "stop"},
        ]
        lines = [json.dumps({**frame, "object": "chat.completion.chunk", "choices": [part]}) for part in parts]
        _send(writer, "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode(), "text/event-stream")
        return
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    answer = {**frame, "object": "chat.completion", "choices": [choice], "usage": usage}
    _send(writer, json.dumps(answer).encode(), "application/json")


def _send(writer: asyncio.StreamWriter, body: bytes, content_type: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)


if __name__ == "__main__":
    run(StreamModel(float(sys.argv[2])).serve(int(sys.argv[1])))

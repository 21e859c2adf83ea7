"""A real HTTP server that speaks the OpenAI chat and embeddings protocol, scripted and able to fail in many ways.

    with ScriptedModelServer() as server:
        server.add_rule("SELECT 1", kind="write_sql")
        server.queue_fault(Fault("status", 503))
        ... a client on server.base_url ...
        assert server.calls[-1].kind == "write_sql"

For a service in another process: `python -m tools.harness.model_server --port 9000 --script model_script.json`.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import select
import socket
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tools.harness.hashed_embedding import hashed_embedding
from tools.harness.model_faults import Fault, FaultPlan
from tools.harness.model_script import RecordedCall, RecordedScript, Rule, RuleScript, Script, ScriptedReply, ToolCall

DRIP_SECONDS = 0.02
OVERSIZED_TEXT = "多" * (5 * 1024 * 1024 // 3)
PIECE = 6


class ScriptedModelServer:
    """The server; a context manager. It listens on a free port of 127.0.0.1 unless `port` names one.

    Attributes:
        calls: every request in order of arrival, faulty ones included.
        delay_seconds: how long each good answer takes.
    """

    def __init__(self, *, port: int = 0, script: Script | None = None) -> None:
        self.calls: list[RecordedCall] = []
        self.delay_seconds = 0.0
        self.stopping = threading.Event()
        self._rules = RuleScript()
        self._script = script
        self._faults = FaultPlan()
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._http = _Server(("127.0.0.1", port), _Handler)
        self._http.fake = self
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def add_rule(self, reply: str | ScriptedReply, *, kind: str | None = None, contains: str = "") -> None:
        """Answer calls of `kind` whose last user message contains a text; earlier rules win."""
        scripted = ScriptedReply(reply) if isinstance(reply, str) else reply
        self._rules.rules.append(Rule(scripted, kind, contains))

    def load_script(self, path: Path) -> None:
        """Play a recorded script; rules, when one matches, go first."""
        self._script = RecordedScript.load(path)

    def queue_fault(self, fault: Fault, times: int = 1) -> None:
        """Let the next `times` calls fail this way."""
        with self._lock:
            self._faults.queue(fault, times)

    def forget_faults(self) -> None:
        """Drop the queued faults that no call has had yet."""
        with self._lock:
            self._faults.forget()

    def fail_randomly(self, share: float, *, seed: int, faults: Sequence[Fault]) -> None:
        """Let a share of all calls fail, in an order the seed fixes."""
        with self._lock:
            self._faults.randomly(share, seed, faults)

    def take(self, call: RecordedCall) -> tuple[ScriptedReply, Fault | None]:
        """Record a call and decide what becomes of it."""
        with self._lock:
            self.calls.append(call)
            fault = self._faults.next()
        matching = next((rule.reply for rule in self._rules.rules if rule.matches(call)), None)
        return matching or (self._script or self._rules).answer(call), fault

    def connected(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.add(connection)

    def disconnected(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.discard(connection)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128
    fake: ScriptedModelServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that leaves is normal here."""


class _CallerLeftError(Exception):
    pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.fake.connected(self.connection)

    def finish(self) -> None:
        self.server.fake.disconnected(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = RecordedCall(headers.get("x-citu-call", "other"), self.path, headers, body)
        reply, fault = self.server.fake.take(call)
        try:
            if self.server.fake.stopping.wait(self.server.fake.delay_seconds):
                self.close_connection = True
                return
            if fault is not None:
                self._fail(fault, call, reply)
            else:
                self._answer(call, reply)
        except (_CallerLeftError, ConnectionError):
            call.is_abandoned = True
            self.close_connection = True

    def _answer(self, call: RecordedCall, reply: ScriptedReply) -> None:
        if reply.status != 200:
            self._send_error_status(Fault("status", reply.status))
        elif self.path.endswith("/embeddings"):
            self._send_json(_embeddings(call.body))
        elif self.path.endswith("/chat/completions"):
            self._send_reply(call, reply)
        else:
            self._send_error_status(Fault("status", 404))

    def _send_reply(self, call: RecordedCall, reply: ScriptedReply) -> None:
        if call.body.get("stream"):
            self._send_events(_events(call.body, reply))
        else:
            self._send_json(_completion(call.body, reply))

    def _fail(self, fault: Fault, call: RecordedCall, reply: ScriptedReply) -> None:
        if fault.name == "status":
            self._send_error_status(fault)
        elif fault.name == "reset":
            self._reset()
        elif fault.name == "hang":
            self._wait_for_caller_to_leave()
        elif fault.name == "slow_drip":
            self._drip()
        elif fault.name == "reset_mid_answer":
            self._send_half(call, reply)
        else:
            self._send_bad_content(fault, call, reply)

    def _send_bad_content(self, fault: Fault, call: RecordedCall, reply: ScriptedReply) -> None:
        is_stream = bool(call.body.get("stream"))
        if fault.name == "empty":
            self._send_reply(call, ScriptedReply())
        elif fault.name == "oversized":
            self._send_reply(call, ScriptedReply(OVERSIZED_TEXT))
        elif fault.name == "wrong_reply":
            self._send_reply(call, ScriptedReply("香蕉是一种水果。"))
        elif fault.name == "truncated_tool_call":
            self._send_reply(call, ScriptedReply(tool_calls=(ToolCall("run_sql", '{"sql": "SELECT '),)))
        elif fault.name == "html":
            self._send_body(b"<html><body>Bad Gateway secret-of-the-proxy</body></html>", "text/html")
        elif fault.name == "compressed":
            self._send_body(gzip.compress(b" " * 10_000_000), "application/json", {"Content-Encoding": "gzip"})
        elif is_stream and fault.name == "cut_stream":
            self._send_events(_events(call.body, reply)[:1])
        elif is_stream:
            self._send_events([*_events(call.body, reply)[:1], "{not json secret-of-the-provider"])
        else:
            self._send_body(b'{"id": "x", "choices": [{"mess secret-of-the-provider', "application/json")

    def _send_error_status(self, fault: Fault) -> None:
        headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        content = {"error": {"message": "secret-of-the-provider", "type": "server_error", "code": str(fault.status)}}
        self._send_body(json.dumps(content).encode(), "application/json", headers, fault.status)

    def _send_json(self, content: Mapping[str, Any]) -> None:
        self._send_body(json.dumps(content, ensure_ascii=False).encode(), "application/json")

    def _send_body(
        self, body: bytes, content_type: str, headers: Mapping[str, str] | None = None, status: int = 200
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _begin_events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _send_chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _send_events(self, events: Sequence[str]) -> None:
        self._begin_events()
        for event in events:
            if self._caller_has_left():
                raise _CallerLeftError
            self._send_chunk(f"data: {event}\n\n".encode())
        self.wfile.write(b"0\r\n\r\n")

    def _send_half(self, call: RecordedCall, reply: ScriptedReply) -> None:
        if call.body.get("stream"):
            self._begin_events()
            for event in _events(call.body, reply)[:2]:
                self._send_chunk(f"data: {event}\n\n".encode())
        else:
            body = json.dumps(_completion(call.body, reply)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
        # A reset overtakes bytes that the other side has not read yet; give it the time to read them.
        self.server.fake.stopping.wait(0.05)
        self._reset()

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.fake.disconnected(self.connection)
        self.rfile.close()
        self.connection.close()

    def _caller_has_left(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""

    def _pauses(self) -> Iterator[None]:
        """One item every `DRIP_SECONDS`, until the caller leaves or the server stops."""
        while not self.server.fake.stopping.wait(DRIP_SECONDS):
            if self._caller_has_left():
                break
            yield
        raise _CallerLeftError

    def _wait_for_caller_to_leave(self) -> None:
        for _ in self._pauses():
            pass

    def _drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Drip: ")
        for _ in self._pauses():
            self.wfile.write(b"a")


def _usage(body: Mapping[str, Any], reply: ScriptedReply) -> dict[str, int]:
    asked = sum(len(str(message.get("content") or "")) for message in body.get("messages") or [])
    return {"prompt_tokens": asked, "completion_tokens": len(reply.text), "total_tokens": asked + len(reply.text)}


def _tool_calls(reply: ScriptedReply) -> list[dict[str, Any]]:
    return [
        {
            "index": index,
            "id": f"call_{index}_{call.name}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for index, call in enumerate(reply.tool_calls)
    ]


def _completion(body: Mapping[str, Any], reply: ScriptedReply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.thinking:
        message["reasoning_content"] = reply.thinking
    if reply.tool_calls:
        message |= {"content": None, "tool_calls": _tool_calls(reply)}
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": body.get("model", ""),
        "choices": [
            {"index": 0, "message": message, "finish_reason": "tool_calls" if reply.tool_calls else "stop"},
        ],
        "usage": _usage(body, reply),
    }


def _events(body: Mapping[str, Any], reply: ScriptedReply) -> list[str]:
    deltas: list[dict[str, Any]] = [{"reasoning_content": piece} for piece in _pieces(reply.thinking)]
    deltas += [{"content": piece} for piece in _pieces(reply.text)]
    if reply.tool_calls:
        deltas.append({"tool_calls": _tool_calls(reply)})
    finish = "tool_calls" if reply.tool_calls else "stop"
    choices: list[dict[str, Any]] = [
        {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None} for delta in deltas
    ]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    frame: dict[str, Any] = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": body.get("model", ""),
    }
    frames: list[dict[str, Any]] = [{**frame, "choices": [choice]} for choice in choices]
    if (body.get("stream_options") or {}).get("include_usage"):
        frames.append({**frame, "choices": [], "usage": _usage(body, reply)})
    return [*(json.dumps(item, ensure_ascii=False) for item in frames), "[DONE]"]


def _pieces(text: str) -> list[str]:
    size = PIECE if len(text) < 100_000 else 4096
    return [text[start : start + size] for start in range(0, len(text), size)]


def _embeddings(body: Mapping[str, Any]) -> dict[str, Any]:
    texts = body.get("input") or []
    texts = [texts] if isinstance(texts, str) else texts
    rows = [{"object": "embedding", "index": i, "embedding": hashed_embedding(text)} for i, text in enumerate(texts)]
    return {"object": "list", "model": body.get("model", ""), "data": rows, "usage": {"prompt_tokens": 0}}


def main() -> None:
    """Serve until the process is told to stop."""
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible model server on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=Path, help="a recorded model_script.json")
    options = parser.parse_args()
    with ScriptedModelServer(port=options.port) as server:
        if options.script:
            server.load_script(options.script)
        print(f"listening on {server.base_url}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()

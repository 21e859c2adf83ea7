"""Serves the sample application: `python -m tools.bench.sample_servers <side> <port> [options]`, one process tree.

adapter   uvicorn with our adapter            stock    uvicorn with asgiref's
launcher  the same under our launcher's       raw      uvicorn with a bare ASGI function
          options, one or more workers        a2wsgi   uvicorn with a2wsgi
gthread   gunicorn with threads
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any, cast

import uvicorn
from asgiref.wsgi import WsgiToAsgi

import app_config
from core.process_tree import announce_launcher
from serving.asgi_adapter import ThreadedWsgiToAsgi
from serving.serve import serve, server_options
from serving.supervisor import WorkerLife
from serving.uvicorn_protocol import BoundedHttpToolsProtocol
from tools.bench.child import pin_to_core
from tools.bench.sample_app import create_app

# Worker processes are started anew and read what they serve from here.
OPTIONS = "CITU_BENCH_OPTIONS"
HOST = "127.0.0.1"
SIDES = ("adapter", "stock", "raw", "a2wsgi", "gthread", "launcher")
STOPPED = "the shutdown hook ran"
_RAW_BODY = b'{"ok":true}\n'


class CountingProtocol(BoundedHttpToolsProtocol):
    """Our protocol, counting every byte the process takes from its sockets."""

    read_bytes = 0

    def data_received(self, data: bytes) -> None:
        CountingProtocol.read_bytes += len(data)
        super().data_received(data)


class Sample:
    """The sample application behind our adapter, with the lifespan a launcher expects."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._life = WorkerLife(max_requests=options.max_requests, jitter=options.max_requests_jitter)
        self._grace = app_config.default_service().get("GRACEFUL_TIMEOUT")
        self.adapter = ThreadedWsgiToAsgi(
            create_app(self._stats),
            threads=options.threads,
            queue=options.queue,
            streams=options.streams,
            max_body_bytes=app_config.default_service().get("MAX_REQUEST_BYTES"),
            receive_timeout_seconds=app_config.default_service().get("RECEIVE_TIMEOUT"),
            reserved_paths=frozenset({"/state"}),
        )

    def _stats(self) -> dict[str, Any]:
        stats = self.adapter.stats()
        return {"adapter_threads": stats.pop("threads"), "read_bytes": CountingProtocol.read_bytes, **stats}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self._life.count_request()
            await self.adapter(scope, receive, send)
            return
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": message["type"] + ".complete"})
        await self.adapter.close(self._grace)
        print(STOPPED, flush=True)
        await send({"type": "lifespan.shutdown.complete"})


_samples: list[Sample] = []


def create_sample() -> Sample:
    """The application of one worker process."""
    _samples.append(Sample(_parser().parse_args(json.loads(os.environ[OPTIONS]))))
    return _samples[-1]


def begin_shutdown() -> None:
    for sample in _samples:
        sample.adapter.begin_shutdown()


async def raw(scope: Any, _receive: Any, send: Any) -> None:
    """What the server itself costs."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_RAW_BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _RAW_BODY})


def main(arguments: list[str]) -> None:
    options = _parser().parse_args(arguments)
    os.environ[OPTIONS] = json.dumps(arguments)
    pin_to_core(os.getpid(), 0)
    if options.side == "gthread":
        _become_gunicorn(options)
    elif options.side == "launcher":
        _launch(options)
    else:
        uvicorn.run(
            _application(options),
            host=HOST,
            port=options.port,
            log_level="critical",
            access_log=False,
            lifespan="off",
            reset_contextvars=options.side == "adapter",
            timeout_keep_alive=30,
        )


def _launch(options: argparse.Namespace) -> None:
    announce_launcher()
    settings = app_config.default_service()
    asked = server_options(
        settings, host=HOST, port=options.port, workers=options.workers, before_shutdown=begin_shutdown
    )
    asked["http"] = CountingProtocol.with_limits(
        max_header_bytes=settings.get("MAX_HEADER_BYTES"),
        receive_header_seconds=settings.get("RECEIVE_HEADER_TIMEOUT"),
        before_shutdown=begin_shutdown,
    )
    serve(
        "tools.bench.sample_servers:create_sample",
        {**asked, "factory": True, "log_level": "critical"},
        is_supervised=options.max_requests > 0,
    )


def _application(options: argparse.Namespace) -> Any:
    if options.side == "adapter":
        return create_sample()
    if options.side == "stock":
        return WsgiToAsgi(create_app())  # type: ignore[no-untyped-call]
    if options.side == "a2wsgi":
        from a2wsgi import WSGIMiddleware

        return WSGIMiddleware(cast(Any, create_app()), workers=options.threads)
    return raw


def _become_gunicorn(options: argparse.Namespace) -> None:
    arguments = ["--worker-class", "gthread", "--threads", str(options.threads), "--keep-alive", "30"]
    arguments += [
        "--bind",
        f"{HOST}:{options.port}",
        "--log-level",
        "critical",
        "tools.bench.sample_app:create_app()",
    ]
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *arguments])  # noqa: S606  this process becomes it


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tools.bench.sample_servers")
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("port", type=int)
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--queue", type=int, default=256)
    parser.add_argument("--streams", type=int, default=128)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--max-requests", type=int, default=0)
    parser.add_argument("--max-requests-jitter", type=int, default=0)
    return parser


if __name__ == "__main__":
    # The module is imported by name as well, by uvicorn and by its worker processes: one set of counters, not two.
    from tools.bench.sample_servers import main as main_of_module

    main_of_module(sys.argv[1:])

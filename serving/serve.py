"""The launcher behind `make run`: prepares everything with progress shown, then serves until Ctrl-C or SIGTERM.

`python -m serving.serve [--prepare-only] [--host H] [--port N] [--workers N]`; options beat the settings.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import uvicorn
from rich.console import Console

from bootstrap.container import Container, build_container
from bootstrap.stores import home_elsewhere
from common import messages
from common.config_service import ConfigService
from common.errors import CituError, ConfigurationError
from common.messages.data_homes import KEPT_AT
from core.process_tree import STOP_WITH_PARENT, announce_launcher, stop_with_parent
from serving.asgi import begin_shutdown
from serving.progress_display import ProgressDisplay
from serving.supervisor import WORKER_SILENT_SECONDS, Supervisor
from serving.uvicorn_protocol import BoundedHttpToolsProtocol
from serving.worker_processes import worker_processes
from web.exposure import LOOPBACK_HOST, announce_host, exposure_warnings
from web.origin_rules import check_web_settings

DEMO_WORKERS = 1
STOP_SECONDS = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 after an orderly stop, 1 with one clear sentence when the service cannot start."""
    options = _options(arguments)
    console = Console(stderr=True, highlight=False)
    if os.environ.get(STOP_WITH_PARENT):
        stop_with_parent()
    announce_launcher()
    signal.signal(signal.SIGTERM, _stop)
    try:
        container = build_container()
    except CituError as error:
        console.print(error.message, style="red", markup=False, soft_wrap=True)
        return 1
    try:
        return _run(container, options, console)
    except CituError as error:
        console.print(error.message, style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        container.close(wait_seconds=STOP_SECONDS)


def _stop(_number: int, _frame: object) -> None:
    """Unwind instead of dying on the spot, so that what was started is stopped; uvicorn sends the signal on to here."""
    raise SystemExit(128 + signal.SIGTERM)


def _run(container: Container, options: argparse.Namespace, console: Console) -> int:
    settings = container.settings
    check_web_settings(settings)
    host = options.host or (settings.get("HOST") if settings.is_set("HOST") else LOOPBACK_HOST)
    port = options.port or settings.get("PORT")
    if not options.prepare_only:
        refuse_used_port(host, port)
    with ProgressDisplay(console) as display:
        container.start(display)
    if options.prepare_only:
        return 0
    console.print(messages.SERVING.format(host=host, port=port), style="bold green", markup=False, soft_wrap=True)
    if home := home_elsewhere(settings, container.shared.stores):
        console.print(KEPT_AT.format(path=home), style="dim", markup=False, soft_wrap=True)
    announce_host(host)
    for warning in exposure_warnings(settings):
        console.print(warning, style="bold red", markup=False, soft_wrap=True)
    configured = settings.get("MAX_WORKERS") if settings.is_set("MAX_WORKERS") else DEMO_WORKERS
    workers = options.workers or configured
    server = server_options(settings, host=host, port=port, workers=workers)
    with worker_processes(settings.get("PIPELINE_WORKERS")):
        return serve("asgi_app:asgi_app", server, is_supervised=settings.get("WORKER_MAX_REQUESTS") > 0)


def serve(target: str, options: Mapping[str, Any], *, is_supervised: bool) -> int:
    """Run uvicorn with `options` until it is told to stop; `target` is "module:application".

    Args: is_supervised: have a parent that replaces workers, also when there is one worker only.
    """
    if is_supervised or options["workers"] > 1:
        config = uvicorn.Config(target, **options)
        Supervisor(config, sockets=[config.bind_socket()]).run()
    else:
        uvicorn.run(target, **options)
    return 0


def server_options(
    settings: ConfigService, *, host: str, port: int, workers: int, before_shutdown: Callable[[], None] = begin_shutdown
) -> dict[str, Any]:
    """What the launcher asks of uvicorn; `before_shutdown` is a function of a module, for it is pickled."""
    return {
        "host": host,
        "port": port,
        "workers": workers,
        "loop": "uvloop",
        "http": BoundedHttpToolsProtocol.with_limits(
            max_header_bytes=settings.get("MAX_HEADER_BYTES"),
            receive_header_seconds=settings.get("RECEIVE_HEADER_TIMEOUT"),
            before_shutdown=before_shutdown,
        ),
        "lifespan": "on",
        "access_log": False,
        "log_level": "warning",
        "server_header": False,
        "proxy_headers": False,
        "reset_contextvars": True,
        "timeout_keep_alive": settings.get("KEEPALIVE"),
        "timeout_graceful_shutdown": settings.get("GRACEFUL_TIMEOUT"),
        "timeout_worker_healthcheck": WORKER_SILENT_SECONDS,
    }


def refuse_used_port(host: str, port: int) -> None:
    """Say so before minutes of preparation.

    Raises:
        ConfigurationError: the port is taken or the address is not this machine's.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(messages.PORT_IN_USE.format(host=host, port=port)) from error


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="serving.serve", description=__doc__)
    parser.add_argument("--prepare-only", action="store_true", help="prepare and stop")
    parser.add_argument("--host", help="address to bind (setting HOST)")
    parser.add_argument("--port", type=int, help="port to bind (setting PORT)")
    parser.add_argument("--workers", type=int, help="processes (setting MAX_WORKERS)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

"""The stand-alone ReAct service: its route table, its application and its start (`python -m react_agent.api`).

The same container, agent and stores as the unified entry; only the table is shorter and the port another.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from flask import Flask

from bootstrap.container import Container, build_container
from common import messages
from common.errors import CituError
from core.process_tree import STOP_WITH_PARENT, announce_launcher, stop_with_parent
from features.react import routes as react
from features.react.chat import routes as chat
from features.react.standalone import routes as standalone
from features.wire.http import Access, Route
from react_agent.config import Config
from serving.asgi import AsgiApp, create_asgi_app
from serving.serve import refuse_used_port, serve, server_options
from web.app import create_app
from web.exposure import LOOPBACK_HOST, announce_host, demand_admin_token, exposure_warnings

THREADS = "/api/v0/react"
REACT_ROUTES = (
    Route("/", standalone.docs, standalone.StandaloneHome, Access.PUBLIC),
    Route("/health", standalone.docs, standalone.StandaloneHealth, Access.PUBLIC),
    Route("/chat", chat.docs, chat.Chat, Access.PUBLIC),
    Route("/redis/direct", chat.docs, chat.RedisDirect, Access.ADMIN, writes=("POST",)),
    Route("/api/chat", standalone.docs, standalone.StandaloneChat, Access.PUBLIC),
    Route(
        f"{THREADS}/users/<user_id>/conversations",
        standalone.docs,
        standalone.StandaloneUserConversations,
        Access.PUBLIC,
    ),
    Route(
        f"{THREADS}/users/<user_id>/conversations/<thread_id>",
        standalone.docs,
        standalone.StandaloneUserConversation,
        Access.PUBLIC,
    ),
    Route(
        f"{THREADS}/direct/users/<user_id>/conversations",
        standalone.docs,
        standalone.StandaloneDirectUserConversations,
        Access.PUBLIC,
    ),
    Route(
        f"{THREADS}/direct/conversations/<thread_id>",
        standalone.docs,
        standalone.StandaloneDirectConversation,
        Access.PUBLIC,
    ),
    Route(
        f"{THREADS}/direct/conversations/<thread_id>/compare",
        standalone.docs,
        standalone.StandaloneDirectCompare,
        Access.PUBLIC,
    ),
    Route(
        f"{THREADS}/direct/conversations/<thread_id>/summary",
        standalone.docs,
        standalone.StandaloneDirectSummary,
        Access.PUBLIC,
    ),
    Route("/api/test/redis", react.docs, react.TestRedis, Access.ADMIN),
)


class StandaloneEntry:
    """The applications of one process, built together when one of them is first asked for."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.app: Flask = create_app(container, REACT_ROUTES)
        self.asgi_app: AsgiApp = create_asgi_app(self.app, container)


def build_entry() -> StandaloneEntry:
    """
    Raises:
        ConfigurationError: a setting has a value the service cannot start with.
    """
    return StandaloneEntry(build_container())


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM: exit code 0 after an orderly stop, 1 when the service cannot start."""
    parser = argparse.ArgumentParser(prog="react_agent.api", description=__doc__)
    parser.add_argument("--host", help="address to bind (setting HOST)")
    parser.add_argument("--port", type=int, help="port to bind (setting REACT_API_PORT)")
    options = parser.parse_args(arguments)
    if os.environ.get(STOP_WITH_PARENT):
        stop_with_parent()
    announce_launcher()
    signal.signal(signal.SIGTERM, _stop)
    try:
        container = build_container()
    except CituError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    try:
        return _serve(container, options)
    except CituError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        container.close()


def _serve(container: Container, options: argparse.Namespace) -> int:
    settings = container.settings
    Config(settings).validate()
    demand_admin_token(settings)
    host = options.host or (settings.get("HOST") if settings.is_set("HOST") else LOOPBACK_HOST)
    port = options.port or settings.get("REACT_API_PORT")
    refuse_used_port(host, port)
    container.start()
    sys.stderr.write(f"{messages.SERVING.format(host=host, port=port)}\n")
    announce_host(host)
    for warning in exposure_warnings(settings):
        sys.stderr.write(f"{warning}\n")
    workers = settings.get("MAX_WORKERS") if settings.is_set("MAX_WORKERS") else 1
    server = server_options(settings, host=host, port=port, workers=workers)
    return serve("react_agent.api:asgi_app", server, is_supervised=settings.get("WORKER_MAX_REQUESTS") > 0)


def _stop(_number: int, _frame: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)

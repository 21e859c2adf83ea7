"""An entry on a real port of this process: real settings, container and HTTP; the unified one under its ASGI server,
the old one from its own text under its plain server.
"""

import contextlib
import runpy
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import httpx
import uvicorn
from flask import Flask
from werkzeug.serving import make_server

import app_config
from bootstrap.container import Container
from common.config_service import ConfigService
from serving.asgi import begin_shutdown, create_asgi_app
from serving.plain_server import QuietHandler
from serving.uvicorn_protocol import BoundedHttpToolsProtocol
from web.app import create_app
from web.route_table import ROUTES

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30
TLS = httpx.create_ssl_context()
"""Not used; for each client of its own httpx would read the certificate authorities again."""
MODEL_SETTINGS = {
    "LLM_PROVIDER": "openai",
    "LLM_API_KEY": "contract-key",
    "LLM_MODEL": "scripted",
    "LLM_MAX_CALLS": "1",
    "DEMO_DATA": "false",
    "HOST": "127.0.0.1",
    "CONVERSATION_CONTEXT_COUNT": "2",
}


@dataclass(frozen=True)
class Service:
    """A running service: a client on its port and what it is made of."""

    client: httpx.Client
    container: Container
    app: Flask

    def ask(self, question: object, **members: object) -> httpx.Response:
        return self.client.post("/api/v0/ask_agent", json={"question": question, **members})

    def stored_messages(self, conversation_id: str) -> list[dict[str, object]]:
        """What Redis remembers of a conversation, oldest first."""
        return self.container.shared.conversations.get_messages("default", conversation_id)


@contextlib.contextmanager
def serving(environ: Mapping[str, str], folder: Path, entry: str = "unified") -> Iterator[Service]:
    """Serve an entry's routes with exactly these settings until the block ends."""
    rows = app_config.rows()
    tasks = {"PIPELINE_OUTPUT_DIR": str(folder / "data_pipeline" / "training_data"), "PIPELINE_LEASE_SECONDS": "2"}
    wanted = {**MODEL_SETTINGS, "DATA_DIR": str(folder), **tasks, **environ}
    settings = ConfigService(rows, environ=wanted, dotenv_path=None, settings_path=folder / "system_settings.json")
    container = Container(settings)
    with (_serving_unified if entry == "unified" else _serving_old)(container) as service:
        yield service


@contextlib.contextmanager
def _serving_old(container: Container) -> Iterator[Service]:
    """The frozen text itself, run with this container."""
    with mock.patch("bootstrap.legacy_port.build_container", return_value=container):
        app = runpy.run_path(str(ROOT / "citu_app.py"))["app"]
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with _client(server.port) as client:
            yield Service(client, container, app)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        container.close()


@contextlib.contextmanager
def _serving_unified(container: Container) -> Iterator[Service]:
    app = create_app(container, ROUTES)
    with _listening(uvicorn.Server(_config(app, container))) as client:
        yield Service(client, container, app)


def _client(port: int) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_SECONDS, trust_env=False, verify=TLS)


def _config(app: Flask, container: Container) -> uvicorn.Config:
    settings = container.settings
    protocol = BoundedHttpToolsProtocol.with_limits(
        max_header_bytes=settings.get("MAX_HEADER_BYTES"),
        receive_header_seconds=settings.get("RECEIVE_HEADER_TIMEOUT"),
        before_shutdown=begin_shutdown,
    )
    return uvicorn.Config(
        create_asgi_app(app, container),
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )


@contextlib.contextmanager
def _listening(server: uvicorn.Server) -> Iterator[httpx.Client]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with _client(listener.getsockname()[1]) as client:
                client.get("/nothing-is-here")
                assert server.started, "the service did not start"
                yield client
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)

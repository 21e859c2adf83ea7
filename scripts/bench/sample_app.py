"""The application under test, in a child process: `python -m scripts.bench.sample_app <adapter|stock> <port>`."""

from __future__ import annotations

import sys
import time
from typing import Any

import uvicorn
from asgiref.wsgi import WsgiToAsgi
from flask import Flask, jsonify

from core.asgi_adapter import ThreadedWsgiToAsgi

SLOW_SECONDS = 0.05


def create_app() -> Flask:
    """Three routes: `/` trivial, `/slow` waits a little, `/echo/<word>` gives the word back."""
    app = Flask(__name__)

    @app.get("/")
    def trivial() -> Any:
        return jsonify(ok=True)

    @app.get("/slow")
    def slow() -> Any:
        time.sleep(SLOW_SECONDS)
        return jsonify(ok=True)

    @app.get("/echo/<word>")
    def echo(word: str) -> Any:
        return jsonify(word=word)

    return app


def serve(side: str, port: int) -> None:
    """Serve the application with our adapter or the stock one, all else alike."""
    application = create_app()
    asgi: Any
    if side == "adapter":
        asgi = ThreadedWsgiToAsgi(application, threads=64, max_body_bytes=1024 * 1024)
    else:
        asgi = WsgiToAsgi(application)  # type: ignore[no-untyped-call]
    uvicorn.run(
        asgi,
        host="127.0.0.1",
        port=port,
        log_level="critical",
        access_log=False,
        lifespan="off",
        reset_contextvars=side == "adapter",
    )


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))

"""Recorded exchanges can be replayed and hold no secrets."""

import json
from pathlib import Path

import pytest
from flask import Flask, Response, request

from common.secret_masking import KnownSecrets
from cutover.parity.exchanges import read_exchanges
from web.exchange_recorder import MAX_BODY_BYTES, ExchangeRecorder


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Flask, Path]:
    app = Flask("sample")

    @app.post("/echo")
    def echo() -> object:
        return {"echo": request.get_json(), "password": "of the database"}

    @app.get("/stream")
    def stream() -> Response:
        events = ['data: {"n": 1}\n\n', ": heartbeat\n\n", 'data: {"n": 2}\n\n']
        return Response(iter(events), mimetype="text/event-stream")

    path = tmp_path / "exchanges.jsonl"
    mask = KnownSecrets(["hunter22-value"]).mask
    app.wsgi_app = ExchangeRecorder(app.wsgi_app, path=path, name="sample", mask=mask)  # type: ignore[method-assign]
    return app, path


def test_request_and_answer_are_written_so_that_they_can_be_replayed(recorded: tuple[Flask, Path]) -> None:
    app, path = recorded
    app.test_client().post("/echo?a=b", json={"question": "多少？"}).close()
    (exchange,) = read_exchanges(path, app="sample")
    assert exchange.request["method"] == "POST"
    assert exchange.request["path"] == "/echo"
    assert exchange.request["query"] == {"a": "b"}
    assert exchange.request["json"] == {"question": "多少？"}
    assert exchange.response["status"] == 200
    assert exchange.response["json"]["echo"] == {"question": "多少？"}


def test_secrets_are_not_written(recorded: tuple[Flask, Path]) -> None:
    app, path = recorded
    body = {"url": "postgresql://u:pa55@db/x", "note": "it is hunter22-value", "api_key": "abc"}
    app.test_client().post("/echo", json=body, headers={"Authorization": "Bearer abcdefgh", "Cookie": "s=1"}).close()
    text = path.read_text()
    assert not [secret for secret in ("pa55", "hunter22", "abcdefgh", "s=1", "of the database") if secret in text]
    assert json.loads(text)["response"]["json"]["echo"]["api_key"] == "***"


def test_stream_passes_piece_by_piece_and_is_written_as_events(recorded: tuple[Flask, Path]) -> None:
    app, path = recorded
    answer = app.test_client().get("/stream", buffered=False)
    pieces = iter(answer.response)
    assert next(pieces)
    assert not path.exists()
    list(pieces)
    answer.close()
    (exchange,) = read_exchanges(path, app="sample")
    assert exchange.response["events"] == [{"data": {"n": 1}}, {"data": {"n": 2}}]


def test_large_body_passes_unrecorded(recorded: tuple[Flask, Path]) -> None:
    app, path = recorded
    answer = app.test_client().post("/echo", json={"text": "x" * MAX_BODY_BYTES})
    assert answer.status_code == 200
    assert not path.exists()

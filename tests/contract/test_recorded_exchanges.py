"""Existing clients notice nothing: the historical service's recorded exchanges, replayed over HTTP in their order."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from cutover.parity.exchanges import Exchange
from cutover.parity.replay import Outcome, Replayer
from cutover.parity.sending import Sender
from scripts.parity.__main__ import main as parity
from tests.contract import recordings
from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tests.fakes.task_worker import working
from tools.harness.model_server import ScriptedModelServer
from tools.parity_rehearsal import RECORDED_ADDRESS
from web.route_table import ROUTES

absent = pytest.mark.skip(reason=recordings.ABSENT_REASON)
REPLAYED = recordings.replayed_exchanges()


@pytest.fixture(scope="module")
def recorded_service(start: Start, recorded_business_url: str) -> Iterator[Service]:
    """The service as the old one was when it was recorded: its data, its training, its model."""
    with ScriptedModelServer() as model:
        model.load_script(recordings.MODEL_SCRIPT)
        with start(recorded_business_url, model) as service, working(service.container):
            yield service


def short_sleep(seconds: float) -> None:
    """The recordings wait out a second where the older service made one id a second; ours needs no pause."""
    time.sleep(min(seconds, 0.2))


@pytest.fixture(scope="module")
def outcomes(recorded_service: Service) -> Mapping[str, Outcome]:
    """Every replayed exchange judged, by id."""
    url = recorded_service.container.shared.stores.business_url
    database = conninfo_to_dict(url)["dbname"]
    sender = Sender(recorded_service.client, sleep=short_sleep, stand_ins={RECORDED_ADDRESS: url})
    replayer = Replayer(recorded_service.client, sender, {"highway_db": str(database)})
    return {outcome.exchange.id: outcome for outcome in replayer.replay(REPLAYED)}


@pytest.mark.parametrize(
    "exchange",
    [pytest.param(exchange, id=recordings.shown(exchange)) for exchange in REPLAYED]
    or [pytest.param(None, id="none", marks=absent)],
)
def test_recorded_exchange_is_answered_alike(exchange: Exchange, outcomes: Mapping[str, Outcome]) -> None:
    outcome = outcomes[exchange.id]
    report = [recordings.text_of(exchange), exchange.note, *map(str, outcome.differences), outcome.why]
    assert outcome.verdict in ("same", "intended"), "\n".join(report)


def test_route_that_is_served_is_replayed() -> None:
    served = [re.sub(r"<[^>]+>", "x", route.path) for route in ROUTES]
    assert [path for path in served if recordings.unserved_route(path)] == []


@pytest.mark.skipif(not recordings.are_present(), reason=recordings.ABSENT_REASON)
def test_every_excluded_route_is_in_the_recordings() -> None:
    excluded = {recordings.unserved_route(exchange.request["path"]) for exchange in recordings.all_exchanges()}
    assert excluded - {None} == set(recordings.NOT_SERVED_YET)


@pytest.mark.parametrize(("text", "exit_code"), [("统一API服务正在运行", 0), ("something else", 1)])
def test_command_line_reports_and_fails_on_a_difference(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, exit_code: int
) -> None:
    response = {"status": 200, "content_type": "application/json", "json": {"message": text}}
    request = {"method": "GET", "path": "/"}
    line = {"id": "x-1", "app": "unified_api", "group": "01", "request": request, "response": response}
    (tmp_path / "one.jsonl").write_text(json.dumps(line))
    options = ["--base-url", str(service.client.base_url), "--html", str(tmp_path / "report.html")]
    assert parity(["replay", str(tmp_path), *options]) == exit_code
    counts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert counts == {
        "total": 1,
        "same": 1 - exit_code,
        "intended": 0,
        "different": exit_code,
        "status_match": 1,
        "shape_match": 1,
        "value_match": 1 - exit_code,
    }
    assert ("something else" in (tmp_path / "report.html").read_text()) is bool(exit_code)


def test_the_same_service_twice_is_alike(service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = {"method": "POST", "path": "/api/v0/citu_run_sql", "json": {"sql": "SELECT 1 AS n"}}
    (tmp_path / "requests.jsonl").write_text(json.dumps(asked) + "\n" + json.dumps({"method": "GET", "path": "/"}))
    url = str(service.client.base_url)
    assert parity(["compare", "--old", url, "--new", url, str(tmp_path / "requests.jsonl")]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["same"] == 2


def test_command_line_says_what_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nobody = ["--base-url", "http://127.0.0.1:9"]
    assert parity(["replay", str(tmp_path / "none.jsonl"), *nobody]) == 2
    assert parity(["replay", str(tmp_path), *nobody]) == 2
    assert "refused" in capsys.readouterr().err

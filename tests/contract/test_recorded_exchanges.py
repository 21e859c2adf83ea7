"""Existing clients notice nothing: the historical service's recorded exchanges, replayed over HTTP in their order."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bootstrap.route_table import ROUTES
from scripts.parity.__main__ import main as parity
from scripts.parity.exchanges import Exchange
from scripts.parity.replay import Outcome, Replayer
from tests.contract import recordings
from tests.contract.conftest import Start
from tests.contract.serving import Service
from tests.fakes.model_server import ScriptedModelServer

absent = pytest.mark.skip(reason=recordings.ABSENT_REASON)
REPLAYED = recordings.replayed_exchanges()


@pytest.fixture(scope="module")
def recorded_service(start: Start, recorded_business_url: str) -> Iterator[Service]:
    """The service as the old one was when it was recorded: its data, its training, its model."""
    with ScriptedModelServer() as model:
        model.load_script(recordings.MODEL_SCRIPT)
        with start(recorded_business_url, model) as service:
            for kind, item in recordings.recorded_training():
                service.container.vector_store.add("default", kind, [item])
            yield service


@pytest.fixture(scope="module")
def outcomes(recorded_service: Service) -> Mapping[str, Outcome]:
    """Every replayed exchange judged, by id."""
    return {outcome.exchange.id: outcome for outcome in Replayer(recorded_service.client).replay(REPLAYED)}


@pytest.mark.parametrize(
    "exchange",
    [pytest.param(exchange, id=recordings.shown(exchange)) for exchange in REPLAYED]
    or [pytest.param(None, id="none", marks=absent)],
)
def test_recorded_exchange_is_answered_alike(exchange: Exchange, outcomes: Mapping[str, Outcome]) -> None:
    outcome = outcomes[exchange.id]
    report = [recordings.text_of(exchange), exchange.note, *map(str, outcome.differences), outcome.why]
    assert outcome.verdict in ("equal", "intended"), "\n".join(report)


def test_route_that_is_served_is_replayed() -> None:
    served = [re.sub(r"<[^>]+>", "x", route.path) for route in ROUTES]
    assert [path for path in served if recordings.unserved_route(path)] == []


@pytest.mark.skipif(not recordings.are_present(), reason=recordings.ABSENT_REASON)
def test_every_excluded_route_is_in_the_recordings() -> None:
    excluded = {recordings.unserved_route(exchange.request["path"]) for exchange in recordings.all_exchanges()}
    assert excluded - {None} == set(recordings.NOT_SERVED_YET)


@pytest.mark.parametrize(("groups", "exit_code"), [("11", 0), ("21", 1)])
def test_command_line_reports_and_fails_on_a_difference(
    recorded_service: Service, capsys: pytest.CaptureFixture[str], groups: str, exit_code: int
) -> None:
    options = ["--recordings", str(recordings.EXCHANGES), "--base-url", str(recorded_service.client.base_url)]
    assert parity([*options, "--groups", groups]) == exit_code
    counts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert counts["equal"] + counts["intended"] + counts["different"] + counts["skipped"] == counts["total"] > 0
    assert bool(counts["different"]) is bool(exit_code)


def test_command_line_says_what_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nobody = ["--base-url", "http://127.0.0.1:9"]
    assert parity(["--recordings", str(tmp_path / "none.jsonl"), *nobody]) == 2
    assert "none.jsonl" in capsys.readouterr().err
    line = {"id": "x", "app": "unified_api", "group": "01", "request": {"method": "GET", "path": "/"}, "response": {}}
    (tmp_path / "one.jsonl").write_text(json.dumps(line))
    assert parity(["--recordings", str(tmp_path / "one.jsonl"), *nobody]) == 2
    assert "refused" in capsys.readouterr().err

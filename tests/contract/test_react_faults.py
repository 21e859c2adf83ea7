"""Faults of the provider on every route of the ReAct agent: questions end with typed errors, threads stay whole."""

from collections.abc import Iterator

import pytest

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.bench.react_faults import DOORS, faults_by_door
from tools.bench.react_scene import react_script
from tools.harness.model_faults import FIGURE_38
from tools.harness.model_server import ScriptedModelServer


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer(script=react_script()) as server:
        yield server


@pytest.fixture(scope="module")
def service(start: Start, small_business_url: str, model: ScriptedModelServer) -> Iterator[Service]:
    settings = {"LLM_TIMEOUT": "4", "LLM_ATTEMPT_TIMEOUT": "1", "LLM_BREAKER_FAILURES": "0"}
    with start(small_business_url, model, **settings) as running:
        yield running


@pytest.mark.parametrize("door", DOORS)
def test_every_fault_ends_typed_and_its_thread_goes_on(service: Service, model: ScriptedModelServer, door: str) -> None:
    figures = {
        figure.figure.partition(f".{door}_")[2]: figure.value
        for figure in faults_by_door(model, service.client, door, 1)
    }
    assert figures["questions"] == len(FIGURE_38)
    assert (figures["untyped"], figures["broken_threads"], figures["most_calls_of_a_step"]) == (0, 0, 1)

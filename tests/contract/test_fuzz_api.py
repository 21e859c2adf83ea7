"""A few random requests to some routes keep what the documentation promises; the figure is `tools.fuzz_api`."""

import pytest

from tests.contract.service_in_process import Service
from tools.fuzz_api import CLOSED, Target, fuzz

pytestmark = pytest.mark.entries("unified")


def test_random_requests_are_answered_as_documented(service: Service) -> None:
    address = str(service.client.base_url).rstrip("/")
    report = fuzz(Target(address), examples=6, only=r"qa_feedback|citu_run_sql|qa_cache_list|/conversations$")
    assert (report.shown, report.leaks) == ({}, {})
    assert report.operations >= 8
    assert report.examples >= 3 * report.operations


def test_closed_routes_are_spelled_as_in_the_documentation(service: Service) -> None:
    documented = set(service.client.get("/swagger.json").json()["paths"])
    assert documented >= CLOSED - {"/metrics"}

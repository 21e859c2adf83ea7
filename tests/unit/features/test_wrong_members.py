"""Members of bodies that are misspelt or hold what cannot be stored are refused and never taken for another wish."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from common.errors import BadRequestError
from features.maintenance.schemas import parse_switch
from features.react.checkpoints import CheckpointsService
from features.training_data.schemas import CombineRequest


@pytest.mark.parametrize("body", [{"enable": False}, {"Enabled": False}, {"on": 0, "reason": "x"}])
def test_switch_without_its_member_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError, match="enabled"):
        parse_switch(body)


def test_empty_body_and_a_reason_alone_switch_on() -> None:
    assert parse_switch({}).enabled
    assert parse_switch({"reason": "x"}).enabled
    assert not parse_switch({"enabled": False, "unknown": 1}).enabled


@pytest.mark.parametrize("name", ["user_id", "thread_id"])
@pytest.mark.parametrize("value", ["\ud800", "a:\0", "a:\udfff"])
def test_clean_up_of_a_name_that_no_store_takes_is_refused(name: str, value: str) -> None:
    records = cast(Any, lambda: SimpleNamespace())
    with pytest.raises(BadRequestError):
        CheckpointsService(records=records, default_keep_count=2).clean_up({name: value})


@pytest.mark.parametrize(
    ("value", "tells"),
    [(None, True), (True, True), ("true", True), (1, True), (False, False), ("false", False), ("0", False), (0, False)],
)
def test_dry_run_of_combine_is_read_as_the_boolean_it_says(value: object, tells: bool) -> None:
    assert CombineRequest(dry_run=value).only_tells is tells

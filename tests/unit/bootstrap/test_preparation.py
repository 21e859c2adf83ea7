"""What the launcher shows while it prepares, and the small decisions around it."""

import io
from datetime import date

import pytest
from rich.console import Console

from bootstrap.preparation import demo_end_date, split_names
from common.errors import ConfigurationError
from serving.progress_display import ProgressDisplay


def shown(*steps: str, shown_seconds: float = 0.0) -> list[str]:
    output = io.StringIO()
    console = Console(file=output, force_terminal=False, width=200)
    with ProgressDisplay(console, shown_seconds=shown_seconds) as display:
        for step in steps:
            display(step)
    return output.getvalue().splitlines()


def test_counting_steps_become_one_line() -> None:
    lines = shown("装载 table_a 0%", "装载 table_a 50%", "装载 table_a 100%", "装载 table_b 10%")
    assert [line.rsplit(" ", 1)[0] for line in lines] == ["装载 table_a", "装载 table_b"]


def test_steps_that_cost_nothing_are_not_shown() -> None:
    assert shown("检查", "升级", shown_seconds=60) == []


def test_comma_separated_setting_is_read_leniently() -> None:
    assert split_names(" public, ods ,,") == ("public", "ods")
    assert split_names("") == ()


def test_date_that_is_none_stops_the_start_with_the_settings_name() -> None:
    assert demo_end_date("2024-06-30") == date(2024, 6, 30)
    assert demo_end_date("") is None
    with pytest.raises(ConfigurationError, match="DEMO_END_DATE"):
        demo_end_date("2024-02-30")

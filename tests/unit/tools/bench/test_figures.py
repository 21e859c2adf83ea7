"""The lines measurements print, and the load that counts what a worker's end costs."""

import json

import pytest

from tools.bench.figures import Figure, show


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure("rate", 2.0, "ratio", 1.5), True),
        (Figure("rate", 1.4, "ratio", 1.5), False),
        (Figure("failures", 0, "requests", 0, "lower"), True),
        (Figure("failures", 1, "requests", 0, "lower"), False),
        (Figure("rate", None, "ratio", 1.5), False),
        (Figure("rate", 7000.0, "requests/s"), None),
    ],
)
def test_line_says_whether_the_goal_is_met(figure: Figure, met: bool | None) -> None:
    line = json.loads(figure.line())
    assert list(line) == ["figure", "value", "unit", "goal", "met"]
    assert line["met"] is met


def test_one_missed_goal_fails_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = Figure("a", 1, "x", 1), Figure("b", 0, "x", 1)
    assert show([good, Figure("c", 0, "x")])
    assert not show([good, bad])
    assert len(capsys.readouterr().out.splitlines()) == 4

"""Regular expressions that run on whole texts of a caller or a model take time in proportion to them."""

import re
import time

import pytest
import yaml

from agent import full_width, model_replies
from core.vector_store import screening

SIZE = 3_000
# A search that takes longer on a text of SIZE units is made on twice as many: linear costs 2, quadratic 4.
NOTICEABLE_SECONDS = 0.02
LARGEST_GROWTH = 3.2
FENCES = yaml.safe_load(screening._PATTERN_FILE.read_text("utf-8"))["fences"]
STARTS = ("", "<", "<<", "<|", "system", "## prompt", "## prompt:", "```", "```a", "，", "```sql ", "[")
UNITS = (" ", "\n", "\t", "a", "#", "'", "`", "，", "a ", "\n ", "，a", "```a", "<", "[ ")


def seconds(pattern: re.Pattern[str], text: str) -> float:
    best = float("inf")
    for _ in range(2):
        before = time.process_time()
        pattern.search(text)
        best = min(best, time.process_time() - before)
    return best


@pytest.mark.parametrize(
    "pattern",
    [
        *(re.compile(one, re.MULTILINE) for one in FENCES),
        full_width._PROSE,
        model_replies._FENCE,
        model_replies._PROSE_LINE,
    ],
    ids=lambda pattern: pattern.pattern,
)
def test_time_grows_with_the_text(pattern: re.Pattern[str]) -> None:
    for start in STARTS:
        for unit in UNITS:
            once = seconds(pattern, f"{start}{unit * SIZE}'")
            if once > NOTICEABLE_SECONDS:
                twice = seconds(pattern, f"{start}{unit * SIZE * 2}'")
                assert twice < LARGEST_GROWTH * once, (start, unit)

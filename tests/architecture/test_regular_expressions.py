"""No regular expression of the product works longer on a text than the text is long, by counted steps.

`python -m tools.regex_growth` does the same with the engine itself and processor time.
"""

import re

import pytest

from agent.reply_vocabulary import vocabulary
from core.vector_store import screening
from tools.regex_growth import Found, counted_growth, product_patterns

BOUNDED = {
    "core/vector_store/known_terms.py": "clauses of at most 80 characters",
    "offline/time_patterns.py": "folded questions, which have no two blanks in a row",
    "serving/progress_display.py": "the service's own lines",
    "web/security_headers.py": "the service's own documentation page",
}
"""Modules with a pattern that grows faster than its text, and why its texts stay short or harmless."""

MADE_AT_RUN_TIME = {
    "agent/classification/data_questions.py": "alternatives of the language data",
    "agent/classification/dictionary.py": "the administrator's own file",
    "agent/reply_vocabulary.py": "looked at below",
    "common/secret_masking.py": "escaped secrets",
    "common/settings_table.py": "patterns of the settings table",
    "core/prompt_values.py": "patterns of the list of names of people's data",
    "core/sql_executor/backend_memory.py": "lines of /proc",
    "core/vector_store/known_terms.py": "an escaped word",
    "core/vector_store/screening.py": "looked at below",
    "data_pipeline/trained_records.py": "escaped names",
    "offline/classifying.py": "an escaped word",
    "offline/time_grammar.py": "names of holidays; folded questions",
}
"""Modules that make a pattern when they are called, and of what."""


def found(pattern: str, flags: int = 0, *methods: str) -> Found:
    return Found("here", 1, "compile", pattern, flags, frozenset(methods or ("search",)))


@pytest.mark.parametrize(
    ("pattern", "grows"),
    [
        (r"\s+或", True), (r"(?<!\s)\s++或", False), (r"(a+)+b", True), (r"a*a*b", True), (r"(?:a|a)*b", True),
        (r"/\*.*?\*/", True), (r"/\*.*?(?:\*/|\Z)", False), (r"[a-z]+", False), (r"a{0,20}b", False),
        (r"(?:x\s*)*y", True),
        (r"\(.*\)", True), (r"\([^()]*+\)", False), (r"^\s*$", False), (r"(?>a+)b", True), (r"\bfoo\b", False),
    ],
)  # fmt: skip
def test_growth_is_told_by_counted_steps(pattern: str, grows: bool) -> None:
    assert bool(counted_growth(found(pattern))) is grows


def test_a_pattern_asked_about_the_beginning_only_is_not_tried_everywhere() -> None:
    assert not counted_growth(found(r"\s*x", 0, "match", "fullmatch"))
    assert counted_growth(found(r"\s*x", 0, "match", "search"))


def test_no_pattern_grows_faster_than_its_text() -> None:
    walk = product_patterns()
    assert len(walk.found) > 200
    growing = {one: how for one in walk.found if (how := counted_growth(one))}
    assert not {one.place: how for one, how in growing.items() if one.path not in BOUNDED}
    assert {one.path for one in growing} == set(BOUNDED)
    assert {line.partition(":")[0] for line in walk.unknown} == set(MADE_AT_RUN_TIME)


def test_patterns_of_data_files_do_not_grow_either() -> None:
    fences, phrases, compact = screening._patterns()
    labels = [value for value in vars(vocabulary()).values() if isinstance(value, re.Pattern)]
    made = [fences, phrases, *compact, *labels]
    assert len(made) > 10
    growing = {one.pattern[:80]: how for one in made if (how := counted_growth(found(one.pattern, one.flags)))}
    assert not growing

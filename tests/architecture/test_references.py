"""What code and documents refer to exists: pages, links, modules; and nothing refers to what a stranger cannot open."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FROZEN = "citu_app.py"
TEXT_ENDINGS = (".py", ".md", ".yaml", ".toml", ".in", "Makefile")

PAGE = re.compile(r"\bdocs/[\w./-]+\.md\b")
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)")
CODE_PATH = re.compile(
    r"`((?:agent|bootstrap|common|core|cutover|data_pipeline|demo|features|offline|react_agent|scripts|serving|tests|tools|web)"
    r"/[\w/.-]+\.(?:py|yaml|txt|sql|md))`"
)
UNRESOLVABLE = re.compile(
    r"\bcontract [0-9]{2}\b|\brulings?: wire|\bruling [0-9]+\b|\basync guide\b|\bmain guide\b|\bfigure [0-9]+\b",
    re.IGNORECASE,
)
HISTORY = re.compile(r"\bas (?:it|they) always (?:was|were|did|had)\b", re.IGNORECASE)


def tracked(*endings: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    paths = [ROOT / name for name in listed if name.endswith(endings) and name != FROZEN]
    return [path for path in paths if path.is_file() and path != Path(__file__)]


def places(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """`file:line: match` for every match."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {match.group(0)}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in pattern.finditer(line)
    ]


def test_every_page_that_is_named_exists() -> None:
    named = [(place, place.rsplit(": ", 1)[1]) for place in places(PAGE, tracked(*TEXT_ENDINGS))]
    assert [place for place, page in named if not (ROOT / page).is_file()] == []


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in tracked(".md")
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_decisions_and_documents_name_only_files_that_exist() -> None:
    named = [(place, place.rsplit(": ", 1)[1].strip("`")) for place in places(CODE_PATH, tracked(".md"))]
    assert [place for place, path in named if not (ROOT / path).exists()] == []


def test_nothing_refers_to_documents_outside_of_the_repository() -> None:
    assert places(UNRESOLVABLE, tracked(*TEXT_ENDINGS)) == []


def test_code_says_what_holds_not_what_always_was() -> None:
    assert places(HISTORY, tracked(".py")) == []


@pytest.mark.parametrize("line", ["contract 80 section 2.6", "(rulings: wire, 1)", "Figure 38", "the async guide's"])
def test_the_patterns_find_what_they_are_for(line: str) -> None:
    assert UNRESOLVABLE.search(line)

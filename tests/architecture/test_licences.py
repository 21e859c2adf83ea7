"""What the runtime's packages say of their licences: nothing our own could not stand beside."""

import re
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PINNED = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
LESSER = {"psycopg", "psycopg-binary", "psycopg-pool", "psycopg2-binary"}
STRONG = re.compile(r"(?<![\w-])A?GPL|(?<!lesser )general public|affero", re.IGNORECASE)
WEAK = re.compile(r"LGPL|lesser general public", re.IGNORECASE)


def licence_of(name: str) -> str:
    """What the installed package's metadata says, in the order of their exactness."""
    metadata = distribution(name).metadata
    classifiers = [one for one in metadata.get_all("Classifier") or [] if one.startswith("License ::")]
    stated = metadata.get("License-Expression") or "; ".join(classifiers) or (metadata.get("License") or "")[:200]
    return str(stated)


def test_the_pins_are_read() -> None:
    assert {"flask", "psycopg", "sqlglot"} <= set(PINNED)


@pytest.mark.parametrize("name", PINNED)
def test_the_licence_allows_what_we_do(name: str) -> None:
    stated = licence_of(name)
    assert stated, f"{name} does not say under which licence it is"
    without_lesser = WEAK.sub("", re.sub(r"library or lesser", "lesser", stated, flags=re.IGNORECASE))
    assert not STRONG.search(without_lesser), stated
    assert bool(WEAK.search(stated)) == (name in LESSER), stated


def test_the_exceptions_are_named() -> None:
    notice = (ROOT / "NOTICE").read_text()
    assert not [name for name in LESSER if name not in notice]
    assert "Apache License" in (ROOT / "LICENSE").read_text()

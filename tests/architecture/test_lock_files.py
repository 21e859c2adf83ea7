"""The lock files: every package pinned to one version and to the hashes of its files, and no index named."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements-venv.txt", "requirements.txt", "requirements-dev.txt")


def entries(name: str) -> list[str]:
    """The requirements of a lock file, each with its continuation lines."""
    text = "\n".join(line for line in (ROOT / name).read_text().splitlines() if not line.lstrip().startswith("#"))
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_has_a_version_and_hashes(name: str) -> None:
    assert entries(name)
    for entry in entries(name):
        assert re.match(r"[A-Za-z0-9_.-]+(?:\[[^\]]+\])?==\S+", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


@pytest.mark.parametrize("name", LOCKS)
def test_no_index_is_named(name: str) -> None:
    assert not re.search(
        r"https?://|file://|--(?:extra-)?index-url|--find-links|--trusted-host", (ROOT / name).read_text()
    )


def test_make_installs_by_hash_alone() -> None:
    installing = [line for line in (ROOT / "Makefile").read_text().splitlines() if "pip install" in line]
    assert installing
    assert all("--require-hashes" in line for line in installing)

"""Every text for users is used by some code: a text that nothing says misleads whoever looks for it."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = ROOT / "common" / "messages"
BESIDE = frozenset({"tests", "data", "logs"})
_WORD = re.compile(r"[A-Z][A-Z0-9_]+")


def defined_names() -> dict[str, str]:
    """The module of each constant."""
    return {
        target.id: path.name
        for path in MESSAGES.glob("*.py")
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name)
    }


def times_written() -> dict[str, int]:
    """How often each name in capitals stands in the code, its definition included."""
    counts: dict[str, int] = {}
    folders = [one for one in ROOT.iterdir() if one.is_dir() and one.name not in BESIDE and one.name[0] != "."]
    for path in [*ROOT.glob("*.py"), *(found for folder in folders for found in folder.rglob("*.py"))]:
        for name in _WORD.findall(path.read_text(encoding="utf-8")):
            counts[name] = counts.get(name, 0) + 1
    return counts


def test_every_text_is_used() -> None:
    """English texts are looked up by the Chinese one's name with `_EN` behind it."""
    counts, names = times_written(), defined_names()
    assert len(names) > 500
    unused = {
        f"{module}: {name}"
        for name, module in names.items()
        if counts[name] < 2 and counts.get(name.removesuffix("_EN"), 0) < 2
    }
    assert not unused

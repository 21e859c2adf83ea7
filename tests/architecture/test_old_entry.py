"""The old entry is frozen, reaches only its port, and what it loads is a reviewed list."""

import ast
import functools
import hashlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

from bootstrap.legacy_port import LegacyPort

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ROOT / "citu_app.py"
FROZEN = ROOT / "tests" / "fixtures" / "frozen_entry.json"
SIGNATURES = ROOT / "tests" / "fixtures" / "legacy_port.json"
LOADED = ROOT / "tests" / "fixtures" / "old_entry_modules.txt"
FUNCTION_CAP = 60
OURS = (
    "agent",
    "app_config",
    "bootstrap",
    "channels",
    "common",
    "core",
    "data_pipeline",
    "demo",
    "features",
    "react_agent",
    "serving",
    "web",
)
LIST_MODULES = """
import sys
import citu_app
print("\\n".join(sorted(sys.modules)))
"""


@functools.cache
def modules_it_loads() -> list[str]:
    done = subprocess.run([sys.executable, "-c", LIST_MODULES], capture_output=True, text=True, cwd=ROOT, check=True)
    return done.stdout.split()


def test_text_is_frozen() -> None:
    """Its hash stands in one file with the date; CONTRIBUTING.md says why it may not change."""
    assert hashlib.sha256(ENTRY.read_bytes()).hexdigest() == json.loads(FROZEN.read_text())["sha256"]


def test_entry_imports_flask_and_the_port_alone() -> None:
    tree = ast.parse(ENTRY.read_text())
    named = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert named == {"datetime", "flask", "werkzeug.exceptions", "bootstrap.legacy_port"}
    assert plain == {"asyncio", "io", "json"}


def test_functions_are_short_enough() -> None:
    functions = [node for node in ast.walk(ast.parse(ENTRY.read_text())) if isinstance(node, ast.FunctionDef)]
    assert not [one.name for one in functions if (one.end_lineno or 0) - one.lineno >= FUNCTION_CAP]


def test_signatures_of_the_port_never_change() -> None:
    """New methods are added to the list; a line in it stays as it is."""
    methods = inspect.getmembers(LegacyPort, inspect.isfunction)
    public = {name: str(inspect.signature(method)) for name, method in methods if not name.startswith("_")}
    assert public == json.loads(SIGNATURES.read_text())
    for name, method in methods:
        if not name.startswith("_"):
            kinds = {one.kind for one in list(inspect.signature(method).parameters.values())[1:]}
            assert kinds <= {inspect.Parameter.KEYWORD_ONLY}, name


def test_modules_it_loads_are_a_reviewed_list() -> None:
    """A line too many here is one more thing that can keep the old entry from starting."""
    loaded = [name for name in modules_it_loads() if name.partition(".")[0] in OURS]
    assert loaded == LOADED.read_text().split()
    beyond = [name for name in loaded if name.endswith(".routes") or name.startswith(("react_agent", "channels"))]
    assert beyond == ["react_agent", "react_agent.config"]  # rows of the settings table, nothing that runs


def test_it_needs_no_server_or_documentation_library() -> None:
    assert not {"uvicorn", "flask_restx", "asgiref", "langgraph"} & set(modules_it_loads())

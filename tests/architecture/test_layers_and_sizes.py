"""The house rules that a tool can check: sizes, closed lists, entries, one place that makes event loops."""

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "agent",
    "bootstrap",
    "common",
    "core",
    "cutover",
    "data_pipeline",
    "demo",
    "features",
    "offline",
    "react_agent",
    "scripts",
    "serving",
    "tools",
    "web",
)
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
ENTRIES = {"unified_api.py": 40, "asgi_app.py": 80}
MODULE_CAP = 500
FUNCTION_CAP = 60
COMMON_MODULES = {
    "__init__.py",
    "answering.py",
    "askers.py",
    "business_schema.py",
    "caller.py",
    "cancellation.py",
    "config_service.py",
    "conversation_layout.py",
    "derived_settings.py",
    "errors.py",
    "question_answer_cache.py",
    "redis_conversation_manager.py",
    "redis_keys.py",
    "result.py",
    "secret_masking.py",
    "settings_file.py",
    "settings_table.py",
    "tenant.py",
}
CATCH_ALL_NAMES = {"utils", "util", "helpers", "helper", "misc", "base", "manager2"}
BROAD_EXCEPT_MODULES = {
    "bootstrap/legacy_port.py",  # the port answers whatever goes wrong
    "serving/asgi_adapter/adapter.py",
    "serving/asgi_adapter/exchange.py",
    "core/thread_lane.py",
    "serving/asgi_adapter/body.py",
    "core/async_bridge.py",
    "core/embedded/supervisor.py",
    "core/logging/handlers.py",
    "core/runs/runner.py",
    "features/health/agent/service.py",  # a health check answers whatever broke
    "core/sql_guard/guard.py",  # a check that fails must refuse, never admit
}


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_module_is_short_enough(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MODULE_CAP


@pytest.mark.parametrize("path", [*MODULES, *(ROOT / entry for entry in ENTRIES)], ids=relative)
def test_functions_are_short_enough(path: Path) -> None:
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_CAP
    }
    assert not long


@pytest.mark.parametrize(("entry", "cap"), ENTRIES.items())
def test_entry_only_wires(entry: str, cap: int) -> None:
    source = (ROOT / entry).read_text()
    assert len(source.splitlines()) <= cap
    assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]


def test_entries_import_only_from_the_top() -> None:
    allowed = {
        "unified_api.py": {"bootstrap", "serving", "web"},
        "asgi_app.py": {"serving", "unified_api", "typing", "collections", "__future__", "asyncio"},
    }
    for entry, packages in allowed.items():
        assert imported_packages(ROOT / entry) <= packages


def test_common_is_a_closed_list() -> None:
    assert {path.name for path in (ROOT / "common").glob("*.py")} == COMMON_MODULES


def test_common_imports_nothing_of_ours() -> None:
    for path in (ROOT / "common").rglob("*.py"):
        assert not imported_packages(path) & {*PACKAGES, "app_config"} - {"common"}, path


def test_nothing_imports_tests() -> None:
    assert not [relative(path) for path in MODULES if "tests" in imported_packages(path)]


def test_one_place_makes_event_loops() -> None:
    makers = ("new_event_loop", "asyncio.run(", "run_until_complete", "asyncio.Runner", "SelectorEventLoop", "uvloop.")
    found = {relative(path) for path in MODULES for maker in makers if maker in path.read_text()}
    assert found <= {"core/async_bridge.py", "tools/bench/load.py"}


def test_nothing_wraps_loops_around_the_agent() -> None:
    wrappers = ("run_async_safely", "ensure_agent_ready_sync")
    assert not [relative(path) for path in MODULES if any(name in path.read_text() for name in wrappers)]


def test_nothing_is_called_anything() -> None:
    assert not [relative(path) for path in MODULES if path.stem in CATCH_ALL_NAMES or path.stem.startswith("new_")]


def test_only_named_boundaries_catch_everything() -> None:
    found = {relative(path) for path in MODULES if catches_everything(path)}
    assert found <= BROAD_EXCEPT_MODULES


def test_user_texts_stand_in_one_file() -> None:
    """Chinese in a string literal outside the messages, docstrings apart, is a text that escaped."""
    vocabulary = ("offline/", "demo/", "common/messages/", "cutover/parity/rules/", "tools/harness/")
    escaped = [
        f"{relative(path)}:{node.lineno} {node.value!r}"
        for path in MODULES
        if not relative(path).startswith(vocabulary)
        for node in string_literals(tree_of(path))
        if any("\u4e00" <= character <= "\u9fff" for character in node.value)
    ]
    assert not escaped


def test_the_project_speaks_of_itself_alone() -> None:
    forbidden = ("Cop" + "ilot", "Chat" + "GPT", "this se" + "ssion")
    texts = [*MODULES, *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert not [relative(path) for path in texts if any(word in path.read_text() for word in forbidden)]


def imported_packages(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def catches_everything(path: Path) -> bool:
    """A handler that cleans up and raises again keeps nothing from anybody."""
    return any(
        isinstance(node, ast.ExceptHandler)
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
        for node in ast.walk(tree_of(path))
    )


def string_literals(tree: ast.Module) -> list[ast.Constant]:
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]

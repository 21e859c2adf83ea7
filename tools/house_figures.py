"""`python -m tools.house_figures [FOLDER]`: the sizes of this tree, or of another checkout of it, one line a figure.

Lengths count every line, complexity counts every decision: branches, loops, handlers, conditions joined by `and` or
`or`, conditional expressions and comprehensions. That is stricter than McCabe's number, which ruff checks (C901).
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

PRODUCT: Final = (
    "agent",
    "bootstrap",
    "channels",
    "common",
    "core",
    "data_pipeline",
    "features",
    "offline",
    "react_agent",
    "serving",
    "web",
)
"""Packages that a running service loads."""

BESIDE: Final = ("cutover", "demo", "scripts", "tools")
HIGH_COMPLEXITY: Final = 10

Function = ast.FunctionDef | ast.AsyncFunctionDef


def complexity_of(function: Function) -> int:
    """1 for a function that decides nothing; what functions inside it decide counts, too."""
    return 1 + sum(_decisions_of(node) for node in ast.walk(function))


def functions_of(path: Path) -> list[Function]:
    """Every function and method of a module, inner ones included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m tools.house_figures", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parents[1])
    for line in _figures(parser.parse_args(arguments).folder):
        print(line)
    return 0


def _figures(root: Path) -> Iterator[str]:
    product = [path for name in PRODUCT for path in _modules(root / name)]
    beside = [path for name in BESIDE for path in _modules(root / name)]
    yield f"product: {sum(map(_lines, product))} lines in {len(product)} modules"
    for name in (*BESIDE, "tests"):
        paths = _modules(root / name)
        yield f"{name}: {sum(map(_lines, paths))} lines in {len(paths)} modules"
    yield from _spreads("product", product)
    yield from _spreads("product and tools", product + beside)
    yield f"folders of features: {sum(any(path.glob('*.py')) for path in (root / 'features').iterdir())}"
    yield f"files of bootstrap: {len(_modules(root / 'bootstrap'))}"


def _spreads(title: str, paths: Sequence[Path]) -> Iterator[str]:
    functions = [function for path in paths for function in functions_of(path)]
    lengths = [(function.end_lineno or 0) - function.lineno + 1 for function in functions]
    high = sum(complexity_of(function) > HIGH_COMPLEXITY for function in functions)
    yield f"modules of {title}, lines: {_spread(map(_lines, paths))}"
    yield f"functions of {title}, lines: {_spread(lengths)}"
    yield f"functions of {title} above complexity {HIGH_COMPLEXITY}: {high} of {len(functions)}"


def _modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def _decisions_of(node: ast.AST) -> int:
    if isinstance(node, ast.If | ast.For | ast.AsyncFor | ast.While | ast.ExceptHandler | ast.IfExp | ast.match_case):
        return 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    return len(node.values) - 1 if isinstance(node, ast.BoolOp) else 0


def _spread(values: Iterable[int]) -> str:
    """Median, 90th percentile and maximum."""
    ordered = sorted(values)
    return f"{ordered[len(ordered) // 2]} / {ordered[len(ordered) * 9 // 10]} / {ordered[-1]}"


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


if __name__ == "__main__":
    sys.exit(main())

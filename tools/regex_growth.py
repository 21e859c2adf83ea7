"""Finds regular expressions of the product whose work grows faster than the text: `python -m tools.regex_growth`.

Every call of `re` is found in the syntax trees of the product's modules, and its pattern is evaluated there. For each
repetition of a pattern texts are made that enter it, go on for long and then fail; the processor time for texts of one,
two and four times a length says how the work grows. Prints one line for each pattern that grows faster than its text,
those included whose texts are bounded (`tests/architecture/test_regular_expressions.py` says how); exit code 1 for any.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from re import _constants as op
from re import _parser as parser
from types import FrameType, ModuleType
from typing import Any, Final

from tools.regex_steps import LIMIT, StepCounter, takes

ROOT: Final = Path(__file__).resolve().parents[1]
PRODUCT: Final = (
    "agent", "bootstrap", "common", "core", "data_pipeline", "features", "offline", "react_agent", "serving", "web",
)  # fmt: skip
CALLS: Final = frozenset({"compile", "search", "match", "fullmatch", "findall", "finditer", "sub", "subn", "split"})
REPEATS: Final = (10, 30)
LENGTHS: Final = (2_000, 4_000, 8_000)
_LEAST_SECONDS: Final = 0.004
_FASTER_THAN_LINEAR: Final = 2.8
_FASTER_IN_STEPS: Final = 4.2
_SECONDS: Final = 2.0
_MAYBE: Final = re.compile(r"\bre\.[a-z]+\(")
_SUFFIXES: Final = ("\x00", "\n\x00", "")
_UNBOUNDED: Final = 200
_ENTERING: Final = "a0 \n-(_.,\"'/*`" + chr(0x4E00)
_ALPHABET: Final = [chr(code) for code in (*range(9, 14), *range(32, 127), 0x4E00, 0x3002, 0xFF0C, 0xE9, 0x200B)]


@dataclass(frozen=True)
class Found:
    """One pattern: where it stands, and with which flags and by which function of `re` it is used."""

    path: str
    line: int
    call: str
    pattern: str
    flags: int
    methods: frozenset[str] = frozenset()

    @property
    def is_anchored(self) -> bool:
        """Whether it is only asked about the beginning of a text."""
        return bool(self.methods) and self.methods <= {"match", "fullmatch"}

    @property
    def is_full(self) -> bool:
        """Whether it is only asked about whole texts."""
        return self.methods == {"fullmatch"}

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Walk:
    """All patterns, and the calls whose pattern is only known when they are made."""

    found: list[Found]
    unknown: list[str]


def product_patterns(root: Path = ROOT) -> Walk:
    """The patterns of all calls of `re` in the product's modules."""
    walk = Walk([], [])
    paths = [path for package in PRODUCT for path in sorted((root / package).rglob("*.py"))]
    sources = {path: path.read_text("utf-8") for path in paths}
    everything = "\n".join(sources.values())
    for path, source in sources.items():
        if not _MAYBE.search(source):
            continue
        tree = ast.parse(source)
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_of_re(node)]
        if calls:
            relative = path.relative_to(root)
            name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
            names = _names(tree)
            uses = {one: _uses(one, source if one.startswith("_") else everything) for one in names.values()}
            _collect(relative.as_posix(), importlib.import_module(name), calls, walk, names, uses)
    return walk


def _names(tree: ast.Module) -> dict[int, str]:
    """What a pattern made by a call is called, by the call's identity; `.match` when a method is called at once."""
    found: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call) and _is_of_re(node.value):
            found[id(node.value)] = f".{node.attr}"
        is_assigned = isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call)
        if is_assigned and _is_of_re(node.value):  # type: ignore[attr-defined]
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target  # type: ignore[attr-defined]
            if isinstance(target, ast.Name):
                found[id(node.value)] = target.id  # type: ignore[attr-defined]
    return found


def _uses(name: str, source: str) -> set[str]:
    """The methods asked of a name in the source; `*` where it is handed on."""
    found = re.finditer(rf"(?<![\w.]){name}(?:\.(\w+)|(\s*(?::[^=\n]+)?=(?!=)))?|\.{name}\.(\w+)", source)
    return {match[1] or match[3] or "*" for match in found if not match[2]}


def _is_of_re(node: ast.Call) -> bool:
    function = node.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "re"
        and function.attr in CALLS
    )


def _collect(
    path: str,
    module: ModuleType,
    calls: Sequence[ast.Call],
    walk: Walk,
    names: Mapping[int, str],
    uses: Mapping[str, set[str]],
) -> None:
    for node in calls:
        name = node.func.attr  # type: ignore[attr-defined]
        place = {"compile": 1, "sub": 4, "subn": 4, "split": 3}.get(name, 2)
        flags = [one.value for one in node.keywords if one.arg == "flags"] or node.args[place : place + 1]
        try:
            pattern = _value(node.args[0], module)
            number = int(_value(flags[0], module)) if flags else 0
        except (NameError, AttributeError, LookupError, TypeError, ValueError):  # known only when the call is made
            walk.unknown.append(f"{path}: {ast.unparse(node.args[0])}")
            continue
        if isinstance(pattern, str):
            called = names.get(id(node), "")
            at_once = {name} if name != "compile" else {called[1:]} if called.startswith(".") else None
            methods = uses.get(called, set()) if at_once is None else at_once
            walk.found.append(Found(path, node.lineno, name, pattern, number, frozenset(methods)))


def _value(node: ast.expr, module: ModuleType) -> Any:
    return eval(compile(ast.Expression(node), "<pattern>", "eval"), dict(vars(module)))  # noqa: S307 - our own source


def counted_growth(found: Found) -> str:
    """The same by counted steps on short texts, which takes milliseconds and no clock."""
    counter = StepCounter(found.pattern, found.flags, is_anchored=found.is_anchored, is_full=found.is_full)
    for prefix, body in attacks(found.pattern, found.flags):
        short, long = (counter.steps(prefix + body * number + "\x00") for number in REPEATS)
        if long >= LIMIT or long > short * _FASTER_IN_STEPS:
            return f"{prefix!r} + {body!r} * n"
    return ""


def is_super_linear(found: Found) -> str:
    """The kind of text that makes the pattern's work grow faster than the text, in a few words; empty for none."""
    compiled = re.compile(found.pattern, found.flags)
    method = compiled.fullmatch if found.is_full else compiled.match if found.is_anchored else compiled.search
    for prefix, body in attacks(found.pattern, found.flags):
        for suffix in _SUFFIXES:
            if _grows(method, prefix, body, suffix):
                return f"{prefix!r} + {body!r} * n + {suffix!r}"
    return ""


def _grows(method: Any, prefix: str, body: str, suffix: str) -> bool:
    times = []
    for length in LENGTHS:
        text = prefix + body * (length // len(body)) + suffix
        seconds = min(_seconds(method, text) for _ in range(2))
        if seconds >= _SECONDS:
            return True
        times.append(seconds)
    is_worth_it = times[-1] > _LEAST_SECONDS
    return is_worth_it and times[-1] > times[-2] * _FASTER_THAN_LINEAR


def _seconds(method: Any, text: str) -> float:
    """The processor time of one search; it is ended when it takes too long."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    started = time.process_time()
    try:
        method(text)
        return time.process_time() - started
    except TimeoutError:
        return _SECONDS
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def attacks(pattern: str, flags: int = 0) -> list[tuple[str, str]]:
    """Beginnings and the texts to repeat behind them: one for each unbounded repetition and each character it takes."""
    found = _attacks(parser.parse(pattern, flags), "", flags)
    return list(dict.fromkeys((prefix, body) for prefix, body in found if body))


def _attacks(tree: Any, prefix: str, flags: int) -> Iterator[tuple[str, str]]:
    reached = prefix
    for kind, value in tree:
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            least, most, inner = value
            if most is op.MAXREPEAT or most >= _UNBOUNDED:
                for body in _samples(inner, flags):
                    yield reached, body
                    yield "", reached + body
            yield from _attacks(inner, reached, flags)
            reached += _sample(inner, flags) * least
            continue
        for branch in _inside(kind, value):
            yield from _attacks(branch, reached, flags)
        reached += _sample([(kind, value)], flags)


def _inside(kind: Any, value: Any) -> list[Any]:
    if kind is op.SUBPATTERN:
        return [value[-1]]
    if kind is op.BRANCH:
        return list(value[1])
    if kind in (op.ASSERT, op.ASSERT_NOT):
        return [value[1]]
    return [value] if kind is op.ATOMIC_GROUP else []


def _samples(tree: Any, flags: int) -> list[str]:
    """Short texts that the tree matches: a few characters of a class, and each branch."""
    items = list(tree)
    if len(items) == 1 and items[0][0] in (op.IN, op.ANY, op.NOT_LITERAL, op.CATEGORY):
        return [one for one in _ENTERING if takes(items[0][0], items[0][1], one, flags)][:8] or [_sample(items, flags)]
    if len(items) == 1 and items[0][0] is op.BRANCH:
        return [_sample(branch, flags) for branch in items[0][1][1]]
    if len(items) == 1 and items[0][0] is op.SUBPATTERN:
        return _samples(items[0][1][-1], flags)
    return [_sample(items, flags)]


def _sample(tree: Any, flags: int) -> str:
    return "".join(_sampled(kind, value, flags) for kind, value in tree)


def _sampled(kind: Any, value: Any, flags: int) -> str:
    if kind is op.LITERAL:
        return chr(int(value))
    if kind in (op.IN, op.ANY, op.NOT_LITERAL, op.CATEGORY):
        taken: Iterator[str] = (one for one in _ALPHABET[24:] + _ALPHABET if takes(kind, value, one, flags))
        return next(taken, "")
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        return _sample(value[2], flags) * int(value[0])
    if kind is op.SUBPATTERN:
        return _sample(value[-1], flags)
    if kind is op.BRANCH:
        return _sample(value[1][0], flags)
    if kind is op.ATOMIC_GROUP:
        return _sample(value, flags)
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when a pattern grows faster than its text."""
    argparse.ArgumentParser(prog="regex_growth", description=__doc__).parse_args(arguments)
    walk = product_patterns()
    growing = [(one, how) for one in walk.found if (how := is_super_linear(one))]
    for one, how in growing:
        print(f"{one.place} {one.call} {one.pattern[:80]!r}: {how[:100]}")
    print(f"{len(walk.found)} patterns, {len(walk.unknown)} only known at run time, {len(growing)} grow faster")
    for line in walk.unknown:
        print(f"  not read: {line}")
    return 1 if growing else 0


if __name__ == "__main__":
    sys.exit(main())

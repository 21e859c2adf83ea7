"""`python -m scripts.compatibility_matrix --csv FILE | --xlsx FILE`: every route of both entries, side by side.

The unified entry's rows come from the route table, the old entry's from the text of `citu_app.py` (it is not started),
the intended differences from the parity rules.
"""

from __future__ import annotations

import argparse
import ast
import csv
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from openpyxl import Workbook

from cutover.parity.rules import RULES
from features.compatibility.compatibility_map import compatibility_map
from web.route_table import ROUTES

OLD_ENTRY: Final = Path(__file__).resolve().parents[1] / "citu_app.py"
COLUMNS: Final = (
    "method", "path", "handler", "agent_type", "deprecated", "status", "access", "old_entry", "unified", "differences",
)  # fmt: skip
NOBODYS_PATH: Final = "/api/v0/no-such-route"
"""A rule about this one is about every path, so it says nothing of a route."""
_ROUTE_DECORATORS: Final = frozenset({"route", "get", "post", "put", "delete", "patch"})
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")

Row = tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when the file was written."""
    parser = argparse.ArgumentParser(prog="scripts.compatibility_matrix", description=__doc__)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--csv", type=Path, help="write comma-separated values, UTF-8 with a byte order mark")
    target.add_argument("--xlsx", type=Path, help="write a workbook")
    options = parser.parse_args(arguments)
    rows = matrix(old_routes(OLD_ENTRY))
    if options.csv:
        write_csv(options.csv, rows)
    else:
        write_xlsx(options.xlsx, rows)
    print(f"{len(rows)} routes")
    return 0


def matrix(old: frozenset[tuple[str, str]]) -> list[Row]:
    """A row for each method and path of either entry, as text, formulas escaped."""
    table = compatibility_map(ROUTES)
    new = {(method, path) for path, row in table.items() for method in row["methods"] or ("POST",)}
    rows = []
    for method, path in sorted(new | old, key=lambda pair: (pair[1], pair[0])):
        known = table.get(path, {})
        is_served = (method, path) in new and known.get("status") == "active"
        described = [str(known.get(name, "")) for name in ("handler", "agent_type", "deprecated", "status", "access")]
        sides = [_yes(is_old) for is_old in ((method, path) in old, is_served)]
        rows.append(tuple(escaped(cell) for cell in (method, path, *described, *sides, _differences(path))))
    return rows


def old_routes(entry: Path) -> frozenset[tuple[str, str]]:
    """Method and path of every route the entry's text declares; none when there is no such file."""
    if not entry.is_file():
        return frozenset()
    calls = (
        decorator
        for node in ast.walk(ast.parse(entry.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
    )
    return frozenset(pair for call in calls if isinstance(call, ast.Call) for pair in _declared(call))


def escaped(cell: str) -> str:
    """The text with an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """The matrix with its header."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def write_xlsx(path: Path, rows: Sequence[Row]) -> None:
    """The matrix with its header, frozen; every cell is text."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None  # noqa: S101 - a new workbook has a sheet
    sheet.title = "compatibility"
    for number, row in enumerate([COLUMNS, *rows], start=1):
        for place, value in enumerate(row, start=1):
            cell = sheet.cell(number, place, value)
            cell.data_type = "s"
    sheet.freeze_panes = "A2"
    book.save(path)


def _declared(call: ast.Call) -> Iterator[tuple[str, str]]:
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in _ROUTE_DECORATORS or not call.args:
        return
    path = call.args[0]
    if not isinstance(path, ast.Constant) or not isinstance(path.value, str):
        return
    named = next((keyword.value for keyword in call.keywords if keyword.arg == "methods"), None)
    methods = ast.literal_eval(named) if named is not None else ["GET"]
    for method in methods if function.attr == "route" else [function.attr]:
        yield str(method).upper(), path.value


def _differences(path: str) -> str:
    """Names and reasons of the rules about a request on this route."""
    sample = re.sub(r"<int:[^>]+>", "1", path)
    sample = re.sub(r"<[^>]+>", "x", sample)
    about = [rule for rule in RULES if re.fullmatch(rule.path, sample)]
    found = [rule for rule in about if not re.fullmatch(rule.path, NOBODYS_PATH)]
    return "; ".join(f"{rule.name}: {rule.reason}" for rule in found)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


if __name__ == "__main__":
    sys.exit(main())

"""The compatibility map follows the route table, and the matrix is safe to open in a spreadsheet."""

import csv
from pathlib import Path

from openpyxl import load_workbook

from features.compatibility.compatibility_map import RESERVED, compatibility_map
from scripts.compatibility_matrix import COLUMNS, escaped, matrix, old_routes, write_csv, write_xlsx
from web.route_table import ROUTES

OLD = """
@app.route("/api/v0/ask_agent", methods=["POST"])
def ask(): ...
@app.get("/only-old")
def old(): ...
@other("/no")
def no(): ...
"""


def test_map_names_handlers_as_the_guide_does() -> None:
    table = compatibility_map(ROUTES)
    assert {"handler": "ask_agent_v0", "agent_type": "langgraph", "deprecated": False}.items() <= table[
        "/api/v0/ask_agent"
    ].items()
    assert (table[RESERVED]["handler"], table[RESERVED]["status"]) == ("ask_advanced_agent_v2", "reserved")
    assert {route.path for route in ROUTES} | {RESERVED} == set(table)


def test_matrix_says_who_serves_what_and_what_differs(tmp_path: Path) -> None:
    entry = tmp_path / "old.py"
    entry.write_text(OLD)
    rows = {(row[0], row[1]): dict(zip(COLUMNS, row, strict=True)) for row in matrix(old_routes(entry))}
    asked = rows["POST", "/api/v0/ask_agent"]
    assert (asked["old_entry"], asked["unified"]) == ("yes", "yes")
    assert "model-failure-is-503" in asked["differences"]
    assert (rows["GET", "/only-old"]["old_entry"], rows["GET", "/only-old"]["unified"]) == ("yes", "no")
    assert rows["POST", RESERVED]["unified"] == "no"
    assert rows["DELETE", "/api/v0/qa_feedback/delete/<int:feedback_id>"]["access"] == "admin"


def test_files_carry_every_row_and_no_formula(tmp_path: Path) -> None:
    rows = [tuple(escaped(cell) for cell in ("=1+1", "@x", "/a", *["-"] * (len(COLUMNS) - 3)))]
    write_csv(tmp_path / "m.csv", rows)
    write_xlsx(tmp_path / "m.xlsx", rows)
    with (tmp_path / "m.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file))[1][:3] == ["'=1+1", "'@x", "/a"]
    book = load_workbook(tmp_path / "m.xlsx")
    cells = [cell for row in book["compatibility"].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"s"}
    book.close()

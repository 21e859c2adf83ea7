"""`make ask Q="…"`: one question in the terminal; prints the SQL, the rows as a table and the answer.

Uses the running service's servers when there are some, else starts and stops its own. Into a pipe everything is
written at its full width, one row a line, without escape sequences.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from bootstrap.container import build_container
from common import messages
from common.errors import AnswerFailedError, CituError
from features.ask.schemas import AskRequest
from serving.progress_display import ProgressDisplay
from web.error_envelopes import envelope_of

MAX_ROWS_SHOWN = 50
REFUSED = 3
_UNBOUNDED = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 with an answer, 3 when the question is refused, 1 when something fails, 2 without a question."""
    parser = argparse.ArgumentParser(prog="ask", description=__doc__)
    parser.add_argument("question", nargs="?", default="", help="the question, in Chinese or English")
    question = parser.parse_args(arguments).question.strip()
    if not question:
        parser.print_usage(sys.stderr)
        print(messages.ASK_USAGE, file=sys.stderr)
        return 2
    console, errors = Console(), Console(stderr=True)
    container = build_container()
    try:
        with ProgressDisplay(errors) as display:
            container.start(display)
        envelope = container.ask.ask(AskRequest(question=question))
    except CituError as error:
        errors.print(Text(error.message, style="red"), soft_wrap=True)
        show(console, envelope_of(error)["data"] or {})
        return REFUSED if isinstance(error, AnswerFailedError) and error.status == AnswerFailedError.status else 1
    finally:
        container.close()
    show(console, envelope["data"])
    return 0


def show(console: Console, data: dict[str, Any]) -> None:
    """SQL, rows and text of an answer; rows and text are printed as plain text, never as markup."""
    if not console.is_terminal:
        console = Console(file=console.file, width=_UNBOUNDED)
    if data.get("sql"):
        highlighted = Syntax(data["sql"], "sql", word_wrap=True, background_color="default")
        console.print(highlighted if console.is_terminal else Text(data["sql"]))
    records = data.get("records") or {}
    if records.get("rows"):
        console.print(as_table(records))
    elif records:
        console.print(Text(records["message"]))
    if data.get("response") and not data.get("error_type"):
        console.print(Text(data["response"], style="bold"))
    if unreviewed := unreviewed_records(data):
        said = messages.UNREVIEWED_RECORDS.format(count=len(unreviewed), ids=", ".join(unreviewed))
        console.print(Text(said, style="yellow"))


def unreviewed_records(data: dict[str, Any]) -> list[str]:
    """The ids of the records that an answer rests on and nobody reviewed, as the answer's `provenance` has them."""
    return list((data.get("provenance") or {}).get("unreviewed_records", ()))


def as_table(records: dict[str, Any]) -> Table:
    """The rows as a terminal table, the first fifty."""
    table = Table()
    for column in records["columns"]:
        table.add_column(Text(column))
    for row in records["rows"][:MAX_ROWS_SHOWN]:
        table.add_row(*(Text("" if row[column] is None else str(row[column])) for column in records["columns"]))
    hidden = records["row_count"] - MAX_ROWS_SHOWN
    if hidden > 0:
        table.caption = messages.ROWS_HIDDEN.format(count=hidden)
    return table


if __name__ == "__main__":
    sys.exit(main())

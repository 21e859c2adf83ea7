"""`python -m demo --url URL [--end-date YYYY-MM-DD] [--drop]`: load, extend or remove the demo database."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date

import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from common import messages
from common.errors import ConfigurationError
from demo.loader import DEFAULT_SEED, database_today, drop_demo, load_demo


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says. The exit code is 0, or 1 when the database refused or is not ours."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=messages.DEMO_CLI_HELP)
    parser.add_argument("--url", required=True, help=messages.DEMO_CLI_URL_HELP)
    parser.add_argument("--end-date", type=date.fromisoformat, help=messages.DEMO_CLI_END_DATE_HELP)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help=messages.DEMO_CLI_SEED_HELP)
    parser.add_argument("--drop", action="store_true", help=messages.DEMO_CLI_DROP_HELP)
    options = parser.parse_args(arguments)
    console = Console()
    try:
        if options.drop:
            console.print(messages.DEMO_DROPPED if drop_demo(options.url) else messages.DEMO_NOTHING_TO_DROP)
        else:
            _load(console, options.url, options.end_date or database_today(options.url), options.seed)
    except ConfigurationError as error:
        print(error.message, file=sys.stderr)  # noqa: T201 - a command line speaks on its streams
        return 1
    except psycopg.Error as error:
        print(messages.DEMO_DATABASE_REFUSED.format(kind=type(error).__name__), file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _load(console: Console, url: str, end_date: date, seed: int) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def show(table: str, done: int, total: int) -> None:
            if table not in tasks:
                tasks[table] = bars.add_task(table, total=total)
            bars.update(tasks[table], completed=done, total=total)

        report = load_demo(url, end_date=end_date, seed=seed, progress=show)
    for table, rows in report.tables.items():
        console.print(f"{table:32}{rows:>10}")
    console.print(messages.DEMO_LOADED.format(rows=sum(report.tables.values()), seconds=f"{report.seconds:.1f}"))


if __name__ == "__main__":
    raise SystemExit(main())

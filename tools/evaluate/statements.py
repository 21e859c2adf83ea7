"""Runs statements for the evaluation on a connection of its own, as the role that answers are read with."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import psycopg

from features.evaluation.references import Ran, StatementFailedError, run_reference
from features.evaluation.result_sets import ReferenceRows

STATEMENT_SECONDS: Final = 5


def run(connection: psycopg.Connection[Any], sql: str) -> Ran:
    """Rows of a query, read in a transaction that is always rolled back; raises psycopg.Error."""
    try:
        connection.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'".encode())
        cursor = connection.execute(sql.encode())
        columns = tuple(column.name for column in cursor.description or ())
        return Ran(columns, cursor.fetchall() if columns else [])
    finally:
        connection.rollback()


def reference_rows(connection: psycopg.Connection[Any], sql: str) -> tuple[Ran, ReferenceRows]:
    """The reference's rows, and the same as groups of level rows; raises StatementFailedError."""
    return run_reference(partial(_run_or_fail, connection), sql)


def _run_or_fail(connection: psycopg.Connection[Any], sql: str) -> Ran:
    try:
        return run(connection, sql)
    except psycopg.Error as error:
        raise StatementFailedError(str(error)) from error

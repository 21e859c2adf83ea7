"""What the business database's refusals become: typed errors with its own sentence and nothing of the query."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout

from common import messages
from common.errors import CituError, SqlExecutionError, SqlMemoryLimitError, StoreUnavailableError
from core.logging import get_app_logger

_LOGGER = get_app_logger("sql_executor")
_RETRY_AFTER_SECONDS = 2
_GONE_PREFIXES = ("08", "57P", "53300")
_PROTOCOL_VIOLATION = "08P01"  # an unbound parameter in the statement
_OUT_OF_MEMORY = "53200"
_NO_RIGHT = "42501"
# Faults of the session, the rights or the resources; their messages name objects of the schema at most.
_STATES_WITHOUT_VALUES = ("08", "25", "28", "3D", "3F", "40", "53", "55", "57")
_FIXED_TEXTS = frozenset(
    {
        "division by zero",
        "more than one row returned by a subquery used as an expression",
        "smallint out of range",
        "integer out of range",
        "bigint out of range",
        "numeric field overflow",
        "value overflows numeric format",
        "date out of range",
        "timestamp out of range",
        "interval out of range",
        "cannot take square root of a negative number",
        "cannot take logarithm of zero",
        "cannot take logarithm of a negative number",
        "negative substring length not allowed",
        "step size cannot equal zero",
    }
)
# The value stands behind the first form and before the second.
_TYPE_AT_FAULT = re.compile(
    r"\Ainvalid input (?:syntax for type|value for enum) ([a-z_][a-z0-9_ ]{0,62})(?=:|\Z)"
    r"|out of range for type ([a-z_][a-z0-9_ ]{0,62})\Z"
)
_TRANSIENT = frozenset({"40001", "40P01", "55P03"})


def is_connection_loss(error: psycopg.Error) -> bool:
    """Whether the connection, not the statement, is at fault."""
    if error.sqlstate is not None:
        return error.sqlstate.startswith(_GONE_PREFIXES) and error.sqlstate != _PROTOCOL_VIOLATION
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)


def unavailable(error: Exception) -> StoreUnavailableError:
    """The error for a business database that cannot be reached."""
    _LOGGER.warning("the business database cannot be reached: %s", type(error).__name__)
    is_busy = isinstance(error, errors.TooManyConnections)
    text = messages.BUSINESS_DATABASE_BUSY if is_busy else messages.BUSINESS_DATABASE_UNAVAILABLE
    return StoreUnavailableError(text, retry_after_seconds=_RETRY_AFTER_SECONDS)


def is_out_of_memory(error: psycopg.Error) -> bool:
    """Whether the server process was refused memory; its connection still works."""
    return error.sqlstate == _OUT_OF_MEMORY


def memory_error(detail: str = "") -> SqlMemoryLimitError:
    """The error for a statement whose server process reached its bound."""
    return SqlMemoryLimitError(messages.SQL_OUT_OF_MEMORY, detail=detail, sqlstate=_OUT_OF_MEMORY)


def execution_error(error: psycopg.Error, *, was_cancelled: bool = False) -> CituError:
    """The error for a statement the database refused or broke off."""
    if is_out_of_memory(error):
        return memory_error(database_sentence(error))
    if isinstance(error, PoolTimeout) or is_connection_loss(error):
        return unavailable(error)
    sentence = database_sentence(error)
    if isinstance(error, errors.QueryCanceled):
        text = messages.SQL_CANCELLED if was_cancelled else messages.SQL_TIMED_OUT
        return SqlExecutionError(text, detail=sentence, sqlstate=error.sqlstate)
    return SqlExecutionError(
        messages.SQL_EXECUTION_FAILED.format(detail=database_sentence(error, with_hint=False)),
        detail=sentence,
        sqlstate=error.sqlstate,
        is_transient=error.sqlstate in _TRANSIENT,
    )


def database_sentence(error: psycopg.Error, *, with_hint: bool = True) -> str:
    """What went wrong, without the statement and without any stored value the server may quote.

    The server's own message is given where it can quote the statement's words only: it has a position in the statement
    when the fault was found while reading it, and none when it was met in a row. Other messages are replaced by a
    sentence for their SQLSTATE (errcodes.txt), with the type that a value did not fit.
    """
    primary = error.diag.message_primary
    if primary is None:
        return type(error).__name__
    if not _is_about_statement(error, primary):
        return _sentence_of_state(error.sqlstate or "", primary)
    return " ".join(part for part in (primary, error.diag.message_hint if with_hint else None) if part)


def _is_about_statement(error: psycopg.Error, primary: str) -> bool:
    if primary in _FIXED_TEXTS:
        return True
    if error.diag.context is not None:  # raised inside a function, or about a place in a document
        return False
    state = error.sqlstate or ""
    if state == _NO_RIGHT:  # names what the policy hides
        return False
    return error.diag.statement_position is not None or state.startswith(_STATES_WITHOUT_VALUES)


def _sentence_of_state(state: str, primary: str) -> str:
    texts = messages.SQL_VALUE_ERRORS
    text = texts.get(state) or texts.get(state[:4]) or texts.get(state[:2]) or texts[""]
    found = _TYPE_AT_FAULT.search(primary)
    kind = messages.SQL_VALUE_TYPE.format(type=found.group(1) or found.group(2)) if found else ""
    return text.format(kind=kind, sqlstate=state)

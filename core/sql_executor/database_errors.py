"""What the business database's refusals become: typed errors with its own sentence and nothing of the query."""

from __future__ import annotations

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
        messages.SQL_EXECUTION_FAILED.format(detail=error.diag.message_primary or type(error).__name__),
        detail=sentence,
        sqlstate=error.sqlstate,
        is_transient=error.sqlstate in _TRANSIENT,
    )


def database_sentence(error: psycopg.Error) -> str:
    """The server's message with its hint, without the statement it quotes."""
    parts = [error.diag.message_primary or type(error).__name__, error.diag.message_hint]
    return " ".join(part for part in parts if part)

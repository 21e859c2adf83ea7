"""The login role generated SQL runs as: made and tightened on databases we own, described for those we do not.

`ensure_reader_role` is called by the preparation step before serving; `can_write` by `/health`; `grant_script` is what
an administrator of an external database runs. PostgreSQL 15 to 18.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import Connection, sql

from common import messages
from common.errors import ConfigurationError
from core.sql_executor.database_errors import is_connection_loss, unavailable
from core.sql_executor.reader_pool import libpq_url
from core.sql_executor.reader_rights import Rights, generated_grants, generated_revokes
from core.sql_executor.schema_names import existing_schemas

CONNECTION_LIMIT: Final = 64
_LOCK_NAME: Final = "citu.reader_role"

# Role settings; a session may change its own copies of all but `temp_file_limit`, which needs a superuser to be set.
_SETTINGS: Final = {
    "default_transaction_read_only": "on",
    "statement_timeout": "60s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "60s",
    "client_connection_check_interval": "1s",
    "work_mem": "16MB",
    "hash_mem_multiplier": "1",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}
_SUPERUSER_SETTINGS: Final = {"temp_file_limit": "256MB"}

# Built-in functions that write, wait, signal, read files or run SQL held in a string, by the beginning of their names.
_REVOKED_PREFIXES: Final = (
    "lo_", "loread", "lowrite", "pg_advisory", "pg_try_advisory", "pg_notify", "pg_sleep", "pg_cancel_backend",
    "pg_terminate_backend", "pg_read_", "pg_ls_", "pg_stat_file", "pg_logical_emit_message", "pg_export_snapshot",
    "pg_create_", "pg_drop_", "pg_replication_", "pg_switch_", "pg_reload_", "pg_rotate_", "pg_promote", "pg_backup_",
    "set_config", "query_to_xml", "table_to_xml", "schema_to_xml", "database_to_xml", "cursor_to_xml", "ts_stat",
    "ts_rewrite", "nextval", "setval", "currval", "lastval", "pg_import_system_collations", "pg_stat_reset",
    "pg_log_", "txid_", "pg_current_xact_id", "pg_get_", "pg_stat_get_", "pg_file_", "pg_relation_size",
    "pg_total_relation_size", "pg_database_size", "pg_tablespace_size", "brin_", "gin_clean_", "binary_upgrade_",
)  # fmt: skip
# Called by clients and by the catalogue's own queries, so they stay.
_KEPT: Final = frozenset({"pg_get_userbyid", "pg_get_expr", "pg_get_constraintdef", "pg_get_indexdef"})

_WRITE_CHECKS: Final = (
    ("superuser", "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"),
    ("create_role", "SELECT rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user"),
    ("bypass_rls", "SELECT rolbypassrls FROM pg_roles WHERE rolname = current_user"),
    ("create_in_database", "SELECT has_database_privilege(current_database(), 'CREATE')"),
    ("temporary_tables", "SELECT has_database_privilege(current_database(), 'TEMPORARY')"),
    (
        "create_in_schema",
        "SELECT coalesce(bool_or(has_schema_privilege(oid, 'CREATE')), false) FROM pg_namespace"
        " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'",
    ),
    (
        "write_tables",
        "SELECT coalesce(bool_or(has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')"
        " OR has_any_column_privilege(c.oid, 'INSERT, UPDATE')), false)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
    ),
    (
        "advance_sequences",
        "SELECT coalesce(bool_or(has_sequence_privilege(c.oid, 'USAGE, UPDATE')), false)"
        " FROM pg_class c WHERE c.relkind = 'S'",
    ),
    (
        "server_files_or_programs",
        # By way of the catalogue: servers before 14 do not know all of these roles.
        "SELECT coalesce(bool_or(pg_has_role(current_user, oid, 'MEMBER')), false) FROM pg_roles WHERE rolname IN"
        " ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program', 'pg_write_all_data')",
    ),
)
UNKNOWN_RIGHTS: Final = "unknown"


def reader_url_of(owner_url: str, role: str, password: str) -> str:
    """The owner's URL with the reader's login; host, port, database and options stay."""
    parts = urlsplit(libpq_url(owner_url))
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role, safe='')}:{quote(password, safe='')}@{place}"))


def ensure_reader_role(
    owner_url: str,
    *,
    role: str,
    password: str,
    schemas: Sequence[str],
    denied_columns: Sequence[str] = (),
    functions: Sequence[str] = (),
) -> str:
    """Make or tighten the reader role; returns its URL. May be called at every start, by several processes at once.

    Args:
        owner_url: libpq URL of a role that owns the schemas and may create roles (a superuser for every measure).
        schemas: the role may read all tables and views in them, with `*` in all there are; future ones of this owner
            too, unless columns are denied in the schema.
        denied_columns: `schema.table.column` the role may not read; the other columns are granted one by one.
        functions: `schema.function` it may call although they are volatile or run with their owner's rights.

    Raises:
        StoreUnavailableError: the database cannot be reached.
        ConfigurationError: the owner's role lacks the right to do this.
    """
    for is_last in (False, False, True):
        try:
            _ensure(owner_url, role, password, (tuple(schemas), tuple(denied_columns), tuple(functions)))
            break
        except psycopg.errors.InternalError_ as error:
            # Roles are shared by all databases of a server, the lock is not: another database's start came between.
            if is_last:
                raise unavailable(error) from error
        except psycopg.Error as error:
            if is_connection_loss(error):
                raise unavailable(error) from error
            text = messages.READER_ROLE_DENIED.format(role=role, sqlstate=error.sqlstate)
            raise ConfigurationError(text) from error
    return reader_url_of(owner_url, role, password)


def _ensure(
    owner_url: str, role: str, password: str, wanted: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
) -> None:
    schemas, denied_columns, functions = wanted
    with psycopg.connect(libpq_url(owner_url), client_encoding="utf8") as connection, connection.transaction():
        rights = Rights(existing_schemas(connection, schemas), denied_columns, functions)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_lock_key(),))
        _make_role(connection, role, password)
        _set_limits(connection, role)
        _grant(connection, role, rights)
        _revoke_from_public(connection, role, rights)


def can_write(url: str) -> list[str]:
    """Why the role behind `url` could do more than read, as short ids; empty for a proper reader.

    `UNKNOWN_RIGHTS` is among them when the server does not answer one of the questions.

    Raises:
        StoreUnavailableError: the database cannot be reached.
    """
    try:
        with psycopg.connect(libpq_url(url), connect_timeout=3, autocommit=True, client_encoding="utf8") as connection:
            found = {name: _answer(connection, query) for name, query in _WRITE_CHECKS}
    except psycopg.Error as error:
        raise unavailable(error) from error
    reasons = [name for name, answer in found.items() if answer]
    return [*reasons, UNKNOWN_RIGHTS] if None in found.values() else reasons


def _answer(connection: Connection[Any], query: str) -> bool | None:
    try:
        return _is_true(connection, query)
    except psycopg.Error as error:
        if is_connection_loss(error):
            raise
        return None


def grant_script(
    role: str,
    schemas: Sequence[str] = ("public",),
    denied_columns: Sequence[str] = (),
    functions: Sequence[str] = (),
) -> str:
    """SQL an administrator of an external database can run to make the reader role (set the password afterwards).

    Args: as of `ensure_reader_role`.
    """
    rights = Rights(tuple(schemas), tuple(denied_columns), tuple(functions))
    statements: list[sql.Composed] = [_create_role_statement(role)]
    statements += [
        _setting_statement(role, name, value) for name, value in {**_SETTINGS, **_SUPERUSER_SETTINGS}.items()
    ]
    for schema in schemas:
        statements += _schema_grants(role, schema, has_denied=rights.denies_in(schema))
    statements += [generated_grants(role, rights), generated_revokes(role, rights)]
    body = "".join(statement.as_string(None) + ";\n" for statement in statements)
    return f"BEGIN;\n{body}COMMIT;\n"


def _lock_key() -> int:
    return int.from_bytes(hashlib.blake2b(_LOCK_NAME.encode(), digest_size=8).digest(), "big", signed=True)


def _is_true(connection: Connection[Any], query: str) -> bool:
    row = connection.execute(query.encode()).fetchone()
    return bool(row and row[0])


def _create_role_statement(role: str) -> sql.Composed:
    return sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)) + sql.SQL(_ATTRIBUTES)


_ATTRIBUTES: Final = (
    " LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    f" CONNECTION LIMIT {CONNECTION_LIMIT}"
)


def _setting_statement(role: str, name: str, value: str) -> sql.Composed:
    return sql.SQL("ALTER ROLE {} SET {} = {}").format(sql.Identifier(role), sql.Identifier(name), sql.Literal(value))


_FUTURE: Final = "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}"
_NO_FUTURE: Final = "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE SELECT ON TABLES FROM {role}"


def _schema_grants(role: str, schema: str, *, has_denied: bool) -> list[sql.Composed]:
    names = {"schema": sql.Identifier(schema), "role": sql.Identifier(role)}
    return [
        sql.SQL("REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC").format(**names),
        sql.SQL("GRANT USAGE ON SCHEMA {schema} TO {role}").format(**names),
        sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}").format(**names),
        # A table made later may have a denied column, and a right to the whole table would reach it.
        sql.SQL(_NO_FUTURE if has_denied else _FUTURE).format(**names),
    ]


def _make_role(connection: Connection[Any], role: str, password: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    if not known:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    is_superuser = _is_true(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    attributes = _ATTRIBUTES if is_superuser else f" LOGIN NOINHERIT CONNECTION LIMIT {CONNECTION_LIMIT}"
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(
        sql.SQL("ALTER ROLE {}").format(sql.Identifier(role))
        + sql.SQL(attributes)
        + sql.SQL(" PASSWORD {}").format(sql.Literal(verifier))
    )


def _set_limits(connection: Connection[Any], role: str) -> None:
    for name, value in _SETTINGS.items():
        connection.execute(_setting_statement(role, name, value))
    if _is_true(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        for name, value in _SUPERUSER_SETTINGS.items():
            connection.execute(_setting_statement(role, name, value))


def _grant(connection: Connection[Any], role: str, rights: Rights) -> None:
    database = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("REVOKE TEMPORARY, CREATE ON DATABASE {} FROM PUBLIC").format(database))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(role)))
    search_path = sql.SQL(", ").join(sql.Identifier(schema) for schema in rights.schemas)
    connection.execute(sql.SQL("ALTER ROLE {} SET search_path = {}").format(sql.Identifier(role), search_path))
    for schema in rights.schemas:
        for statement in _schema_grants(role, schema, has_denied=rights.denies_in(schema)):
            connection.execute(statement)
    connection.execute(generated_grants(role, rights))


def _revoke_from_public(connection: Connection[Any], role: str, rights: Rights) -> None:
    """Take EXECUTE from PUBLIC on dangerous built-ins and on functions the policy excludes, where we own them."""
    functions = connection.execute(
        """
        SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE has_function_privilege('public', p.oid, 'EXECUTE')
          AND (pg_has_role(current_user, p.proowner, 'USAGE'))
          AND p.proname <> ALL (%(kept)s)
          AND n.nspname = 'pg_catalog' AND p.proname LIKE ANY (%(prefixes)s)
        """,
        {"kept": list(_KEPT), "prefixes": [prefix.replace("_", "\\_") + "%" for prefix in _REVOKED_PREFIXES]},
    ).fetchall()
    if functions:
        names = ", ".join(row[0] for row in functions)
        connection.execute(f"REVOKE EXECUTE ON ROUTINE {names} FROM PUBLIC".encode())
    connection.execute(generated_revokes(role, rights))

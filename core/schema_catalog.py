"""What the business database holds, as the reader role sees it; cached, shared by agents, guard and retrieval.

Read as the reader role, so that what it cannot read does not exist for a question. Sample values of short text columns
are taken within a time budget.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import Connection, sql

from common import messages
from common.business_schema import BusinessSchema, Column, Join, Table
from common.caller import INTERNAL
from common.errors import ServiceUnavailableError, StoreUnavailableError
from core.logging import get_app_logger
from core.sql_executor.database_errors import unavailable
from core.sql_executor.reader_pool import ReaderPool
from core.sql_executor.reader_rights import ExcessRights, excess_rights
from core.sql_executor.schema_names import existing_schemas
from core.sql_guard import GuardPolicy, policy_for

_LOGGER = get_app_logger("schema_catalog")

MAX_DISTINCT_VALUES: Final = 3000
MAX_VALUE_CHARACTERS: Final = 60
_VALUED_CATEGORIES: Final = frozenset("SEA")
"""Type categories of PostgreSQL whose values are read: strings, enums, arrays."""
_WRITTEN_DATE: Final = re.compile(
    r"(?i)(?:^|_)(?:ym|date|month|period|yyyymm)(?:_|$|id|key)|\u5e74\u6708|\u6708\u4efd|\u65e5\u671f"
)
_DELETION_COLUMNS: Final = frozenset({"delete_ts", "deleted_at", "delete_time"})
_SAMPLED_ROWS: Final = 500_000
_COLUMN_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 1.0

_COLUMNS_QUERY: Final = """
SELECT n.nspname, c.relname, coalesce(obj_description(c.oid, 'pg_class'), ''), c.reltuples::float8,
       a.attname, format_type(a.atttypid, a.atttypmod), coalesce(col_description(c.oid, a.attnum), ''),
       NOT a.attnotnull, coalesce(a.attnum = ANY (k.conkey), false),
       has_column_privilege(c.oid, a.attnum, 'SELECT'),
       t.typcategory, s.n_distinct::float8, s.avg_width,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indpred IS NULL
               AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
                     AND NOT s.inherited
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition AND n.nspname = ANY (%s)
  AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
ORDER BY array_position(%s, n.nspname::text), c.relname, a.attnum
"""
_JOINS_QUERY: Final = """
SELECT n.nspname, c.relname, tn.nspname, t.relname,
       array_agg(a.attname::text ORDER BY p.place), array_agg(f.attname::text ORDER BY p.place)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class t ON t.oid = k.confrelid JOIN pg_namespace tn ON tn.oid = t.relnamespace
CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS p (source, target, place)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.source
JOIN pg_attribute f ON f.attrelid = t.oid AND f.attnum = p.target
WHERE k.contype = 'f' AND n.nspname = ANY (%s) AND tn.nspname = ANY (%s) AND NOT c.relispartition
GROUP BY k.oid, n.nspname, c.relname, tn.nspname, t.relname
ORDER BY 2, 5, 4
"""
_ENUMS_QUERY: Final = """
SELECT n.nspname, t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e' AND n.nspname = ANY (%s)
"""


_CHINESE: Final = frozenset({"UTF8", "EUC_CN", "EUC_TW", "EUC_JP", "EUC_JIS_2004", "EUC_KR", "SQL_ASCII"})
"""Server encodings that a statement with Chinese characters can be converted to."""
MINIMUM_SERVER: Final = 12
"""The oldest major version of PostgreSQL whose catalogue has what is read here."""


@dataclass(frozen=True)
class LoadProgress:
    """How far the schema is read: columns looked at of how many; `tables` once it is read, None before."""

    tables: int | None = None
    columns_read: int = 0
    columns: int = 0


@dataclass(frozen=True)
class _Snapshot:
    schema: BusinessSchema
    hidden_columns: frozenset[str]
    policy: GuardPolicy
    loaded_at: float
    excess: ExcessRights


@dataclass(frozen=True)
class _Found:
    """One column as the catalogue query returns it."""

    schema: str
    table: str
    table_comment: str
    table_rows: float
    name: str
    data_type: str
    comment: str
    is_nullable: bool
    is_primary_key: bool
    is_readable: bool
    category: str
    distinct: float | None
    width: int | None
    has_unique_index: bool

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.table}.{self.name}"

    @property
    def may_have_few_values(self) -> bool:
        """The answer of the statistics; True without statistics, when only a query can decide."""
        is_written_date = self.category == "N" and _WRITTEN_DATE.search(self.name) is not None
        if not (self.category in _VALUED_CATEGORIES or is_written_date):
            return False
        if self.distinct is None:
            return True
        count = self.distinct if self.distinct >= 0 else -self.distinct * max(self.table_rows, 0)
        return count <= MAX_DISTINCT_VALUES * 2 and (self.width or 0) <= MAX_VALUE_CHARACTERS * 8

    @property
    def marks_deleted_rows(self) -> bool:
        """True for a moment of deletion, which is null in rows that are valid."""
        return self.name.lower() in _DELETION_COLUMNS and self.category == "D"

    @property
    def is_known_unique(self) -> bool:
        """What a unique index or the statistics of an analysed table say."""
        return self.has_unique_index or self.distinct == -1


class SchemaCatalog:
    """The readable schema, loaded when first asked for and again after `ttl_seconds`; threads share it.

    Args:
        pool: connections of the reader role.
        schemas: schemas questions may reach, in search order; `*` stands for all that the login may use, `public`
            first.
        ttl_seconds: age after which the next caller reloads; callers meanwhile get the previous state.
        denied_columns: `schema.table.column` that nobody may see or query although the role could.
        user_functions: functions of the database, `schema.function`, that queries may call.
        value_budget_seconds: time for collecting sample values in one load; columns left over have none.
    """

    def __init__(
        self,
        *,
        pool: ReaderPool,
        schemas: Sequence[str] = ("public",),
        ttl_seconds: float = 300.0,
        denied_columns: Iterable[str] = (),
        user_functions: Iterable[str] = (),
        value_budget_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._schemas = [schema.strip() for schema in schemas]
        self._ttl_seconds = ttl_seconds
        self._denied_columns = frozenset(denied_columns)
        self._user_functions = frozenset(user_functions)
        self._value_budget_seconds = value_budget_seconds
        self._clock = clock
        self._loading = threading.Lock()
        self._snapshot: _Snapshot | None = None
        self._progress = LoadProgress()
        self._refusal: str | None = None
        self._moment: tuple[float, datetime] | None = None

    def schema(self) -> BusinessSchema:
        """Tables and views with their readable columns.

        Raises:
            StoreUnavailableError: the database cannot be reached and nothing was loaded before.
        """
        return self._current().schema

    def guard_policy(self) -> GuardPolicy:
        """What the SQL guard admits on this database; raises like `schema`."""
        return self._current().policy

    def excess_rights(self) -> ExcessRights:
        """What the login can do beyond the policy, as of the last load; raises like `schema`."""
        return self._current().excess

    def excess_rights_at_hand(self) -> ExcessRights:
        """The same, but whoever asks before the schema was ever read waits only a moment for it.

        Raises:
            StoreUnavailableError: it is being read, or cannot be.
        """
        if self._snapshot is None:
            reader = threading.Thread(target=self._read_quietly, name="schema-reader", daemon=True)
            reader.start()
            reader.join(_PATIENCE_SECONDS)
        if self._snapshot is None:
            raise StoreUnavailableError(messages.SCHEMA_BEING_READ)
        return self._current().excess

    def _read_quietly(self) -> None:
        with suppress(ServiceUnavailableError):  # the next question says it
            self._current()

    def refusal(self) -> str | None:
        """Why this server's schema can never be read, as of the last attempt; None when nothing is known against it."""
        return self._refusal

    def progress(self) -> LoadProgress:
        """How far the schema is read; never waits."""
        snapshot = self._snapshot
        return self._progress if snapshot is None else LoadProgress(len(snapshot.schema.tables))

    def hidden_columns(self) -> frozenset[str]:
        """`schema.table.column` of readable relations that may not be read; raises like `schema`."""
        return self._current().hidden_columns

    def today(self) -> date:
        """The business database's date, by its own clock and time zone; asked for once in `ttl_seconds`.

        Raises:
            StoreUnavailableError: it cannot be reached and was not asked lately.
        """
        asked = self._clock()
        moment = self._moment
        if moment is None or asked - moment[0] >= self._ttl_seconds:
            moment = self._moment = (asked, self._ask_the_time())
        return (moment[1] + timedelta(seconds=asked - moment[0])).date()

    def _ask_the_time(self) -> datetime:
        try:
            with self._pool.connection(INTERNAL) as connection:
                rows = connection.execute("SELECT localtimestamp(0)::text").fetchall()
        except psycopg.Error as error:
            raise unavailable(error) from error
        return datetime.fromisoformat(str(rows[0][0]))

    def refresh(self) -> BusinessSchema:
        """Load again now, for instance after the tables changed; raises `StoreUnavailableError`."""
        with self._loading:
            self._snapshot = self._load()
            return self._snapshot.schema

    def _current(self) -> _Snapshot:
        snapshot = self._snapshot
        if snapshot is not None and self._clock() - snapshot.loaded_at < self._ttl_seconds:
            return snapshot
        if not self._loading.acquire(blocking=snapshot is None):
            assert snapshot is not None  # noqa: S101 - only waited for when there is none
            return snapshot
        try:
            return self._reloaded()
        finally:
            self._loading.release()

    def _reloaded(self) -> _Snapshot:
        previous = self._snapshot
        if previous is not None and self._clock() - previous.loaded_at < self._ttl_seconds:
            return previous  # somebody else loaded while we waited
        try:
            self._snapshot = self._load()
        except ServiceUnavailableError:
            if previous is None:
                raise
            _LOGGER.warning("keeping the previous schema: the business database cannot be reached")
            return previous
        return self._snapshot

    def _load(self) -> _Snapshot:
        try:
            with self._pool.connection(INTERNAL) as connection:
                self._check_version(connection)
                encoding = connection.info.parameter_status("server_encoding") or ""
                schemas = list(existing_schemas(connection, self._schemas))
                rows = connection.execute(_COLUMNS_QUERY, (schemas, schemas)).fetchall()
                found = [_Found(*row) for row in rows]
                joins = connection.execute(_JOINS_QUERY, (schemas, schemas)).fetchall()
                enums = connection.execute(_ENUMS_QUERY, (schemas,)).fetchall()
                schema, hidden = self._build(connection, found)
                excess = self._excess(connection, found, schemas)
        except psycopg.Error as error:
            raise unavailable(error) from error
        schema = self._unchanged(
            replace(schema, joins=_readable_joins(schema, joins), holds_chinese=encoding in _CHINESE)
        )
        policy = policy_for(
            schema,
            denied_columns=hidden,
            search_path=tuple(schemas),
            user_functions=self._user_functions,
            user_types=[name for owner, enum in enums for name in (enum, f"{owner}.{enum}")],
            over_granted=excess.relations,
        )
        if excess and (self._snapshot is None or self._snapshot.excess != excess):
            _LOGGER.warning("the business login can do more than the policy allows; /health says how to mend it")
        return _Snapshot(schema, hidden, policy, self._clock(), excess)

    def _check_version(self, connection: Connection[Any]) -> None:
        version = connection.info.server_version // 10_000
        too_old = messages.BUSINESS_SERVER_TOO_OLD.format(version=version, minimum=MINIMUM_SERVER)
        self._refusal = too_old if version < MINIMUM_SERVER else None
        if self._refusal is not None:
            raise StoreUnavailableError(self._refusal)

    def _unchanged(self, schema: BusinessSchema) -> BusinessSchema:
        """The schema as it was known when nothing in it has changed: what others made of it stays good."""
        known = self._snapshot
        return known.schema if known is not None and known.schema == schema else schema

    def _excess(self, connection: Connection[Any], found: Sequence[_Found], schemas: Sequence[str]) -> ExcessRights:
        denied = [item for item in found if item.is_readable and item.full_name in self._denied_columns]
        readable: dict[str, tuple[str, ...]] = {}
        for item in found:
            if item.is_readable and item.full_name not in self._denied_columns:
                relation = f"{item.schema}.{item.table}"
                readable[relation] = (*readable.get(relation, ()), item.name)
        return excess_rights(
            connection,
            denied_but_readable=[item.full_name for item in denied],
            readable=readable,
            schemas=schemas,
            functions=self._user_functions,
        )

    def _seen_earlier(self) -> dict[str, _Seen]:
        """What the last load saw of each column: it stands for those that this one has no time for."""
        known = self._snapshot.schema.tables if self._snapshot is not None else ()
        return {
            f"{table.schema}.{table.name}.{column.name}": _Seen(column.values, column.is_unique)
            for table in known
            for column in table
        }

    def _build(self, connection: Connection[Any], found: Sequence[_Found]) -> tuple[BusinessSchema, frozenset[str]]:
        deadline = self._clock() + self._value_budget_seconds
        deletable = {
            (item.schema, item.table): item.name for item in found if item.is_readable and item.marks_deleted_rows
        }
        earlier = self._seen_earlier()
        hidden: set[str] = set()
        tables: dict[tuple[str, str], tuple[str, list[Column]]] = {}
        for place, item in enumerate(found):
            self._progress = LoadProgress(None, place, len(found))
            if not item.is_readable or item.full_name in self._denied_columns:
                hidden.add(item.full_name)
                continue
            seen = earlier.get(item.full_name, _Seen())
            if (left := deadline - self._clock()) > 0:
                seen = _look_at(connection, item, min(left, _COLUMN_SECONDS), deletable.get((item.schema, item.table)))
            _, columns = tables.setdefault((item.schema, item.table), (item.table_comment, []))
            columns.append(
                Column(
                    name=item.name,
                    data_type=item.data_type,
                    comment=item.comment,
                    is_nullable=item.is_nullable,
                    is_primary_key=item.is_primary_key,
                    values=seen.values,
                    is_unique=item.is_known_unique or seen.is_unique,
                )
            )
        return (
            BusinessSchema(
                tuple(
                    Table(owner, name, comment, tuple(columns)) for (owner, name), (comment, columns) in tables.items()
                )
            ),
            frozenset(hidden),
        )


def _readable_joins(schema: BusinessSchema, rows: Iterable[Sequence[Any]]) -> tuple[Join, ...]:
    """The foreign keys all of whose columns may be read."""
    readable = {(table.schema, table.name, column.name) for table in schema.tables for column in table}
    joins = []
    for owner, table, target_owner, target, sources, targets in rows:
        used = {(owner, table, name) for name in sources} | {(target_owner, target, name) for name in targets}
        if used <= readable:
            more = tuple(zip(sources[1:], targets[1:], strict=True))
            joins.append(Join(table, sources[0], target, targets[0], more, owner, target_owner))
    return tuple(joins)


@dataclass(frozen=True)
class _Seen:
    """What a look at a column showed: its values when they are few, and whether each row has its own."""

    values: tuple[str, ...] = ()
    is_unique: bool = False


def _look_at(connection: Connection[Any], item: _Found, seconds: float, deleted: str | None) -> _Seen:
    """Read a column's values, or for a whole number that may name rows only whether they differ; never an error."""
    if item.may_have_few_values:
        return _distinct_values(connection, item, seconds, deleted)
    if item.category == "N" and item.distinct is None and not item.is_known_unique and item.name.lower().endswith("id"):
        return replace(_distinct_values(connection, item, seconds, deleted), values=())
    return _Seen()


def _distinct_values(connection: Connection[Any], item: _Found, seconds: float, deleted: str | None) -> _Seen:
    """The values of all rows; whether each row has its own is judged by the rows that are not marked as deleted."""
    column = sql.Identifier(item.name)
    query = sql.SQL(
        "SELECT v::text, count(*) FILTER (WHERE is_live)"
        " FROM (SELECT {value} AS v, {live} AS is_live FROM {table} LIMIT {rows}) sample"
        " WHERE v IS NOT NULL GROUP BY 1 LIMIT {limit}"
    ).format(
        value=sql.SQL("unnest({})").format(column) if item.category == "A" else column,
        live=sql.SQL("{} IS NULL").format(sql.Identifier(deleted)) if deleted else sql.SQL("true"),
        table=sql.Identifier(item.schema, item.table),
        rows=sql.Literal(_SAMPLED_ROWS),
        limit=sql.Literal(MAX_DISTINCT_VALUES + 1),
    )
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}".encode())
            found = [(str(row[0]), int(row[1])) for row in connection.execute(query).fetchall()]
    except psycopg.errors.OperationalError as error:
        if connection.closed:
            raise
        _LOGGER.info("no sample values for %s: %s", item.full_name, type(error).__name__)
        return _Seen()
    except psycopg.DatabaseError as error:  # a view that fails, a type without text form
        _LOGGER.info("no sample values for %s: %s", item.full_name, type(error).__name__)
        return _Seen()
    if len(found) > MAX_DISTINCT_VALUES:
        return _Seen()
    is_unique = len(found) > 1 and all(count <= 1 for _, count in found)
    return _Seen(tuple(sorted(value for value, _ in found if len(value) <= MAX_VALUE_CHARACTERS)), is_unique)

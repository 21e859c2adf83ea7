"""What the reader role may read and call, as SQL: rights written column by column, and those beyond the policy found.

The guard decides by reading a statement; the rights here let the server decide a second time, by its own reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection, sql


def _one_line(statement: str) -> str:
    """A statement as one line of a script."""
    return " ".join(statement.split())


# Tables with a denied column: the whole right is taken away, then the other columns are granted. Their partitions and
# heirs are read through them, so that no right to these is needed.
_GRANTS: Final = _one_line("""DO $grants$
DECLARE item record;
BEGIN
  FOR item IN
    WITH RECURSIVE denied AS (
      SELECT a.attrelid, a.attnum FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE a.attnum > 0 AND n.nspname || '.' || c.relname || '.' || a.attname = ANY ({denied})
    ), heirs AS (
      SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent IN (SELECT attrelid FROM denied)
      UNION SELECT i.inhrelid FROM pg_inherits i JOIN heirs h ON i.inhparent = h.inhrelid
    )
    SELECT c.oid::regclass::text AS relation,
           string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
             FILTER (WHERE c.oid NOT IN (SELECT inhrelid FROM heirs)) AS readable
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE (c.oid IN (SELECT attrelid FROM denied) OR c.oid IN (SELECT inhrelid FROM heirs))
      AND pg_has_role(current_user, c.relowner, 'USAGE')
      AND NOT EXISTS (SELECT 1 FROM denied d WHERE d.attrelid = a.attrelid AND d.attnum = a.attnum)
    GROUP BY c.oid
  LOOP
    EXECUTE format('REVOKE SELECT ON %s FROM PUBLIC, %I', item.relation, {role});
    IF item.readable IS NOT NULL THEN
      EXECUTE format('GRANT SELECT (%s) ON %s TO %I', item.readable, item.relation, {role});
    END IF;
  END LOOP;
END $grants$""")

# Functions that run with their owner's rights, wherever they are, and volatile ones of the schemas.
_REVOKES: Final = _one_line("""DO $revokes$
DECLARE item record;
BEGIN
  FOR item IN
    SELECT p.oid::regprocedure::text AS routine, n.nspname || '.' || p.proname = ANY ({functions}) AS is_allowed
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND pg_has_role(current_user, p.proowner, 'USAGE')
      AND (p.prosecdef OR (p.provolatile = 'v' AND n.nspname = ANY ({schemas}))
           OR n.nspname || '.' || p.proname = ANY ({functions}))
  LOOP
    IF item.is_allowed THEN
      EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', item.routine, {role});
    ELSE
      EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC, %I', item.routine, {role});
    END IF;
  END LOOP;
END $revokes$""")

_FUNCTIONS_QUERY: Final = """
SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')
  AND n.nspname || '.' || p.proname <> ALL (%s)
ORDER BY 1
"""
_SCHEMAS_QUERY: Final = """
SELECT n.nspname FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname <> ALL (%s)
  AND has_schema_privilege(n.oid, 'USAGE')
  AND EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'v', 'm', 'f', 'p')
              AND has_any_column_privilege(c.oid, 'SELECT'))
ORDER BY 1
"""
_LOGIN_QUERY: Final = "SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user"


@dataclass(frozen=True)
class Rights:
    """What the reader role is to be given.

    Attributes:
        schemas: all their tables and views, without `denied_columns` (`schema.table.column`).
        functions: `schema.function` that may be called although they would be excluded.
    """

    schemas: tuple[str, ...]
    denied_columns: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()

    def denies_in(self, schema: str) -> bool:
        """Whether a column of a table in `schema` is denied."""
        return any(column.startswith(f"{schema}.") for column in self.denied_columns)


def generated_grants(role: str, rights: Rights) -> sql.Composed:
    """A statement that narrows the role's rights on tables with denied columns; run it after the schema's grants."""
    return sql.SQL(_GRANTS).format(role=sql.Literal(role), denied=_texts(rights.denied_columns))


def generated_revokes(role: str, rights: Rights) -> sql.Composed:
    """A statement that takes EXECUTE on excluded functions from PUBLIC and the role, of functions we own."""
    names = {"functions": _texts(rights.functions), "schemas": _texts(rights.schemas)}
    return sql.SQL(_REVOKES).format(role=sql.Literal(role), **names)


def _texts(values: Iterable[str]) -> sql.Composed:
    """An array constant; an empty one has no type of its own."""
    return sql.SQL("{}::text[]").format(sql.Literal(list(values)))


@dataclass(frozen=True)
class ExcessRights:
    """What a login can do beyond the policy.

    Attributes:
        login: its name.
        columns: `schema.table.column` that it can read and no query may.
        functions: signatures it can call that run with their owner's rights.
        schemas: further schemas it can read tables of.
        readable: by `schema.table` with such a column, the columns a query may read.
        is_superuser: no right can be taken from it.
    """

    login: str = ""
    columns: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    readable: Mapping[str, tuple[str, ...]] | None = None
    is_superuser: bool = False

    @property
    def relations(self) -> frozenset[str]:
        """`schema.table` of which a denied column can be read."""
        return frozenset(column.rpartition(".")[0] for column in self.columns)

    @property
    def mending(self) -> tuple[str, ...]:
        """The statements that take the rights away; empty when only another login helps."""
        if self.is_superuser:
            return ()
        login = _identifier(self.login)
        statements = []
        for relation in sorted(self.relations):
            table = ".".join(map(_identifier, relation.split(".", 1)))
            statements.append(f"REVOKE SELECT ON {table} FROM PUBLIC, {login}")  # noqa: S608 - shown, never run
            if columns := ", ".join(map(_identifier, (self.readable or {}).get(relation, ()))):
                statements.append(f"GRANT SELECT ({columns}) ON {table} TO {login}")
        statements += [f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC, {login}" for name in self.functions]
        statements += [f"REVOKE USAGE ON SCHEMA {_identifier(name)} FROM PUBLIC, {login}" for name in self.schemas]
        return tuple(statements)

    def __bool__(self) -> bool:
        return bool(self.columns or self.functions or self.schemas)


def excess_rights(
    connection: Connection[Any],
    *,
    denied_but_readable: Sequence[str],
    readable: Mapping[str, tuple[str, ...]],
    schemas: Sequence[str],
    functions: Iterable[str],
) -> ExcessRights:
    """Ask the server what the login of `connection` can do beyond these rights; its search path is changed."""
    connection.execute(b"SET search_path = pg_catalog")  # so that every name comes with its schema
    row = connection.execute(_LOGIN_QUERY.encode()).fetchone()
    login, is_superuser = (str(row[0]), bool(row[1])) if row else ("", False)
    callable_ = connection.execute(_FUNCTIONS_QUERY.encode(), (list(functions),)).fetchall()
    others = connection.execute(_SCHEMAS_QUERY.encode(), (list(schemas),)).fetchall()
    touched = {column.rpartition(".")[0] for column in denied_but_readable}
    return ExcessRights(
        login=login,
        columns=tuple(denied_but_readable),
        functions=tuple(str(row[0]) for row in callable_),
        schemas=tuple(str(row[0]) for row in others),
        readable={name: columns for name, columns in readable.items() if name in touched},
        is_superuser=is_superuser,
    )


def _identifier(name: str) -> str:
    return sql.Identifier(name).as_string(None)

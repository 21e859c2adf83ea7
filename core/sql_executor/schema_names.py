"""Which schemas a setting stands for: those it lists, or with `*` all that the login may use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from psycopg import Connection

ALL_SCHEMAS: Final = "*"
_QUERY: Final = """
SELECT nspname::text FROM pg_namespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND has_schema_privilege(oid, 'USAGE')
ORDER BY nspname <> 'public', nspname
"""


def existing_schemas(connection: Connection[Any], names: Sequence[str]) -> tuple[str, ...]:
    """The names in their order; for `*` every schema of the database that is not the server's, `public` first."""
    if ALL_SCHEMAS not in names:
        return tuple(names)
    return tuple(str(row[0]) for row in connection.execute(_QUERY).fetchall())

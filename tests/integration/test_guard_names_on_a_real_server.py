"""The guard's reading of names against the server's own, on queries from a fixed seed."""

import psycopg

from core.sql_guard.admitted_names import (
    ARRAY_RESULTS,
    FUNCTIONS,
    POLYMORPHIC_RESULTS,
    SET_RETURNING_COLUMNS,
)
from core.sql_guard.catalog_names import CONFIGURATIONS, NAME_ARGUMENTS, NAME_RESULTS
from tools.guard_differential import run

# Kinds that are refused although a server would take them: what the parser cannot read, relations with denied columns
# under an alias list or NATURAL JOIN, fields of a function's rows, and expressions no row ever needs.
KNOWN_KINDS = {"parse.syntax", "column.star", "column.unsettled", "column.denied", "column.whole_row"}


def test_guard_finds_every_column_the_server_reads(scratch_business_url: str) -> None:
    tally = run(scratch_business_url, count=700, seed=11)
    assert tally.compared > 80
    assert tally.hostile > 30
    assert tally.legitimate > 120
    assert (tally.fewer, tally.more, tally.hostile_admitted) == (0, 0, 0), tally.examples
    assert set(tally.refused) <= KNOWN_KINDS, tally.examples


def test_every_function_that_may_return_rows_is_known_as_one(scratch_business_url: str) -> None:
    """In FROM the server makes columns of a row's fields, and names a single result after its OUT parameter."""
    of_enums = {"enum_first", "enum_last", "enum_range"}
    known = POLYMORPHIC_RESULTS | frozenset(SET_RETURNING_COLUMNS) | of_enums
    with psycopg.connect(scratch_business_url) as connection:
        rows = connection.execute(
            "SELECT DISTINCT p.proname FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype"
            " WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.proname = ANY (%s)"
            " AND (t.typtype IN ('p', 'c') OR p.proargmodes::text ~ '[obt]')",
            (list(FUNCTIONS),),
        ).fetchall()
    assert {row[0] for row in rows} - known == set()


def test_every_form_of_a_function_with_several_columns_is_known(scratch_business_url: str) -> None:
    """`unnest` is read by the type of its argument; every other function has the columns of its own list."""
    with psycopg.connect(scratch_business_url) as connection:
        rows = connection.execute(
            "SELECT p.proname, coalesce(o.names, '{}') FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype,"
            " LATERAL (SELECT array_agg(p.proargnames[n]::text ORDER BY n) AS names"
            "          FROM generate_subscripts(p.proargmodes, 1) n WHERE p.proargmodes[n] IN ('o', 'b', 't')) o"
            " WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY (%s)"
            " AND (t.typtype = 'c' OR cardinality(o.names) > 1)",
            (list(FUNCTIONS),),
        ).fetchall()
    assert ("unnest", ["lexeme", "positions", "weights"]) in rows
    differing = {name for name, columns in rows if SET_RETURNING_COLUMNS.get(name) != tuple(columns)}
    assert differing == {"unnest"}


def test_every_function_that_looks_up_names_of_the_catalogue_is_known(scratch_business_url: str) -> None:
    with psycopg.connect(scratch_business_url) as connection:
        rows = connection.execute(
            "SELECT p.proname, p.prorettype::regtype::text ~ '^reg' FROM pg_proc p"
            " WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY (%s)"
            " AND concat_ws(' ', p.prorettype::regtype, p.proargtypes::regtype[]) ~ '\\mreg'",
            (list(FUNCTIONS),),
        ).fetchall()
        configurations = connection.execute(
            "SELECT cfgname FROM pg_ts_config WHERE cfgnamespace = 'pg_catalog'::regnamespace"
        ).fetchall()
    assert {name for name, is_result in rows if is_result} == NAME_RESULTS
    assert {name for name, is_result in rows if not is_result} == NAME_ARGUMENTS
    assert {row[0] for row in configurations} == CONFIGURATIONS


def test_every_function_read_as_making_an_array_makes_one(scratch_business_url: str) -> None:
    with psycopg.connect(scratch_business_url) as connection:
        rows = connection.execute(
            "SELECT DISTINCT p.proname FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype"
            " WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY (%s)"
            " AND NOT (t.typcategory = 'A' OR t.typname IN ('anyarray', 'anycompatiblearray'))",
            (list(ARRAY_RESULTS),),
        ).fetchall()
    assert rows == []

"""The schema as the reader role sees it on a real server."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from common.business_schema import BusinessSchema
from common.errors import SqlRefusedError, StoreUnavailableError
from core.schema_catalog import SchemaCatalog
from core.sql_executor import ReaderPool
from core.sql_executor.reader_role import ensure_reader_role
from core.sql_guard import SqlGuard

SETUP = """
DROP TABLE IF EXISTS shop, vault, people CASCADE;
CREATE TABLE shop (id int PRIMARY KEY, title varchar(40) NOT NULL, kind text, amount numeric(10,2), body text);
COMMENT ON TABLE shop IS '商店'; COMMENT ON COLUMN shop.kind IS '类型';
INSERT INTO shop SELECT i, 'shop ' || i, CASE i % 3 WHEN 0 THEN '甲' WHEN 1 THEN '乙' END, i, repeat('长', 100)
    FROM generate_series(1, 5000) i;
CREATE VIEW shop_kinds AS SELECT kind, count(*) AS n FROM shop GROUP BY kind;
CREATE TABLE vault (secret text);
CREATE TABLE people (id int, name text, id_card text);
INSERT INTO people VALUES (1, '张三', 'x');
ANALYZE shop;
"""


@pytest.fixture(scope="module")
def reader_url(scratch_business_url: str) -> str:
    with psycopg.connect(scratch_business_url, autocommit=True) as connection:
        connection.execute(SETUP)
        url = ensure_reader_role(scratch_business_url, role="citu_test_catalog", password="x y", schemas=["public"])
        connection.execute("REVOKE SELECT ON vault, people FROM citu_test_catalog")
        connection.execute("GRANT SELECT (id, name) ON people TO citu_test_catalog")
    return url


@pytest.fixture
def pool(reader_url: str) -> Iterator[ReaderPool]:
    with closing(ReaderPool(reader_url, size=2)) as pool:
        yield pool


def test_tables_columns_types_and_comments(pool: ReaderPool) -> None:
    shop = SchemaCatalog(pool=pool).schema().table("shop")
    assert shop is not None
    assert shop.comment == "商店"
    assert [column.name for column in shop] == ["id", "title", "kind", "amount", "body"]
    kind, amount, key = shop.column("kind"), shop.column("amount"), shop.column("id")
    assert kind
    assert amount
    assert key
    assert (kind.comment, kind.is_nullable) == ("类型", True)
    assert amount.data_type == "numeric(10,2)"
    assert (key.is_primary_key, key.is_nullable) == (True, False)


def test_values_of_short_columns_with_few_values(pool: ReaderPool) -> None:
    shop = SchemaCatalog(pool=pool).schema().table("shop")
    assert shop is not None
    assert {column.name: column.values for column in shop} == {
        "id": (),
        "title": (),
        "kind": ("乙", "甲"),
        "amount": (),
        "body": (),
    }


def test_no_time_means_no_values(pool: ReaderPool) -> None:
    schema = SchemaCatalog(pool=pool, value_budget_seconds=0).schema()
    assert all(column.values == () for table in schema.tables for column in table)


def test_what_the_role_cannot_read_does_not_exist(pool: ReaderPool) -> None:
    catalog = SchemaCatalog(pool=pool)
    assert {"shop", "shop_kinds", "people"} <= {table.name for table in catalog.schema().tables}
    assert catalog.schema().table("vault") is None
    people = catalog.schema().table("people")
    assert people is not None
    assert [column.name for column in people] == ["id", "name"]
    assert catalog.hidden_columns() == {"public.people.id_card"}


@pytest.mark.parametrize("sql", ["SELECT * FROM people", "SELECT id_card FROM people", "SELECT * FROM vault"])
def test_guard_refuses_what_the_catalogue_hides(pool: ReaderPool, sql: str) -> None:
    guard = SqlGuard(SchemaCatalog(pool=pool).guard_policy)
    assert guard.check("SELECT name FROM people").relations == ("public.people",)
    with pytest.raises(SqlRefusedError):
        guard.check(sql)


def test_denied_column_is_hidden_although_the_role_may_read_it(pool: ReaderPool) -> None:
    catalog = SchemaCatalog(pool=pool, denied_columns=["public.shop.amount"])
    shop = catalog.schema().table("shop")
    assert shop is not None
    assert shop.column("amount") is None
    with pytest.raises(SqlRefusedError):
        SqlGuard(catalog.guard_policy).check("SELECT amount FROM shop")


def test_today_is_the_databases_date(pool: ReaderPool, scratch_business_url: str) -> None:
    with psycopg.connect(scratch_business_url) as connection:
        row = connection.execute("SELECT current_date").fetchone()
    assert SchemaCatalog(pool=pool).today() == (row[0] if row else date.min)


def test_new_table_appears_after_refresh_or_ttl(pool: ReaderPool, scratch_business_url: str) -> None:
    now = [0.0]
    catalog = SchemaCatalog(pool=pool, ttl_seconds=300, clock=lambda: now[0])
    before = catalog.schema()
    with psycopg.connect(scratch_business_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS fresh; CREATE TABLE fresh (id int)")
        assert catalog.schema() is before
        assert catalog.refresh().table("fresh") is not None
        connection.execute("DROP TABLE fresh")
    now[0] = 301.0
    assert catalog.schema().table("fresh") is None


def test_parallel_first_callers_load_once(pool: ReaderPool) -> None:
    catalog = SchemaCatalog(pool=pool)
    seen: list[BusinessSchema] = []
    threads = [threading.Thread(target=lambda: seen.append(catalog.schema())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(schema) for schema in seen}) == 1


def test_lost_database_keeps_the_known_schema(reader_url: str) -> None:
    now = [0.0]
    pool = ReaderPool(reader_url, size=1, wait_seconds=0.5)
    catalog = SchemaCatalog(pool=pool, ttl_seconds=10, clock=lambda: now[0])
    before = catalog.schema()
    pool.close()
    now[0] = 11.0
    assert catalog.schema() is before
    with pytest.raises(StoreUnavailableError):
        catalog.today()


def test_a_star_stands_for_all_schemas_the_login_may_use(scratch_business_url: str) -> None:
    with psycopg.connect(scratch_business_url, autocommit=True) as connection:
        connection.execute('DROP SCHEMA IF EXISTS "Sales" CASCADE; CREATE SCHEMA "Sales"')
        connection.execute('CREATE TABLE "Sales"."Order" ("Id" int PRIMARY KEY)')
    url = ensure_reader_role(scratch_business_url, role="citu_test_star", password="x y", schemas=["*"])
    try:
        with closing(ReaderPool(url, size=1)) as pool:
            catalog = SchemaCatalog(pool=pool, schemas=["*"])
            places = {(table.schema, table.name) for table in catalog.schema().tables}
            assert ("Sales", "Order") in places
            assert ("public", "shop_kinds") in places
            assert catalog.guard_policy().search_path[0] == "public"
            assert not [schema for schema, _ in places if schema.startswith(("pg_", "information_schema"))]
    finally:
        with psycopg.connect(scratch_business_url, autocommit=True) as connection:
            connection.execute('DROP SCHEMA "Sales" CASCADE')


def test_a_schema_read_again_without_a_change_stays_the_same_object(pool: ReaderPool) -> None:
    catalog = SchemaCatalog(pool=pool)
    first = catalog.schema()
    assert catalog.refresh() is first


def test_values_that_a_later_load_has_no_time_for_stay(pool: ReaderPool) -> None:
    now = [0.0]
    catalog = SchemaCatalog(pool=pool, clock=lambda: now[0])
    first = catalog.schema()
    catalog._value_budget_seconds = 0.0
    assert catalog.refresh() is first


def test_a_server_that_is_too_old_is_refused_and_says_so(pool: ReaderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.schema_catalog.MINIMUM_SERVER", 99)
    catalog = SchemaCatalog(pool=pool)
    with pytest.raises(StoreUnavailableError, match="PostgreSQL 99"):
        catalog.schema()
    assert "PostgreSQL 99" in (catalog.refusal() or "")


def test_progress_says_how_many_tables_can_be_asked_about(pool: ReaderPool) -> None:
    catalog = SchemaCatalog(pool=pool)
    assert catalog.progress().tables is None
    catalog.schema()
    assert catalog.progress().tables == len(catalog.schema().tables)


@pytest.mark.parametrize(("encoding", "holds_chinese"), [("LATIN1", False), ("SQL_ASCII", True)])
def test_servers_of_other_encodings_are_read(scratch_business_url: str, encoding: str, *, holds_chinese: bool) -> None:
    name = f"citu_encoding_{encoding.lower()}"
    with psycopg.connect(scratch_business_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        connection.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C' LOCALE_PROVIDER libc".encode()
        )
    owner = urlunsplit(urlsplit(scratch_business_url)._replace(path=f"/{name}"))
    try:
        with psycopg.connect(owner, autocommit=True, client_encoding="utf8") as connection:
            connection.execute("CREATE TABLE city (id int PRIMARY KEY, name text)")
            connection.execute("INSERT INTO city VALUES (1, 'Nîmes'), (2, 'Lyon')")
        url = ensure_reader_role(owner, role="citu_test_encoding", password="x y", schemas=["public"])
        with closing(ReaderPool(url, size=1)) as pool:
            schema = SchemaCatalog(pool=pool).schema()
        assert schema.holds_chinese is holds_chinese
        city = schema.table("city")
        assert city is not None
        column = city.column("name")
        assert column is not None
        assert column.values == ("Lyon", "Nîmes")
    finally:
        with psycopg.connect(scratch_business_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

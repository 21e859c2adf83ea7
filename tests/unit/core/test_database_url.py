"""Database URLs: which forms are accepted, and that passwords stay inside."""

import pytest

from common.errors import ConfigurationError, StoreUnavailableError
from core.database import Database, advisory_key, sqlalchemy_url


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_postgresql_scheme_uses_our_driver(scheme: str) -> None:
    assert sqlalchemy_url(f"{scheme}://u:p@h:5433/db").render_as_string(False) == "postgresql+psycopg2://u:p@h:5433/db"


def test_unix_socket_and_encoded_password_survive() -> None:
    url = sqlalchemy_url("postgresql://u:p%40w%2F@/db?host=/run/my+sock&port=5499")
    assert (url.password, url.query["host"], url.query["port"], url.database) == ("p@w/", "/run/my+sock", "5499", "db")


@pytest.mark.parametrize(
    "url", ["", "db", "mysql://u:secret@h/db", "postgresql://u:secret@h", "postgresql://u:secret@h:x/db"]
)
def test_other_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        sqlalchemy_url(url)
    assert "secret" not in str(caught.value)


def test_repr_hides_the_password() -> None:
    database = Database("postgresql://u:secret@h/db")
    assert "secret" not in repr(database)
    assert "h/db" in repr(database)


@pytest.mark.parametrize("seconds", [0, 2.5])
def test_callers_never_wait_long_for_a_connection(seconds: float) -> None:
    with pytest.raises(ConfigurationError):
        Database("postgresql://u@h/db", pool_timeout_seconds=seconds)


def test_absent_server_is_a_store_error() -> None:
    database = Database("postgresql://u@/db?host=/nonexistent")
    assert not database.is_available()
    with pytest.raises(StoreUnavailableError):
        database.now()


def test_lock_keys_are_stable_64_bit_numbers() -> None:
    assert advisory_key("citu.schema_migrations") == advisory_key("citu.schema_migrations") != advisory_key("other")
    assert -(2**63) <= advisory_key("x") < 2**63

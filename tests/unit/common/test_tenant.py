"""Tenants: which names are accepted, and which Redis keys are theirs."""

import pytest

from common.tenant import Tenant, redis_key


@pytest.mark.parametrize("name", ["default", "a", "0", "acme_2-x", "a" * 63])
def test_well_formed_names_are_accepted(name: str) -> None:
    assert Tenant(name) == name


@pytest.mark.parametrize("name", ["", "-a", "_a", "A", "a b", "a:b", "a\n", "é", "a" * 64, None, 7])
def test_everything_else_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="tenant name"):
        Tenant(name)


def test_default_tenant_keeps_the_historical_key() -> None:
    assert redis_key("default", "user:guest:conversations") == "user:guest:conversations"


def test_other_tenants_have_a_prefix() -> None:
    assert redis_key("acme", "user:guest:conversations") == "tenant:acme:user:guest:conversations"


def test_no_tenant_gives_no_key() -> None:
    with pytest.raises(ValueError, match="tenant name"):
        redis_key("", "user:guest:conversations")

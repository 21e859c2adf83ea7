"""Usage rows in PostgreSQL: written once, summed by group, and invisible to the other tenant."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import delete, select

from common.errors import BadRequestError, StoreUnavailableError
from core.database import Database
from core.llm.messages import TokenUsage
from core.llm.metering import CallAccount, UsageEntry
from core.llm.usage_ledger import PendingEntry, UsageLedger
from core.llm.usage_store import LLM_USAGE, UsageStore
from core.schema_migrations import upgrade_to_head
from features.usage.presentation import reported
from features.usage.schemas import UsageRequest
from features.usage.service import UsageService

DAY = 86_400.0


def entry(
    tenant: str, user: str, *, route: str = "ask_agent", model: str = "m", tokens: int = 10, cost: str | None = None
) -> UsageEntry:
    price = None if cost is None else Decimal(cost)
    return UsageEntry(
        CallAccount(tenant, user, route), "chat", model, TokenUsage(tokens, 1), price, is_estimated=cost is None
    )


@pytest.fixture
def database(platform_url: str) -> Iterator[Database]:
    upgrade_to_head(platform_url)
    database = Database(platform_url, pool_size=1)
    with database.session() as session:
        session.execute(delete(LLM_USAGE))
    yield database
    database.dispose()


@pytest.fixture
def store(database: Database) -> UsageStore:
    """Today: acme's alice and bob, other's alice; yesterday: acme's alice."""
    store = UsageStore(database)
    entries = [
        (entry("acme", "alice", tokens=100, cost="0.5"), 0.0),
        (entry("acme", "alice", route="agent_health", tokens=10), 0.0),
        (entry("acme", "bob", model="n", tokens=30, cost="0.25"), 0.0),
        (entry("other", "alice", tokens=7000, cost="99"), 0.0),
        (entry("acme", "alice", tokens=1, cost="0.00000001"), DAY),
    ]
    store.write([(PendingEntry(uuid4(), made, 0.0), age) for made, age in entries])
    return store


@pytest.fixture
def service(database: Database, store: UsageStore) -> UsageService:
    return UsageService(database=database, spent_today=store.spent_today, daily_budget=500)


def report(service: UsageService, tenant: str = "acme", **wanted: object) -> dict[str, object]:
    request = UsageRequest.model_validate(wanted)
    envelope = reported(request, service.report(tenant, request))
    assert (envelope["code"], envelope["success"]) == (200, True)
    data: dict[str, object] = envelope["data"]
    return data


def test_sums_are_the_tenants_own(service: UsageService) -> None:
    assert report(service)["totals"] == {
        "calls": 4,
        "estimated_calls": 1,
        "unpriced_calls": 1,
        "prompt_tokens": 141,
        "completion_tokens": 4,
        "total_tokens": 145,
        "cost": "0.75000001",
    }
    others = report(service, "other", group_by="user,model")
    assert [(item["user"], item["model"], item["cost"]) for item in others["items"]] == [("alice", "m", "99")]
    assert report(service, "third")["items"] == []
    assert report(service, "third")["totals"]["cost"] == "0"


@pytest.mark.parametrize(
    ("group_by", "found"),
    [
        ("user", [("alice", 114), ("bob", 31)]),
        ("route", [("ask_agent", 134), ("agent_health", 11)]),
        ("model", [("m", 114), ("n", 31)]),
        ("user,route", [("alice", 103), ("bob", 31), ("alice", 11)]),
    ],
)
def test_groups_come_with_the_most_tokens_first(
    service: UsageService, group_by: str, found: list[tuple[str, int]]
) -> None:
    items = report(service, group_by=group_by)["items"]
    assert [(item[group_by.partition(",")[0]], item["total_tokens"]) for item in items] == found


def test_days_are_utc_days_newest_first_and_both_ends_count(database: Database, service: UsageService) -> None:
    today = database.now().date()
    yesterday = today - timedelta(days=1)
    items = report(service)["items"]
    assert [(item["day"], item["calls"]) for item in items] == [(today.isoformat(), 3), (yesterday.isoformat(), 1)]
    only = report(service, **{"from": yesterday.isoformat(), "to": yesterday.isoformat()})
    assert [item["day"] for item in only["items"]] == [yesterday.isoformat()]
    assert only["totals"]["calls"] == 1
    assert report(service, **{"from": today.isoformat()})["totals"]["calls"] == 3
    assert report(service, to="2024-01-01")["from"] == "2023-12-03"


def test_pages_hold_what_they_say(service: UsageService) -> None:
    second = report(service, group_by="user,route", page="2", page_size="2")
    assert [item["total_tokens"] for item in second["items"]] == [11]
    assert second["pagination"] == {
        "page": 2, "page_size": 2, "total": 3, "total_pages": 2, "has_next": False, "has_prev": True,
    }  # fmt: skip
    beyond = report(service, group_by="user", page="9")
    assert (beyond["items"], beyond["pagination"]["total"]) == ([], 2)


def test_the_budget_counts_today_of_the_tenant_and_of_its_user(service: UsageService, store: UsageStore) -> None:
    assert report(service)["budget"] == {"daily_tokens": 500, "used_today": 143}
    assert store.spent_today("acme", "bob").tokens == 31
    assert store.spent_today("other", "alice").tokens == 7001
    assert 0 < store.spent_today("third", None).seconds_left <= DAY


@pytest.mark.parametrize("days", [("2024-02-02", "2024-02-01"), ("2023-01-01", "2024-12-31")])
def test_days_in_the_wrong_order_or_too_far_apart_are_refused(service: UsageService, days: tuple[str, str]) -> None:
    with pytest.raises(BadRequestError):
        report(service, **{"from": days[0], "to": days[1]})


def test_a_batch_written_twice_counts_once_and_hostile_text_spoils_none(database: Database) -> None:
    store = UsageStore(database)
    hostile = "a\x00b\ud800" + "长" * 2000
    batch = [(PendingEntry(uuid4(), entry("acme", hostile, route="r" * 300, model="m" * 300), 0.0), 0.0)]
    store.write(batch)
    store.write(batch)
    with database.session() as session:
        [user] = session.scalars(select(LLM_USAGE.c.user_id))
    assert user.startswith("ab?长")
    assert store.spent_today("acme", hostile).tokens == 11


def test_the_ledger_fills_the_table_before_the_stop(database: Database) -> None:
    store = UsageStore(database)
    ledger = UsageLedger(write=store.write, interval_seconds=3600)
    for number in range(450):
        ledger.record(entry("acme", f"u{number}"))
    ledger.close()
    assert store.spent_today("acme", None).tokens == 450 * 11


def test_a_lost_database_is_a_store_error() -> None:
    database = Database("postgresql://u@/db?host=/nonexistent", pool_size=1)
    with pytest.raises(StoreUnavailableError):
        UsageStore(database).write([(PendingEntry(uuid4(), entry("acme", "alice"), 0.0), 0.0)])
    database.dispose()

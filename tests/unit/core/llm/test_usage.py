"""What is counted on whose account, what it costs, who is refused, and what survives a lost database."""

import threading
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from common.errors import BudgetExceededError, ConfigurationError, StoreUnavailableError
from core.llm.budget import DailyBudget, Spending
from core.llm.circuit_breaker import CircuitBreaker
from core.llm.client import LLMClient
from core.llm.config import LLMClientConfig
from core.llm.errors import ModelCallError, ModelConnectionError, ModelReplyError, ModelServerError
from core.llm.messages import ChatMessage, ReplyPart, TokenUsage
from core.llm.metering import CallAccount, UsageEntry, UsageMeter
from core.llm.prices import Price, PriceList, load_prices
from core.llm.retry import RetryPolicy
from core.llm.token_estimate import estimated_tokens
from core.llm.usage_ledger import PendingEntry, UsageLedger
from tests.fakes.scripted_provider import ScriptedProvider

ALICE = CallAccount("acme", "alice", "ask_agent")
USAGE = TokenUsage(100, 20)
ASKED = [ChatMessage("user", "问题")]
PRICES = PriceList({"m": Price(Decimal(2), Decimal(10))})


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Kept:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.entries: list[UsageEntry] = []

    def record(self, entry: UsageEntry) -> None:
        self.entries.append(entry)


def nothing_spent(_tenant: str, _user: str | None) -> Spending:
    return Spending(0, 3600)


def metered(provider: ScriptedProvider, sink: Kept, **budgets: int) -> LLMClient:
    return LLMClient(
        config=LLMClientConfig(base_url="http://model.test/v1", model="m", api_key=SecretStr("k")),
        provider=provider,
        meter=UsageMeter(sink=sink, prices=PRICES, budget=DailyBudget(spent_today=nothing_spent, **budgets)),
        retry=RetryPolicy(sleep=lambda _seconds: None),
        breaker=CircuitBreaker(failures=0),
    )


def answer(text: str = "好", usage: TokenUsage | None = USAGE) -> Sequence[ReplyPart | ModelCallError]:
    return [ReplyPart(text), ReplyPart("", finish_reason="stop", usage=usage)]


def whole(text: str = "好", usage: TokenUsage | None = USAGE) -> Sequence[ReplyPart | ModelCallError]:
    return [ReplyPart(text, finish_reason="stop", usage=usage)]


def test_a_call_is_on_the_account_it_names_with_the_providers_count() -> None:
    kept = Kept()
    metered(ScriptedProvider(whole()), kept).chat(ASKED, account=ALICE, kind="write_sql")
    assert kept.entries == [UsageEntry(ALICE, "write_sql", "m", USAGE, Decimal("0.0004"), is_estimated=False)]


def test_a_stream_is_counted_by_its_last_part() -> None:
    kept = Kept()
    list(metered(ScriptedProvider(answer()), kept).stream(ASKED, account=ALICE))
    assert [(entry.usage, entry.is_estimated) for entry in kept.entries] == [(USAGE, False)]


def test_a_missing_count_is_estimated_and_says_so() -> None:
    kept = Kept()
    metered(ScriptedProvider(whole("四个汉字abcd", None)), kept).chat(ASKED, account=ALICE)
    assert [(entry.usage, entry.is_estimated) for entry in kept.entries] == [(TokenUsage(2, 5), True)]


def test_an_unusable_answer_costs_as_well_and_a_failure_without_one_does_not() -> None:
    kept = Kept()
    provider = ScriptedProvider([ModelServerError()], whole("", TokenUsage(7, 0)), whole())
    metered(provider, kept).chat(ASKED, account=ALICE)
    assert [entry.usage for entry in kept.entries] == [TokenUsage(7, 0), USAGE]


def test_a_stream_that_breaks_or_is_left_is_counted_as_far_as_it_came() -> None:
    kept = Kept()
    client = metered(ScriptedProvider([ReplyPart("甲乙"), ModelConnectionError()], [ReplyPart("丙"), *answer()]), kept)
    with pytest.raises(ModelConnectionError):
        list(client.stream(ASKED, account=ALICE))
    parts = client.stream(ASKED, account=ALICE)
    next(parts)
    parts.close()
    assert [entry.usage.output_tokens for entry in kept.entries] == [2, 1]


def test_a_nonsensical_count_is_cut_to_what_a_column_takes() -> None:
    kept = Kept()
    metered(ScriptedProvider(whole(usage=TokenUsage(-5, 2**40))), kept).chat(ASKED, account=ALICE)
    assert kept.entries[0].usage == TokenUsage(0, 2**30 - 1)


@pytest.mark.parametrize("name", ["", "Acme", "a b", "../x"])
def test_there_is_no_account_without_a_tenant(name: str) -> None:
    with pytest.raises(ValueError):
        CallAccount(name, "alice", "ask_agent")


def test_used_up_budget_refuses_before_the_model_is_asked() -> None:
    kept, provider = Kept(), ScriptedProvider(whole(), whole())
    client = metered(provider, kept, tenant_tokens=100)
    client.chat(ASKED, account=ALICE)
    with pytest.raises(BudgetExceededError) as caught:
        client.chat(ASKED, account=CallAccount("acme", "bob", "ask_agent"))
    assert (caught.value.status, caught.value.error_type, caught.value.can_retry) == (429, "budget_exceeded", False)
    assert caught.value.retry_after_seconds == 3600
    client.chat(ASKED, account=CallAccount("other", "alice", "ask_agent"))
    assert len(provider.kinds) == 2


def test_a_users_budget_is_that_users_alone() -> None:
    client = metered(ScriptedProvider(whole(), whole()), Kept(), user_tokens=100)
    client.chat(ASKED, account=ALICE)
    with pytest.raises(BudgetExceededError):
        client.chat(ASKED, account=ALICE)
    client.chat(ASKED, account=CallAccount("acme", "bob", "ask_agent"))


def test_what_other_processes_used_is_seen_after_a_while_and_a_new_day_starts_at_nothing() -> None:
    clock, spent = Clock(), Spending(0, 1000)
    budget = DailyBudget(spent_today=lambda *_key: spent, tenant_tokens=50, refresh_seconds=10, clock=clock)
    budget.check("acme", "alice")
    spent = Spending(60, 990)
    budget.check("acme", "alice")
    clock.now = 10
    with pytest.raises(BudgetExceededError):
        budget.check("acme", "alice")
    clock.now, spent = 1001, Spending(0, 86_400)
    budget.check("acme", "alice")


def test_a_database_that_is_away_refuses_nobody() -> None:
    def away(_tenant: str, _user: str | None) -> Spending:
        raise StoreUnavailableError("away")

    budget = DailyBudget(spent_today=away, tenant_tokens=50)
    budget.check("acme", "alice")
    budget.add("acme", "alice", 50)
    with pytest.raises(BudgetExceededError) as caught:
        budget.check("acme", "alice")
    assert caught.value.retry_after_seconds is None


class Table:
    """Takes batches; away while `is_away`."""

    def __init__(self) -> None:
        self.is_away = False
        self.rows: dict[object, str] = {}

    def write(self, entries: Sequence[tuple[PendingEntry, float]]) -> None:
        if self.is_away:
            raise StoreUnavailableError("away")
        self.rows |= {item.entry_id: item.entry.account.user_id for item, _age in entries}


def entry(user: str) -> UsageEntry:
    return UsageEntry(CallAccount("acme", user, "ask_agent"), "chat", "m", USAGE, None, is_estimated=False)


def test_everything_recorded_is_written_before_an_orderly_stop() -> None:
    table = Table()
    ledger = UsageLedger(write=table.write, interval_seconds=3600)
    for number in range(1001):
        ledger.record(entry(f"u{number}"))
    ledger.close()
    assert (len(table.rows), ledger.dropped, ledger.waiting) == (1001, 0, 0)


def test_a_lost_database_costs_nothing_until_the_buffer_is_full(caplog: pytest.LogCaptureFixture) -> None:
    table = Table()
    ledger = UsageLedger(write=table.write, capacity=3, interval_seconds=3600)
    table.is_away = True
    for number in range(5):
        ledger.record(entry(f"u{number}"))
    assert not ledger.flush()
    assert (ledger.waiting, ledger.dropped) == (3, 2)
    table.is_away = False
    ledger.close()
    assert sorted(table.rows.values()) == ["u0", "u1", "u2"]
    assert "dropped so far: 2" in caplog.text


def test_a_write_that_hangs_does_not_hold_up_the_stop(caplog: pytest.LogCaptureFixture) -> None:
    began, goes_on = threading.Event(), threading.Event()

    def hang(_entries: Sequence[tuple[PendingEntry, float]]) -> None:
        began.set()
        goes_on.wait(30)

    ledger = UsageLedger(write=hang, interval_seconds=0, patience_seconds=0.01)
    ledger.record(entry("alice"))
    assert began.wait(10)
    ledger.close()
    goes_on.set()
    assert "dropped so far: 1" in caplog.text


def test_entries_the_database_refuses_are_dropped_and_the_next_ones_written(caplog: pytest.LogCaptureFixture) -> None:
    table, refusals = Table(), [ValueError("no such text")]

    def write(entries: Sequence[tuple[PendingEntry, float]]) -> None:
        if refusals:
            raise refusals.pop()
        table.write(entries)

    ledger = UsageLedger(write=write, interval_seconds=3600)
    for number in range(250):
        ledger.record(entry(f"u{number}"))
    ledger.close()
    assert (len(table.rows), ledger.dropped) == (50, 200)


def test_entries_lost_at_the_stop_are_counted_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    table = Table()
    table.is_away = True
    ledger = UsageLedger(write=table.write, interval_seconds=3600)
    ledger.record(entry("alice"))
    ledger.close()
    ledger.record(entry("late"))
    assert ledger.dropped == 2
    assert "dropped so far: 1" in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"m": 1}',
        '{"m": {"input": 1}}',
        '{"m": {"input": -1, "output": 1}}',
        '{"m": {"input": NaN, "output": 1}}',
        '{"m": {"input": "x", "output": 1}}',
        '{"m": {"input": null, "output": 1}}',
    ],
)
def test_a_wrong_price_list_is_a_configuration_error_that_names_the_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "prices.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"prices\.json"):
        load_prices(path)


def test_prices_are_exact_decimals_for_a_million_tokens(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text('{"m": {"input": 0.1, "output": 0.2}}')
    prices = load_prices(path)
    assert prices.cost("m", TokenUsage(1, 1)) == Decimal("0.0000003")
    assert prices.cost("unknown", USAGE) is None


def test_an_estimate_is_rather_too_high_than_too_low() -> None:
    assert (estimated_tokens(""), estimated_tokens("abcde"), estimated_tokens("服务区ab")) == (0, 2, 4)


def test_an_empty_reply_is_an_error_all_the_same() -> None:
    with pytest.raises(ModelReplyError):
        metered(ScriptedProvider(*[whole("", None)] * 3), Kept()).chat(ASKED, account=ALICE)

"""On whose account a model call goes, whether that account may call, and what the call has cost.

Whoever calls the client names the account; it is an argument, never ambient state. `bootstrap` builds the meter,
`core.llm.client` asks it before a call and tells it about every answer that came, usable or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from common.tenant import Tenant
from core.llm.budget import DailyBudget
from core.llm.messages import CallKind, TokenUsage
from core.llm.prices import PriceList

_LARGEST: Final = 2**31 - 1


@dataclass(frozen=True)
class CallAccount:
    """Who a model call is made for.

    Args:
        tenant: a tenant's name; anything else raises `ValueError`.
        user_id: the asking user.
        route: the door the question came through, for example `ask_agent`.
    """

    tenant: str
    user_id: str
    route: str

    def __post_init__(self) -> None:
        Tenant(self.tenant)


@dataclass(frozen=True)
class UsageEntry:
    """One answer of a model on somebody's account. `cost` is None when the model has no price."""

    account: CallAccount
    kind: CallKind
    model: str
    usage: TokenUsage
    cost: Decimal | None
    is_estimated: bool


class UsageSink(Protocol):
    """Takes entries without ever blocking or raising."""

    def record(self, entry: UsageEntry) -> None: ...


class CallMeter(Protocol):
    """What the client needs."""

    def admit(self, account: CallAccount) -> None:
        """Let the call pass or raise.

        Raises:
            BudgetExceededError: the account has used its tokens of the day.
        """
        ...

    def record(
        self, account: CallAccount, *, kind: CallKind, model: str, usage: TokenUsage, is_estimated: bool
    ) -> None:
        """Take note of an answer; never raises."""
        ...


class NoMeter:
    """Lets everything pass and forgets it."""

    def admit(self, account: CallAccount) -> None:
        """Nobody is refused."""

    def record(
        self, account: CallAccount, *, kind: CallKind, model: str, usage: TokenUsage, is_estimated: bool
    ) -> None:
        """Nothing is kept."""


class UsageMeter:
    """Prices every answer, keeps it in a sink and counts it against the account's budget."""

    def __init__(self, *, sink: UsageSink, prices: PriceList, budget: DailyBudget) -> None:
        self._sink = sink
        self._prices = prices
        self._budget = budget

    def admit(self, account: CallAccount) -> None:
        """See `CallMeter.admit`."""
        self._budget.check(account.tenant, account.user_id)

    def record(
        self, account: CallAccount, *, kind: CallKind, model: str, usage: TokenUsage, is_estimated: bool
    ) -> None:
        """See `CallMeter.record`."""
        counted = TokenUsage(_counted(usage.input_tokens), _counted(usage.output_tokens))
        cost = self._prices.cost(model, counted)
        self._budget.add(account.tenant, account.user_id, counted.total_tokens)
        self._sink.record(UsageEntry(account, kind, model, counted, cost, is_estimated))


def _counted(tokens: int) -> int:
    """The provider's number is not trusted to be one that a sum of two still fits into a column."""
    return min(max(int(tokens), 0), _LARGEST // 2)

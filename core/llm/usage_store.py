"""The table of model usage in the platform database: written in batches, summed for budgets.

`features.usage.repository` reads it for people.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    Numeric,
    String,
    Table,
    Text,
    Uuid,
    bindparam,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert

from core.database import Base, Database
from core.llm.budget import Spending
from core.llm.usage_ledger import PendingEntry
from core.tenant_repository import TenantRepository

LLM_USAGE: Final = Table(
    "llm_usage",
    Base.metadata,
    Column("id", Uuid, primary_key=True, comment="made by the writer, so that a batch may be written twice"),
    Column("tenant_id", String(63), nullable=False),
    Column("user_id", Text, nullable=False),
    Column("route", String(100), nullable=False),
    Column("model", String(200), nullable=False),
    Column("call_kind", String(40), nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("total_tokens", Integer, nullable=False),
    Column("cost", Numeric(20, 8), comment="in the currency of the price list; null when the model had no price"),
    Column(
        "is_estimated",
        Boolean,
        nullable=False,
        comment="tokens were estimated because the provider did not count them",
    ),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Index("ix_llm_usage_tenant_id_created_at", "tenant_id", "created_at"),
)
_LONGEST_USER_ID: Final = 500
_CREATED_AT: Final = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, bindparam("age_seconds"))
DAY_START: Final = func.date_trunc("day", func.now(), "UTC")


class UsageStore:
    """Usage of all tenants; each row carries the tenant its entry names."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, entries: Sequence[tuple[PendingEntry, float]]) -> None:
        """Add `(entry, age in seconds)` pairs in one transaction; an entry that is there already stays as it is.

        Raises:
            StoreUnavailableError: nothing was written, or it is not known; trying again is harmless.
        """
        statement = insert(LLM_USAGE).values(created_at=_CREATED_AT).on_conflict_do_nothing(index_elements=["id"])
        with self._database.session() as session:
            session.execute(statement, [_row(item, age) for item, age in entries])

    def spent_today(self, tenant: str, user_id: str | None) -> Spending:
        """What the tenant, or one of its users, has used since the UTC day began.

        Raises:
            StoreUnavailableError: the database is away.
        """
        left = func.extract("epoch", DAY_START + text("interval '1 day'") - func.now())
        with self._database.session() as session:
            repository = TenantRepository(session, tenant)
            used = repository.select(LLM_USAGE, func.coalesce(func.sum(LLM_USAGE.c.total_tokens), 0))
            used = used.where(LLM_USAGE.c.created_at >= DAY_START)
            if user_id is not None:
                used = used.where(LLM_USAGE.c.user_id == _storable(user_id, _LONGEST_USER_ID))
            tokens, seconds = session.execute(select(used.scalar_subquery(), left)).one()
        return Spending(int(tokens), float(seconds))


def _row(item: PendingEntry, age_seconds: float) -> dict[str, object]:
    entry = item.entry
    return {
        "id": item.entry_id,
        "tenant_id": entry.account.tenant,
        "user_id": _storable(entry.account.user_id, _LONGEST_USER_ID),
        "route": _storable(entry.account.route, 100),
        "model": _storable(entry.model, 200),
        "call_kind": entry.kind,
        "prompt_tokens": entry.usage.input_tokens,
        "completion_tokens": entry.usage.output_tokens,
        "total_tokens": entry.usage.total_tokens,
        "cost": entry.cost,
        "is_estimated": entry.is_estimated,
        "age_seconds": age_seconds,
    }


def _storable(words: str, longest: int) -> str:
    """What PostgreSQL takes as text: no NUL, no half surrogate pairs, not endless."""
    return words.replace("\x00", "").encode("utf-8", "replace").decode()[:longest]

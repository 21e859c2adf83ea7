"""Brings users down to the limits: the newest conversations of each are kept, and the newest messages of those."""

from __future__ import annotations

from dataclasses import dataclass

from features.conversations.repository import ConversationRepository


@dataclass(frozen=True)
class Limits:
    """Conversations kept of a user, messages kept of a conversation."""

    conversations: int
    messages: int


@dataclass(frozen=True)
class UserOutcome:
    """What came, or in a dry run would come, of one user's list. `dead` references named no conversation."""

    user_id: str
    original: int
    kept: int
    deleted: int
    trimmed: int
    dead: int


def enforce(
    repository: ConversationRepository, tenant: str, user_id: str, limits: Limits, *, is_dry_run: bool
) -> UserOutcome:
    """Keep the conversations begun last, delete the others, and trim what is kept. A dry run writes nothing."""
    listed = repository.listed_ids(tenant, user_id)
    begun = dict(zip(listed, repository.creation_times(tenant, listed), strict=True))
    alive = [one for one, moment in begun.items() if moment is not None]
    newest_first = sorted(alive, key=lambda one: begun[one] or "", reverse=True)
    kept, surplus = newest_first[: limits.conversations], newest_first[limits.conversations :]
    dead = [one for one, moment in begun.items() if moment is None]
    if is_dry_run:
        lengths = repository.lengths(tenant, kept)
        trimmed = sum(max(0, length - limits.messages) for length in lengths)
        return UserOutcome(user_id, len(listed), len(kept), len(surplus), trimmed, len(dead))
    deleted, _messages = repository.delete_listed(tenant, user_id, reversed(surplus))
    removed = repository.remove_dead(tenant, user_id, dead)
    trimmed = repository.trim(tenant, kept, limits.messages)
    return UserOutcome(user_id, len(listed), len(kept), deleted, trimmed, removed)

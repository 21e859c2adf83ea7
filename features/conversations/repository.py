"""Reads and removes conversations in Redis in small steps: SCAN, never KEYS, and pipelines of bounded length.

No step keeps other clients of Redis waiting for more than some milliseconds, however many keys there are. What changes
a conversation is a script, so nobody sees half of it. Redis's errors are raised as they are (`RedisError`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ResponseError

from common import conversation_layout as layout
from common.redis_conversation_manager import conversation_owner
from common.tenant import redis_key

STEP: Final = 50
"""Commands sent at once: Redis runs them without looking at anybody else."""
SCANNED: Final = 500
"""Keys looked at in one SCAN."""
_OLDEST: Final = 20
"""Messages searched for the first question of a conversation without a title."""

T = TypeVar("T")


@dataclass(frozen=True)
class ConversationCounts:
    """How many there are of each."""

    users: int
    conversations: int
    cached_answers: int


@dataclass(frozen=True)
class DeletedConversation:
    """What was deleted; `user_id` None when the conversation was not there or had no owner."""

    user_id: str | None
    existed: bool
    messages: int


@dataclass(frozen=True)
class DeletedOfUser:
    """What was deleted; `evicted` conversations were no longer in the list and are not in the other counts."""

    conversations: int
    messages: int
    evicted: int


@dataclass(frozen=True)
class DeletedKeys:
    """Keys deleted of each kind."""

    metas: int
    messages: int
    user_lists: int


def in_steps(names: Iterable[T], length: int = STEP) -> Iterator[tuple[T, ...]]:
    """`names` in tuples of `length`, the last one shorter."""
    rest = iter(names)
    while some := tuple(islice(rest, length)):
        yield some


class ConversationRepository:
    """Conversations of every tenant. The tenant is the first argument of each method.

    Args:
        redis: where conversations lie.
        caches: where cached answers lie, when that is another server.
    """

    def __init__(self, redis: Redis, *, caches: Redis | None = None) -> None:
        self._redis = redis
        self._caches = caches if caches is not None else redis
        self._delete = redis.register_script(layout.DELETE)
        self._delete_orphan = redis.register_script(layout.DELETE_ORPHAN)
        self._forget_dead = redis.register_script(layout.FORGET_DEAD)
        self._trim = redis.register_script(layout.TRIM)

    def listed_ids(self, tenant: str, user_id: str, limit: int | None = None) -> list[str]:
        """The newest `limit` ids in a user's list (None: all), newest first, ended conversations included."""
        last = limit - 1 if limit else -1
        return [str(one) for one in self._redis.lrange(self._key(tenant, layout.USER_LIST, user_id), 0, last)]

    def metas(self, tenant: str, conversation_ids: Iterable[str]) -> list[dict[str, str]]:
        """The fields of each conversation that may be shown, empty for those that are not there."""
        found = self._piped(
            conversation_ids, lambda pipe, one: pipe.hgetall(self._key(tenant, layout.META, one)), refused={}
        )
        return [
            {name: value for name, value in fields.items() if name not in layout.PRIVATE_FIELDS} for fields in found
        ]

    def messages(self, tenant: str, conversation_ids: Iterable[str], limit: int | None) -> list[list[dict[str, Any]]]:
        """The newest `limit` messages (None: all) of each, oldest first."""
        last = min(limit, layout.MOST_MESSAGES) - 1 if limit else -1
        found: Iterator[list[Any]] = self._piped(
            conversation_ids,
            lambda pipe, one: pipe.lrange(self._key(tenant, layout.MESSAGES, one), 0, last),
            refused=[],
        )
        return [layout.read_messages(stored) for stored in found]

    def oldest_messages(self, tenant: str, conversation_ids: Iterable[str]) -> list[list[dict[str, Any]]]:
        """The first messages kept of each, oldest first."""
        found: Iterator[list[Any]] = self._piped(
            conversation_ids,
            lambda pipe, one: pipe.lrange(self._key(tenant, layout.MESSAGES, one), -_OLDEST, -1),
            refused=[],
        )
        return [layout.read_messages(stored) for stored in found]

    def counts(self, tenant: str) -> ConversationCounts:
        """Counted by looking at every key, a few hundred at a time."""
        users, conversations = (sum(1 for _ in self._scan(tenant, form)) for form in (layout.USER_LIST, layout.META))
        pattern = layout.matching(tenant, "qa_cache:{}")
        answers = sum(1 for _ in self._caches.scan_iter(match=pattern, count=SCANNED))
        return ConversationCounts(users, conversations, answers)

    def server_figures(self) -> tuple[float, int]:
        """Megabytes Redis uses and how many clients it has."""
        memory, clients = self._redis.info("memory"), self._redis.info("clients")
        return round(memory["used_memory"] / 1024 / 1024, 2), int(clients["connected_clients"])

    def user_ids(self, tenant: str) -> Iterator[str]:
        """Everybody who has a list, each once, in no order."""
        yield from {layout.name_in(tenant, layout.USER_LIST, key): None for key in self._scan(tenant, layout.USER_LIST)}

    def delete_conversation(self, tenant: str, conversation_id: str) -> DeletedConversation:
        """Its meta, its messages and its place in the list of its owner."""
        keys = layout.keys_of(tenant, conversation_id, self._owner(tenant, conversation_id))
        owner, existed, messages = self._delete(keys=keys, args=[conversation_id, 0])
        return DeletedConversation(str(owner) or None, bool(existed), int(messages))

    def delete_listed(self, tenant: str, user_id: str, conversation_ids: Iterable[str]) -> tuple[int, int]:
        """Delete these conversations of the user's list: how many were there, and their messages."""
        deleted = self._piped(
            conversation_ids,
            lambda pipe, one: self._delete(keys=layout.keys_of(tenant, one, user_id), args=[one, -1], client=pipe),
            refused=("", 0, 0),
        )
        counts = [(int(existed), int(messages)) for _owner, existed, messages in deleted]
        return sum(existed for existed, _ in counts), sum(messages for _, messages in counts)

    def delete_user(self, tenant: str, user_id: str) -> DeletedOfUser:
        """Every conversation of a user: those in the list, and those pushed off it."""
        oldest_first = reversed(self.listed_ids(tenant, user_id))
        conversations, messages = self.delete_listed(tenant, user_id, oldest_first)
        evicted, _ = self.delete_listed(tenant, user_id, list(self.evicted_ids(tenant, user_id)))
        return DeletedOfUser(conversations, messages, evicted)

    def evicted_ids(self, tenant: str, user_id: str | None = None) -> Iterator[str]:
        """Conversations, of one user or of everybody, that are not in their owner's list."""
        part = "*" if user_id is None else f"{layout.escaped(user_id)}:*"
        for keys in in_steps(self._scan(tenant, layout.META, part)):
            owners = self._piped(keys, lambda pipe, key: pipe.hget(key, "user_id"), refused=None)
            owned = [
                (layout.name_in(tenant, layout.META, key), str(owner))
                for key, owner in zip(keys, owners, strict=True)
                if owner is not None and user_id in (None, owner)
            ]
            places = self._piped(
                owned, lambda pipe, one: pipe.lpos(self._key(tenant, layout.USER_LIST, one[1]), one[0]), refused=0
            )
            yield from (one for (one, _owner), place in zip(owned, places, strict=True) if place is None)

    def delete_all(self, tenant: str) -> DeletedKeys:
        """Every list, then every conversation, then messages that belong to none.

        In this order a conversation begun meanwhile is whole or gone; at worst its list names one that is gone.
        """
        lists = sum(self._redis.unlink(*keys) for keys in in_steps(self._scan(tenant, layout.USER_LIST)))
        metas = messages = 0
        for keys in in_steps(self._scan(tenant, layout.META)):
            deleted = self._piped(keys, lambda pipe, key: self._delete_found(pipe, tenant, key), refused=("", 0, 0))
            for _owner, existed, count in deleted:
                metas += int(existed)
                messages += bool(count)
        for keys in in_steps(self._scan(tenant, layout.MESSAGES)):
            orphans = self._piped(keys, lambda pipe, key: self._delete_alone(pipe, tenant, key), refused=0)
            messages += sum(int(count) for count in orphans)
        return DeletedKeys(metas, messages, lists)

    def remove_dead(self, tenant: str, user_id: str, conversation_ids: Iterable[str]) -> int:
        """Take those of these ids out of a user's list that name no conversation; how many references went."""
        removed = self._piped(
            conversation_ids,
            lambda pipe, one: self._forget_dead(
                keys=layout.keys_of(tenant, one, user_id)[::2], args=[one], client=pipe
            ),
            refused=0,
        )
        return sum(int(count) for count in removed)

    def lengths(self, tenant: str, conversation_ids: Iterable[str]) -> list[int]:
        """How many messages are kept of each."""
        found = self._piped(
            conversation_ids, lambda pipe, one: pipe.llen(self._key(tenant, layout.MESSAGES, one)), refused=0
        )
        return [int(length) for length in found]

    def creation_times(self, tenant: str, conversation_ids: Iterable[str]) -> list[str | None]:
        """When each began, as stored; None when it is not there, '' when that is not known."""
        fields = ("conversation_id", "user_id", "created_at", "updated_at")
        found: Iterator[list[str | None]] = self._piped(
            conversation_ids,
            lambda pipe, one: pipe.hmget(self._key(tenant, layout.META, one), *fields),
            refused=[None] * len(fields),
        )
        return [(values[2] or "") if any(value is not None for value in values) else None for values in found]

    def trim(self, tenant: str, conversation_ids: Iterable[str], length: int) -> int:
        """Keep the newest `length` messages of each and count them anew; how many went."""
        trimmed = self._piped(
            conversation_ids,
            lambda pipe, one: self._trim(keys=layout.keys_of(tenant, one, "")[:2], args=[length], client=pipe),
            refused=0,
        )
        return sum(int(surplus) for surplus in trimmed)

    def _forget(self, pipe: Pipeline, keys: list[str], conversation_id: str) -> None:
        meta, _messages, user_list = keys
        self._forget_dead(keys=[meta, user_list], args=[conversation_id], client=pipe)

    def _owner(self, tenant: str, conversation_id: str) -> str:
        stored = self._redis.hget(self._key(tenant, layout.META, conversation_id), "user_id")
        return str(stored) if stored else conversation_owner(conversation_id)

    def _delete_found(self, pipe: Pipeline, tenant: str, key: str) -> None:
        found = layout.name_in(tenant, layout.META, key)
        keys = layout.keys_of(tenant, found, conversation_owner(found))
        self._delete(keys=keys, args=[found, 0], client=pipe)

    def _delete_alone(self, pipe: Pipeline, tenant: str, key: str) -> None:
        found = layout.name_in(tenant, layout.MESSAGES, key)
        self._delete_orphan(keys=layout.keys_of(tenant, found, "")[:2], client=pipe)

    def _scan(self, tenant: str, form: str, part: str = "*") -> Iterator[str]:
        pattern = layout.matching(tenant, form, part)
        return (str(key) for key in self._redis.scan_iter(match=pattern, count=SCANNED))

    def _piped(self, names: Iterable[T], command: Callable[[Pipeline, T], object], *, refused: Any) -> Iterator[Any]:
        """The answer to each command; `refused` where a key of another type made Redis refuse it."""
        for some in in_steps(names):
            pipe = self._redis.pipeline(transaction=False)
            for name in some:
                command(pipe, name)
            for answer in pipe.execute(raise_on_error=False):
                if isinstance(answer, Exception) and not isinstance(answer, ResponseError):
                    raise answer
                yield refused if isinstance(answer, ResponseError) else answer

    @staticmethod
    def _key(tenant: str, form: str, name: str) -> str:
        return redis_key(tenant, form.format(name))

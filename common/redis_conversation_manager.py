"""Keeps conversations in Redis: their owners, their messages, and which one a question continues.

Where all this lies in Redis is said in `common.conversation_layout`. Losing Redis never raises: reads are empty, writes
answer False, a conversation still gets an id. Conversations pushed off a user's list live on until their time is over
and can be resumed by id, as clients do; deleting the user and enforcing the limits remove them.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from uuid import uuid4

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from common import conversation_layout as layout
from common import messages
from common.askers import GUEST as GUEST
from common.askers import INSIDER, UNKNOWN_OWNER, Asker, Beginning
from common.errors import BadRequestError
from common.tenant import redis_key

_LOGGER = logging.getLogger("app.redis_conversation_manager")
_STAMP_DIGITS: Final = 17
_MAX_CLASHES: Final = 1_000
_LOOKED_AT: Final = 5
_MILLISECOND: Final = timedelta(milliseconds=1)

ConversationStatus = Literal["new", "continue", "invalid_id_new"]


@dataclass(frozen=True)
class ResolvedConversation:
    """The conversation a question belongs to.

    `requested_conversation_id` is set when the caller named one that is not his or not there. `is_stored` is False
    when Redis could not be reached: the id is good for this answer, but nothing will be remembered under it.
    """

    conversation_id: str
    status: ConversationStatus
    requested_conversation_id: str | None = None
    is_stored: bool = True


@dataclass(frozen=True)
class CreatedConversation:
    """A new conversation; `is_stored` as in `ResolvedConversation`."""

    conversation_id: str
    is_stored: bool


def conversation_owner(conversation_id: str) -> str:
    """The user id in a conversation id: all before the 17-digit stamp, else before the first colon, else `unknown`."""
    owner, colon, stamp = conversation_id.rpartition(":")
    if colon and len(stamp) == _STAMP_DIGITS and stamp.isdecimal():
        return owner
    owner, colon, _ = conversation_id.partition(":")
    return owner if colon else UNKNOWN_OWNER


class RedisConversationManager:
    """Conversations of every tenant. The tenant is the first argument of each method.

    Args:
        redis: a client with text responses and short timeouts.
        context_count: rounds (two messages each) given to the model as context.
        max_length: messages kept in a conversation.
        user_max_conversations: ids kept in a user's list.
        ttl_seconds: life of a conversation after its last message; None or 0 keeps it forever.
        user_list_ttl_seconds: the same for a user's list.
        is_context_enabled: False makes every context empty.
        max_context_chars: of one message within the context; the rest is cut.
        max_context_total_chars: of the whole context; the oldest messages are left out.
        clock: tells the time as aware UTC.
        is_read_only: while it says so, nothing is stored; everything else goes on.
        admit: asked with tenant and user before a conversation is stored; raises when there are too many.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        context_count: int = 2,
        max_length: int = 10,
        user_max_conversations: int = 5,
        ttl_seconds: int | None = 604_800,
        user_list_ttl_seconds: int | None = 604_800,
        is_context_enabled: bool = True,
        max_context_chars: int = 4_000,
        max_context_total_chars: int = 32_000,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        is_read_only: Callable[[], bool] = lambda: False,
        admit: Callable[[str, str], None] = lambda _tenant, _user_id: None,
    ) -> None:
        self.is_read_only = is_read_only
        self._admit = admit
        self._redis = redis
        self._context_count = context_count
        self._max_length = max_length
        self._user_max_conversations = user_max_conversations
        self._ttl_seconds = ttl_seconds or 0
        self._user_list_ttl_seconds = user_list_ttl_seconds or 0
        self._is_context_enabled = is_context_enabled
        self._max_context_chars = max_context_chars
        self._max_context_total_chars = max_context_total_chars
        self._clock = clock
        self._create = redis.register_script(layout.CREATE)
        self._save = redis.register_script(layout.SAVE)
        self._last_stamp = datetime.min.replace(tzinfo=UTC)
        self._stamp_lock = threading.Lock()

    def is_available(self) -> bool:
        """Whether Redis answers now."""
        try:
            return bool(self._redis.ping())
        except RedisError:
            return False

    def resolve_user_id(
        self, user_id: str | None, conversation_id: str | None, *, session_user_id: str | None = None
    ) -> str:
        """Who asks: the logged-in user, else the given id, else the conversation's owner, else `guest`.

        Raises:
            BadRequestError: the conversation belongs to somebody else than `user_id`, a colon in a user id that no
                conversation carries, or an id with half a surrogate pair, which no store can hold.
        """
        _refuse_unstorable(user_id=user_id, conversation_id=conversation_id)
        owner = conversation_owner(conversation_id) if conversation_id else None
        if owner and user_id and owner != user_id:
            text = messages.USER_MISMATCH.format(owner=owner, user=user_id)
            raise BadRequestError(text, invalid_params=["user_id", "conversation_id"])
        resolved = session_user_id or user_id or owner or GUEST
        if resolved != owner:
            _refuse_colon(resolved)
        return resolved

    def acting_user(self, tenant: str, user_id: str, conversation_id: str | None, asker: Asker) -> str:
        """Whom a question is asked for: `user_id` as resolved, but `guest` when that is only a guess and a wrong one.

        A client without a user id that names a conversation is taken for its owner when the conversation is there and
        is the asker's, or when the owner has begun another one by name in the asker's session. So nothing is ever
        begun in the list of a user who was never there. While Redis cannot be asked nothing is stored either.
        """
        if asker.may_begin_for(user_id):
            return user_id
        try:
            listed = [str(one) for one in self._redis.lrange(_user_list(tenant, user_id), 0, _LOOKED_AT - 1)]
            begun = self._beginnings(tenant, user_id, [*listed, conversation_id or ""])
        except RedisError as error:
            _log_lost("look up who a conversation belongs to", error)
            return user_id
        return user_id if _may_be(asker, begun, conversation_id) else GUEST

    def resolve_conversation_id(
        self,
        tenant: str,
        user_id: str,
        conversation_id: str | None = None,
        *,
        continue_conversation: bool = False,
        asker: Asker = INSIDER,
    ) -> ResolvedConversation:
        """The conversation to go on with: the named one, on request the user's newest, otherwise a new one.

        Only conversations that are the asker's are gone on with, see `common.askers`.

        Raises:
            BadRequestError: a new conversation is needed and the user id has a colon.
        """
        try:
            if conversation_id:
                if self._is_owned(tenant, conversation_id, user_id, asker):
                    return ResolvedConversation(conversation_id, "continue")
            elif continue_conversation:
                newest = self._newest(tenant, user_id, asker)
                if newest:
                    return ResolvedConversation(newest, "continue")
        except RedisError as error:
            _log_lost("resolve a conversation", error)
        created = self.create_conversation(tenant, user_id, asker)
        status: ConversationStatus = "invalid_id_new" if conversation_id else "new"
        return ResolvedConversation(created.conversation_id, status, conversation_id or None, created.is_stored)

    def create_conversation(self, tenant: str, user_id: str, asker: Asker = INSIDER) -> CreatedConversation:
        """A conversation with an id `{user}:{YYYYMMDDHHMMSSmmm}` (server-local time) nobody else got.

        Raises:
            BadRequestError: the user id has a colon.
        """
        _refuse_colon(user_id)
        candidate = self._next_id(user_id)
        if self.is_read_only():
            return CreatedConversation(candidate, is_stored=False)
        self._admit(tenant, user_id)
        try:
            for _ in range(_MAX_CLASHES):
                if self._create_stored(tenant, user_id, candidate, asker.beginning):
                    return CreatedConversation(candidate, is_stored=True)
                candidate = self._next_id(user_id)
        except RedisError as error:
            _log_lost("create a conversation", error)
        return CreatedConversation(candidate, is_stored=False)

    def new_id(self, user_id: str) -> str:
        """An id in the form of a conversation's that this process gave nobody else; nothing is stored.

        Raises:
            BadRequestError: the user id has a colon.
        """
        _refuse_colon(user_id)
        return self._next_id(user_id)

    def save_message(
        self, tenant: str, conversation_id: str, role: str, content: str, metadata: Mapping[str, Any] | None = None
    ) -> bool:
        """Append one message (role `user` or `assistant`) and renew the conversation's life.

        False when it was not stored: Redis is away, the conversation has ended or nothing may be written. It is never
        half stored.
        """
        if self.is_read_only():
            return False
        moment = self._local_time()
        message = {
            "message_id": str(uuid4()),
            "timestamp": moment,
            "role": role,
            "content": content,
            "metadata": dict(metadata or {}),
        }
        arguments: list[str | int] = [
            json.dumps(message),
            moment,
            self._max_length,
            self._ttl_seconds,
            self._user_list_ttl_seconds,
            layout.title_of(content) if role == "user" else "",
        ]
        keys = layout.keys_of(tenant, conversation_id, conversation_owner(conversation_id))
        try:
            return bool(self._save(keys=keys, args=arguments))
        except RedisError as error:
            _log_lost("save a message", error)
            return False

    def get_messages(self, tenant: str, conversation_id: str, limit: int | None = None) -> list[dict[str, Any]]:
        """The newest `limit` messages (None or 0: all), oldest first; empty when unknown or Redis is away."""
        last = min(limit, layout.MOST_MESSAGES) - 1 if limit and limit > 0 else -1
        try:
            stored = self._redis.lrange(redis_key(tenant, layout.MESSAGES.format(conversation_id)), 0, last)
        except RedisError as error:
            _log_lost("read messages", error)
            return []
        return layout.read_messages(stored)

    def get_context(self, tenant: str, conversation_id: str, count: int | None = None) -> str:
        """The last `count` rounds as lines `User: …` and `Assistant: …`, oldest first; empty when there is nothing.

        This is what the model gets: long messages are cut, and too many are left out.
        """
        if not self._is_context_enabled:
            return ""
        said = self.get_messages(tenant, conversation_id, 2 * (self._context_count if count is None else count))
        return layout.as_lines(said, message_chars=self._max_context_chars, total_chars=self._max_context_total_chars)

    def get_dialogue(self, tenant: str, conversation_id: str, rounds: int) -> str:
        """The same lines for people: whole, and whether or not contexts are switched off; 0 rounds for all of them."""
        return layout.as_lines(self.get_messages(tenant, conversation_id, rounds * 2))

    def _is_owned(self, tenant: str, conversation_id: str, user_id: str, asker: Asker) -> bool:
        begun = self._beginnings(tenant, user_id, [conversation_id])
        return conversation_id in begun and asker.may_continue(begun[conversation_id])

    def _beginnings(self, tenant: str, user_id: str, conversation_ids: Sequence[str]) -> dict[str, Beginning | None]:
        """How those of the conversations were begun that are there and bear the user's id."""
        names = ("user_id", *Beginning("", False).as_fields())
        pipe = self._redis.pipeline(transaction=False)
        for one in conversation_ids:
            pipe.hmget(redis_key(tenant, layout.META.format(one)), *names)
        found = zip(conversation_ids, pipe.execute(), strict=True)
        fields = {one: dict(zip(names, values, strict=True)) for one, values in found}
        return {one: Beginning.of_fields(values) for one, values in fields.items() if values["user_id"] == user_id}

    def _newest(self, tenant: str, user_id: str, asker: Asker) -> str | None:
        """The asker's newest conversation, but rather one that was talked in.

        A stalled Redis begins conversations when it wakes up, long after the question went on without it; those are
        empty and must not hide the one the user was in.
        """
        newest = self._newest_of_session(tenant, user_id, asker)
        return newest or self._newest_listed(tenant, user_id, asker)

    def _newest_of_session(self, tenant: str, user_id: str, asker: Asker) -> str | None:
        if asker.is_named or not asker.key:
            return None
        newest = self._redis.get(redis_key(tenant, layout.SESSION.format(asker.key)))
        return str(newest) if newest and self._is_owned(tenant, str(newest), user_id, asker) else None

    def _newest_listed(self, tenant: str, user_id: str, asker: Asker) -> str | None:
        listed = [str(one) for one in self._redis.lrange(_user_list(tenant, user_id), 0, _LOOKED_AT - 1)]
        begun = self._beginnings(tenant, user_id, listed)
        own = [one for one in listed if one not in begun or asker.may_continue(begun[one])]
        if not own or own[0] not in begun:
            return None
        pipe = self._redis.pipeline(transaction=False)
        for one in own:
            pipe.hget(redis_key(tenant, layout.META.format(one)), "message_count")
        counts = dict(zip(own, pipe.execute(), strict=True))
        return next((one for one in own if one in begun and counts[one] != "0"), own[0])

    def _create_stored(self, tenant: str, user_id: str, conversation_id: str, beginning: Beginning) -> bool:
        session = redis_key(tenant, layout.SESSION.format(beginning.key))
        keys = [redis_key(tenant, layout.META.format(conversation_id)), _user_list(tenant, user_id), session]
        arguments: list[str | int] = [conversation_id, user_id, self._local_time(), self._user_max_conversations]
        arguments += [self._ttl_seconds, self._user_list_ttl_seconds, *beginning.as_fields().values()]
        return bool(self._create(keys=keys, args=arguments))

    def _next_id(self, user_id: str) -> str:
        """An id this process has not given out before; Redis decides about other processes."""
        with self._stamp_lock:
            now = self._clock()
            now = now.replace(microsecond=now.microsecond // 1000 * 1000)
            self._last_stamp = max(now, self._last_stamp + _MILLISECOND)
            local = self._last_stamp.astimezone()
        return f"{user_id}:{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}"

    def _local_time(self) -> str:
        """Now as clients read it: the server's local zone, naive ISO 8601."""
        return self._clock().astimezone().replace(tzinfo=None).isoformat()


def _may_be(asker: Asker, begun: Mapping[str, Beginning | None], conversation_id: str | None) -> bool:
    """Whether a client without a user id may be the one whose conversations were begun like this.

    Args:
        begun: of the user's conversations; `conversation_id` is the one the client names.
    """
    if conversation_id and conversation_id in begun and asker.may_continue(begun[conversation_id]):
        return True
    by_name = [one for one in begun.values() if one is not None and one.is_named]
    return asker.key != "" and any(one.key == asker.key for one in by_name)


def _user_list(tenant: str, user_id: str) -> str:
    return redis_key(tenant, layout.USER_LIST.format(user_id))


def _refuse_colon(user_id: str) -> None:
    if ":" in user_id:
        raise BadRequestError(messages.USER_ID_WITH_COLON, invalid_params=["user_id"])


def _refuse_unstorable(**ids: str | None) -> None:
    for name, value in ids.items():
        try:
            (value or "").encode()
        except UnicodeEncodeError as error:
            text = messages.INVALID_PARAMETER.format(name=name)
            raise BadRequestError(text, invalid_params=[name]) from error


def _log_lost(action: str, error: RedisError) -> None:
    """An outage is reported once by who holds the connection; what Redis refuses is worth a line each time."""
    is_outage = isinstance(error, (RedisConnectionError, RedisTimeoutError))
    level = logging.DEBUG if is_outage else logging.WARNING
    _LOGGER.log(level, "Redis could not %s: %s", action, type(error).__name__)

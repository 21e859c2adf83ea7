"""Conversations in Redis: who asks, which conversation goes on, what was said. The question services use it.

Keys, fields and order are historical (contract: conversations and caches), because older releases read them too:
hash `conversation:{id}:meta`, list `conversation:{id}:messages`, list `user:{id}:conversations`, newest first.
Losing Redis never raises: reads are empty, writes answer False, a conversation still gets an id. Conversations pushed
off a user's list live on until their time is over and can be resumed by id.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from uuid import uuid4

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from common import messages
from common.errors import BadRequestError
from common.tenant import redis_key

_LOGGER = logging.getLogger("app.redis_conversation_manager")
GUEST: Final = "guest"
UNKNOWN_OWNER: Final = "unknown"
_STAMP_DIGITS: Final = 17
_MAX_CLASHES: Final = 1_000
_ROLE_NAMES: Final[Mapping[str, str]] = {"user": "User", "assistant": "Assistant"}
_MILLISECOND: Final = timedelta(milliseconds=1)

# The scripts change a conversation's keys in one step; a life of 0 means no expiry.
# KEYS meta, user list; ARGV conversation id, user id, now, list cap, conversation life, list life.
# 1 when created, 0 when the id is taken.
_CREATE: Final = """
if redis.call('HSETNX', KEYS[1], 'conversation_id', ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'user_id', ARGV[2], 'created_at', ARGV[3], 'updated_at', ARGV[3], 'message_count', '0')
if tonumber(ARGV[5]) > 0 then redis.call('EXPIRE', KEYS[1], ARGV[5]) end
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[4]) - 1)
if tonumber(ARGV[6]) > 0 then redis.call('EXPIRE', KEYS[2], ARGV[6]) else redis.call('PERSIST', KEYS[2]) end
return 1
"""

# KEYS meta, messages, user list; ARGV message JSON, now, message cap, conversation life, list life.
# 1 when stored, 0 when the conversation is not there: writing then would make one without an owner.
_SAVE: Final = """
if redis.call('HEXISTS', KEYS[1], 'user_id') == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[3]) - 1)
redis.call('HSET', KEYS[1], 'updated_at', ARGV[2], 'message_count', redis.call('LLEN', KEYS[2]))
for index, life in ipairs({ARGV[4], ARGV[4], ARGV[5]}) do
    if tonumber(life) > 0 then redis.call('EXPIRE', KEYS[index], life) else redis.call('PERSIST', KEYS[index]) end
end
return 1
"""

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
        clock: tells the time as aware UTC.
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
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._redis = redis
        self._context_count = context_count
        self._max_length = max_length
        self._user_max_conversations = user_max_conversations
        self._ttl_seconds = ttl_seconds or 0
        self._user_list_ttl_seconds = user_list_ttl_seconds or 0
        self._is_context_enabled = is_context_enabled
        self._max_context_chars = max_context_chars
        self._clock = clock
        self._create = redis.register_script(_CREATE)
        self._save = redis.register_script(_SAVE)
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

    def resolve_conversation_id(
        self, tenant: str, user_id: str, conversation_id: str | None = None, *, continue_conversation: bool = False
    ) -> ResolvedConversation:
        """The conversation to go on with: the named one, on request the user's newest, otherwise a new one.

        Raises:
            BadRequestError: a new conversation is needed and the user id has a colon.
        """
        try:
            if conversation_id:
                if self._is_owned(tenant, conversation_id, user_id):
                    return ResolvedConversation(conversation_id, "continue")
            elif continue_conversation:
                newest = self._newest(tenant, user_id)
                if newest:
                    return ResolvedConversation(newest, "continue")
        except RedisError as error:
            _log_lost("resolve a conversation", error)
        created = self.create_conversation(tenant, user_id)
        status: ConversationStatus = "invalid_id_new" if conversation_id else "new"
        return ResolvedConversation(created.conversation_id, status, conversation_id or None, created.is_stored)

    def create_conversation(self, tenant: str, user_id: str) -> CreatedConversation:
        """A conversation with an id `{user}:{YYYYMMDDHHMMSSmmm}` (server-local time) nobody else got.

        Raises:
            BadRequestError: the user id has a colon.
        """
        _refuse_colon(user_id)
        candidate = self._next_id(user_id)
        try:
            for _ in range(_MAX_CLASHES):
                if self._create_stored(tenant, user_id, candidate):
                    return CreatedConversation(candidate, is_stored=True)
                candidate = self._next_id(user_id)
        except RedisError as error:
            _log_lost("create a conversation", error)
        return CreatedConversation(candidate, is_stored=False)

    def save_message(
        self, tenant: str, conversation_id: str, role: str, content: str, metadata: Mapping[str, Any] | None = None
    ) -> bool:
        """Append one message (role `user` or `assistant`) and renew the conversation's life.

        False when it was not stored: Redis is away or the conversation has ended. It is never half stored.
        """
        moment = self._local_time()
        message = {
            "message_id": str(uuid4()),
            "timestamp": moment,
            "role": role,
            "content": content,
            "metadata": dict(metadata or {}),
        }
        names = (
            f"conversation:{conversation_id}:meta",
            f"conversation:{conversation_id}:messages",
            f"user:{conversation_owner(conversation_id)}:conversations",
        )
        arguments: list[str | int] = [
            json.dumps(message),
            moment,
            self._max_length,
            self._ttl_seconds,
            self._user_list_ttl_seconds,
        ]
        try:
            return bool(self._save(keys=[redis_key(tenant, name) for name in names], args=arguments))
        except RedisError as error:
            _log_lost("save a message", error)
            return False

    def get_messages(self, tenant: str, conversation_id: str, limit: int | None = None) -> list[dict[str, Any]]:
        """The newest `limit` messages (None or 0: all), oldest first; empty when unknown or Redis is away."""
        last = limit - 1 if limit and limit > 0 else -1
        try:
            stored = self._redis.lrange(redis_key(tenant, f"conversation:{conversation_id}:messages"), 0, last)
        except RedisError as error:
            _log_lost("read messages", error)
            return []
        parsed = (_parse_message(element) for element in reversed(list(stored)))
        return [message for message in parsed if message is not None]

    def get_context(self, tenant: str, conversation_id: str, count: int | None = None) -> str:
        """The last `count` rounds as lines `User: …` and `Assistant: …`, oldest first; empty when there is nothing."""
        if not self._is_context_enabled:
            return ""
        rounds = self._context_count if count is None else count
        lines = [
            f"{_ROLE_NAMES[message['role']]}: {self._cut(str(message['content']))}"
            for message in self.get_messages(tenant, conversation_id, rounds * 2)
            if message.get("role") in _ROLE_NAMES and "content" in message
        ]
        return "\n".join(lines)

    def _cut(self, content: str) -> str:
        return content if len(content) <= self._max_context_chars else content[: self._max_context_chars] + "…"

    def _is_owned(self, tenant: str, conversation_id: str, user_id: str) -> bool:
        key = redis_key(tenant, f"conversation:{conversation_id}:meta")
        return bool(self._redis.hget(key, "user_id") == user_id)

    def _newest(self, tenant: str, user_id: str) -> str | None:
        newest = self._redis.lindex(redis_key(tenant, f"user:{user_id}:conversations"), 0)
        return str(newest) if newest and self._is_owned(tenant, str(newest), user_id) else None

    def _create_stored(self, tenant: str, user_id: str, conversation_id: str) -> bool:
        keys = [
            redis_key(tenant, f"conversation:{conversation_id}:meta"),
            redis_key(tenant, f"user:{user_id}:conversations"),
        ]
        arguments: list[str | int] = [conversation_id, user_id, self._local_time(), self._user_max_conversations]
        arguments += [self._ttl_seconds, self._user_list_ttl_seconds]
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


def _parse_message(element: object) -> dict[str, Any] | None:
    try:
        message = json.loads(str(element))
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _log_lost(action: str, error: RedisError) -> None:
    """An outage is reported once by who holds the connection; what Redis refuses is worth a line each time."""
    is_outage = isinstance(error, (RedisConnectionError, RedisTimeoutError))
    level = logging.DEBUG if is_outage else logging.WARNING
    _LOGGER.log(level, "Redis could not %s: %s", action, type(error).__name__)

"""How conversations lie in Redis: key names, messages, titles, and the scripts that change their keys in one step.

Keys, fields and order are historical (contract: conversations and caches), because older releases read them too: hash
`conversation:{id}:meta`, list `conversation:{id}:messages`, list `user:{id}:conversations`, newest first. The field
`conversation_title` is newer; a conversation of an older release has none and is titled by its oldest kept question.
Newer as well are the fields that say how a conversation was begun, and the key `conversation_session:{key}`, which
names the newest conversation of a session without a user id.
Ids are data: whatever stands in them is never part of a pattern unless escaped by `matching`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from common.tenant import redis_key

META: Final = "conversation:{}:meta"
MESSAGES: Final = "conversation:{}:messages"
USER_LIST: Final = "user:{}:conversations"
SESSION: Final = "conversation_session:{}"
TITLE: Final = "conversation_title"
PRIVATE_FIELDS: Final = frozenset({"begun_in", "begun_by_name"})
"""Fields of the meta hash that nobody is shown: how the conversation was begun, see `common.askers`."""

MOST_MESSAGES: Final = 1_000_000
"""More than anybody keeps of a conversation; larger limits mean all of them."""
_TITLE_CHARS: Final = 50
_ROLE_NAMES: Final[Mapping[str, str]] = {"user": "User", "assistant": "Assistant"}
_GLOB: Final = re.compile(r"([*?\[\]\\^])")

# A life of 0 means no expiry.
# KEYS meta, user list, newest of the session; ARGV conversation id, user id, now, list cap, conversation life, list
# life, begun in, begun by name.
# 1 when created, 0 when the id is taken.
CREATE: Final = """
if redis.call('HSETNX', KEYS[1], 'conversation_id', ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'user_id', ARGV[2], 'created_at', ARGV[3], 'updated_at', ARGV[3], 'message_count', '0')
if tonumber(ARGV[5]) > 0 then redis.call('EXPIRE', KEYS[1], ARGV[5]) end
redis.call('HSET', KEYS[1], 'begun_in', ARGV[7], 'begun_by_name', ARGV[8])
if ARGV[8] == '0' and ARGV[7] ~= '' then
    redis.call('SET', KEYS[3], ARGV[1])
    if tonumber(ARGV[5]) > 0 then redis.call('EXPIRE', KEYS[3], ARGV[5]) end
end
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[4]) - 1)
if tonumber(ARGV[6]) > 0 then redis.call('EXPIRE', KEYS[2], ARGV[6]) else redis.call('PERSIST', KEYS[2]) end
return 1
"""

# KEYS meta, messages, user list; ARGV message JSON, now, message cap, conversation life, list life, title.
# 1 when stored, 0 when the conversation is not there: writing then would make one without an owner.
SAVE: Final = """
if redis.call('HEXISTS', KEYS[1], 'user_id') == 0 then return 0 end
local length = redis.call('LPUSH', KEYS[2], ARGV[1])
if length == 1 and ARGV[6] ~= '' then redis.call('HSETNX', KEYS[1], 'conversation_title', ARGV[6]) end
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[3]) - 1)
redis.call('HSET', KEYS[1], 'updated_at', ARGV[2], 'message_count', redis.call('LLEN', KEYS[2]))
for index, life in ipairs({ARGV[4], ARGV[4], ARGV[5]}) do
    if tonumber(life) > 0 then redis.call('EXPIRE', KEYS[index], life) else redis.call('PERSIST', KEYS[index]) end
end
return 1
"""

# KEYS meta, messages, user list; ARGV conversation id, LREM count (-1 from the oldest, 0 everywhere).
# {owner or '', 1 when meta was there, messages deleted}.
DELETE: Final = """
local owner = redis.call('HGET', KEYS[1], 'user_id') or ''
local count = redis.call('LLEN', KEYS[2])
local existed = redis.call('UNLINK', KEYS[1])
redis.call('UNLINK', KEYS[2])
redis.call('LREM', KEYS[3], ARGV[2], ARGV[1])
return {owner, existed, count}
"""

# KEYS meta, user list; ARGV conversation id. How many references were removed; none of a conversation that is there.
FORGET_DEAD: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
return redis.call('LREM', KEYS[2], 0, ARGV[1])
"""

# KEYS meta, messages. 1 when messages without a conversation were deleted.
DELETE_ORPHAN: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
return redis.call('UNLINK', KEYS[2])
"""

# KEYS meta, messages; ARGV message cap. How many messages were cut off.
TRIM: Final = """
local surplus = redis.call('LLEN', KEYS[2]) - tonumber(ARGV[1])
if surplus <= 0 then return 0 end
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[1]) - 1)
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'message_count', ARGV[1]) end
return surplus
"""


def keys_of(tenant: str, conversation_id: str, owner: str) -> list[str]:
    """Meta, messages and the owner's list."""
    named = ((META, conversation_id), (MESSAGES, conversation_id), (USER_LIST, owner))
    return [redis_key(tenant, form.format(name)) for form, name in named]


def matching(tenant: str, form: str, part: str = "*") -> str:
    """A pattern of the tenant's keys of one form; `part` is a pattern, so ids in it must be `escaped`."""
    return redis_key(tenant, form.format(part))


def escaped(name: str) -> str:
    """`name` as it stands in a pattern where it means itself."""
    return _GLOB.sub(r"\\\1", name)


def name_in(tenant: str, form: str, key: str) -> str:
    """The id in a key of that form."""
    before, after = redis_key(tenant, form).split("{}")
    return key.removeprefix(before).removesuffix(after)


def read_messages(stored: Iterable[Any]) -> list[dict[str, Any]]:
    """Messages oldest first from list elements newest first; what is no message is left out."""
    parsed = [_parse(element) for element in stored]
    return [message for message in reversed(parsed) if message is not None]


def as_lines(
    messages: Sequence[Mapping[str, Any]], *, message_chars: int = sys.maxsize, total_chars: int = sys.maxsize
) -> str:
    """Messages as lines `User: …` and `Assistant: …`, oldest first; other roles are left out.

    Each is cut at `message_chars`; the oldest are left out where all together exceed `total_chars`.
    """
    lines: list[str] = []
    room = total_chars
    for message in reversed(messages):
        role = _ROLE_NAMES.get(str(message.get("role")))
        if role is None or "content" not in message:
            continue
        content = str(message["content"])
        line = f"{role}: {content[:message_chars]}{'…' if len(content) > message_chars else ''}"
        room -= len(line) + 1
        if room < 0 and lines:
            break
        lines.append(line)
    return "\n".join(reversed(lines))


def title_of(content: str) -> str:
    """A question as a title: trimmed, 50 characters, the last three of a longer one are dots."""
    text = content.strip()
    return text if len(text) <= _TITLE_CHARS else f"{text[: _TITLE_CHARS - 3]}..."


def _parse(element: Any) -> dict[str, Any] | None:
    try:
        message = json.loads(element)
    except (TypeError, ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None

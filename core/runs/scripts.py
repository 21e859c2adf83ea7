"""The atomic steps of the run store, in Redis's own language. A run's hash names the other keys that belong to it."""

from __future__ import annotations

from typing import Final

_NOW: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
"""

# KEYS run, leases, idempotency, turns, user; ARGV id, fields as JSON, lease ms, keep s, fingerprint ('' without a key),
# cap of the user (0 none), 1 to refuse a busy conversation.
CREATE: Final = (
    _NOW
    + """
if ARGV[5] ~= '' then
  local known = redis.call('GET', KEYS[3])
  if known then return {'known', known} end
end
if ARGV[7] == '1' and redis.call('LLEN', KEYS[4]) > 0 then return {'busy'} end
if tonumber(ARGV[6]) > 0 then
  if redis.call('SCARD', KEYS[5]) >= tonumber(ARGV[6]) then return {'capped'} end
  redis.call('SADD', KEYS[5], ARGV[1])
  redis.call('EXPIRE', KEYS[5], ARGV[4])
end
local keep = ARGV[4]
for name, value in pairs(cjson.decode(ARGV[2])) do redis.call('HSET', KEYS[1], name, value) end
redis.call('HSET', KEYS[1], 'state', 'queued', 'created_at', now, 'last_seq', 0,
           'leases', KEYS[2], 'turns', KEYS[4], 'user_runs', KEYS[5])
redis.call('EXPIRE', KEYS[1], keep)
redis.call('ZADD', KEYS[2], now + ARGV[3], KEYS[1])
if ARGV[5] ~= '' then redis.call('SET', KEYS[3], ARGV[1] .. ' ' .. ARGV[5], 'EX', keep) end
local ahead = redis.call('LRANGE', KEYS[4], 0, -1)
redis.call('RPUSH', KEYS[4], ARGV[1])
redis.call('EXPIRE', KEYS[4], keep)
return {'created', unpack(ahead)}
"""
)

# KEYS run, events; ARGV now many events at most, then seq, kind, body of each. Returns the state, '' without a run.
APPEND: Final = """
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return '' end
if state ~= 'queued' and state ~= 'running' then return state end
for i = 2, #ARGV, 3 do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], ARGV[i] .. '-0', 'kind', ARGV[i + 1], 'body', ARGV[i + 2])
  redis.call('HSET', KEYS[1], 'last_seq', ARGV[i])
end
redis.call('EXPIRE', KEYS[2], math.max(redis.call('TTL', KEYS[1]), 1))
redis.call('PUBLISH', 'citu:runs', 'news ' .. KEYS[1])
return state
"""

# KEYS run, events; ARGV state, body, keep s, most events, gap before the last seq, 1 to end it only when its lease has
# run out, then seq, kind, body of events not yet stored. Returns the state that stands, and the last event's seq when
# this call ended the run, else 0.
FINISH: Final = (
    _NOW
    + """
local found = redis.call('HMGET', KEYS[1], 'state', 'last_seq', 'id', 'leases', 'turns', 'user_runs')
local state, last, id, leases, turns, user = unpack(found)
if not state then return {'', 0} end
if state ~= 'queued' and state ~= 'running' then return {state, 0} end
if ARGV[6] == '1' then
  local lease = redis.call('ZSCORE', leases, KEYS[1])
  if lease and tonumber(lease) > now then return {state, 0} end
end
for i = 7, #ARGV, 3 do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], ARGV[i] .. '-0', 'kind', ARGV[i + 1], 'body', ARGV[i + 2])
  last = ARGV[i]
end
local seq = last + 1 + ARGV[5]
redis.call('XADD', KEYS[2], string.format('%d-0', seq), 'kind', ARGV[1], 'body', ARGV[2])
redis.call('HSET', KEYS[1], 'state', ARGV[1], 'last_seq', string.format('%d', seq), 'ended_at', now)
redis.call('HDEL', KEYS[1], 'position')
redis.call('ZREM', leases, KEYS[1])
redis.call('SREM', user, id)
redis.call('LREM', turns, 0, id)
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
redis.call('PUBLISH', 'citu:runs', 'news ' .. KEYS[1])
redis.call('PUBLISH', 'citu:runs', 'turn ' .. turns)
return {ARGV[1], seq}
"""
)

# KEYS run; ARGV reason. Returns the state, '' without a run.
STOP: Final = """
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return '' end
if state == 'queued' or state == 'running' then
  redis.call('HSETNX', KEYS[1], 'stop_reason', ARGV[1])
  redis.call('PUBLISH', 'citu:runs', 'stop ' .. KEYS[1])
end
return state
"""

# KEYS leases; ARGV lease ms, keep s, then run key and position ('' when it runs) of each run of this worker.
# Returns for each: state, stop reason, ms since a watcher elsewhere was seen (-1 never), first of its turns.
RENEW: Final = (
    _NOW
    + """
local found = {}
for i = 3, #ARGV, 2 do
  local key = ARGV[i]
  local state, reason, seen, turns = unpack(redis.call('HMGET', key, 'state', 'stop_reason', 'watched_at', 'turns'))
  if state == 'queued' or state == 'running' then
    redis.call('ZADD', KEYS[1], now + ARGV[1], key)
    redis.call('EXPIRE', key, ARGV[2])
    if ARGV[i + 1] ~= '' then redis.call('HSET', key, 'position', ARGV[i + 1]) end
  end
  local first = turns and redis.call('LINDEX', turns, 0) or ''
  found[#found + 1] = {state or '', reason or '', seen and now - seen or -1, first or ''}
end
return found
"""
)

# KEYS run; ARGV state. Only an unfinished run begins.
BEGIN: Final = (
    _NOW
    + """
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'queued' then return state or '' end
redis.call('HSET', KEYS[1], 'state', 'running', 'started_at', now)
redis.call('HDEL', KEYS[1], 'position')
return 'running'
"""
)

# KEYS the watched runs. Notes that somebody watches them; a run that is gone is not made again.
WATCHED: Final = (
    _NOW
    + """
for _, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'watched_at', now) end
end
"""
)

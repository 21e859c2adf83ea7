"""Token buckets for limits of requests, shared by all processes through Redis; a process's own while Redis is away.

A bucket holds `burst` tokens and gets `per_minute` new ones a minute. It is kept as one number, the moment at which it
would be full again (the generic cell rate algorithm, ITU-T I.371), so that one atomic script reads and writes it and
it vanishes by itself. Several buckets are taken from together: from all or, when one of them is empty, from none.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

_OWN_BUCKETS: Final = 10_000
_ROUNDING_SECONDS: Final = 1e-6

# KEYS: the buckets. ARGV: how many tokens to take (0 looks for one), then seconds a token and burst of each bucket.
# The answer is how long to wait for so many in all of them.
_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local taken, wait, full_at = tonumber(ARGV[1]), 0, {}
for i, key in ipairs(KEYS) do
  local seconds, burst = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  full_at[i] = math.max(tonumber(redis.call('GET', key) or now), now) + seconds * math.min(math.max(taken, 1), burst)
  wait = math.max(wait, full_at[i] - burst * seconds - now)
end
if wait > 0.000001 then return string.format('%.6f', wait) end
if taken > 0 then
  for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.6f', full_at[i]), 'PX', math.ceil((full_at[i] - now) * 1000))
  end
end
return '0'
"""


@dataclass(frozen=True)
class Limit:
    """How much a bucket holds and gets; `per_minute` 0 is no limit.

    Attributes:
        per_minute: tokens that come back in a minute.
        burst: tokens at most, so requests that may come at once.
    """

    per_minute: float
    burst: int

    @classmethod
    def parse(cls, text: str) -> Limit:
        """`600/200` is 600 a minute, 200 at once; `600` allows a tenth of it at once, `0` is no limit."""
        rate, _, burst = text.partition("/")
        return cls(float(rate), int(burst) if burst else max(1, int(rate) // 10))

    @property
    def seconds_per_token(self) -> float:
        """How long a token takes to come back."""
        return 60 / self.per_minute

    def times(self, factor: int) -> Limit:
        """A limit that is so many times as wide."""
        return Limit(self.per_minute * factor, self.burst * factor)


class TokenBuckets:
    """Safe in any thread; every process of the service sees the same buckets while Redis answers."""

    def __init__(self, redis: Callable[[], Redis | None], *, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: redis: asked at each use; None while there is none yet."""
        self._redis = redis
        self._own = _OwnBuckets(clock)
        self._script: tuple[Redis, Script] | None = None

    def take(self, buckets: Sequence[tuple[str, Limit]], tokens: int = 1) -> float:
        """Take tokens from each of the named buckets. Returns 0, or the seconds until all will have so many.

        Args:
            tokens: what the work costs, 1 or more; a bucket that never holds so many gives all it can hold.
        """
        return self._ask(buckets, tokens)

    def look(self, buckets: Sequence[tuple[str, Limit]]) -> float:
        """What `take` would return for one token, with nothing taken."""
        return self._ask(buckets, 0)

    def _ask(self, buckets: Sequence[tuple[str, Limit]], tokens: int) -> float:
        limited = [(key, limit) for key, limit in buckets if limit.per_minute > 0]
        if not limited:
            return 0.0
        redis = self._redis()
        if redis is not None:
            try:
                return self._ask_redis(redis, limited, tokens)
            except RedisError:
                pass  # the client has logged it; the process goes on with buckets of its own
        return self._own.ask(limited, tokens)

    def _ask_redis(self, redis: Redis, buckets: Sequence[tuple[str, Limit]], tokens: int) -> float:
        if self._script is None or self._script[0] is not redis:
            self._script = (redis, redis.register_script(_TAKE))
        arguments: list[str | float] = [tokens]
        for _key, limit in buckets:
            arguments += [limit.seconds_per_token, limit.burst]
        return float(self._script[1](keys=[f"rate_limit:{key}" for key, _limit in buckets], args=arguments))


class _OwnBuckets:
    """The same in this process; those not used for longest are forgotten first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def ask(self, buckets: Sequence[tuple[str, Limit]], tokens: int) -> float:
        with self._lock:
            now = self._clock()
            full_at = {
                key: max(self._full_at.get(key, now), now) + limit.seconds_per_token * min(max(tokens, 1), limit.burst)
                for key, limit in buckets
            }
            wait = max(full_at[key] - limit.burst * limit.seconds_per_token - now for key, limit in buckets)
            if wait > _ROUNDING_SECONDS:
                return wait
            if tokens > 0:
                for key, moment in full_at.items():
                    self._full_at[key] = moment
                    self._full_at.move_to_end(key)
                while len(self._full_at) > _OWN_BUCKETS:
                    self._full_at.popitem(last=False)
        return 0.0

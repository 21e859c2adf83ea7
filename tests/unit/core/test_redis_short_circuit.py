"""The short circuit: after a failure nobody waits, then one caller tries."""

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from common.errors import ConfigurationError, StoreUnavailableError
from core.redis_client import ShortCircuit, connect_redis


class ManualClock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_failure_closes_the_way_until_the_pause_is_over() -> None:
    clock = ManualClock()
    circuit = ShortCircuit(pause_seconds=1.0, clock=clock)
    circuit.failed()
    with pytest.raises(RedisConnectionError):
        circuit.enter()
    clock.now += 1.0
    circuit.enter()
    with pytest.raises(RedisConnectionError):
        circuit.enter()
    circuit.succeeded()
    circuit.enter()


def test_absent_server_is_a_store_error_where_the_answer_depends_on_it() -> None:
    client = connect_redis("unix:///nonexistent/redis.sock?db=0")
    assert not client.is_available()
    with pytest.raises(StoreUnavailableError), client.translated() as commands:
        commands.get("key")
    client.close()


@pytest.mark.parametrize("url", ["", "localhost:6379", "http://u:secret@h", "redis://u:secret@h:port/0"])
def test_bad_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        connect_redis(url)
    assert "secret" not in str(caught.value)

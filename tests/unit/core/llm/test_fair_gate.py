"""Who gets the next place, who gives up waiting, and that no place is ever lost."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from core.llm.call_scope import CallScope
from core.llm.errors import ModelBusyError, ModelCallCancelledError
from core.llm.fair_gate import FairGate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def patient() -> CallScope:
    return CallScope(60)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0)


async def order_of_entry(gate: FairGate, tenants: list[str]) -> list[str]:
    """Queue the tenants behind a running call; returns the order they came in."""
    entered: list[str] = []

    async def call(tenant: str) -> None:
        with await gate.enter_async(tenant, patient()):
            entered.append(tenant)

    with await gate.enter_async("first", patient()):
        calls = [asyncio.create_task(call(tenant)) for tenant in tenants]
        await until(lambda: gate.waiting == len(tenants))
    await asyncio.gather(*calls)
    return entered


def test_a_tenant_with_many_calls_delays_another_by_one() -> None:
    entered = asyncio.run(order_of_entry(FairGate(limit=1), ["big"] * 5 + ["small"] * 2))
    assert entered == ["big", "small", "big", "small", "big", "big", "big"]


def test_a_thousand_waiting_calls_do_not_starve_a_latecomer() -> None:
    entered = asyncio.run(order_of_entry(FairGate(limit=1), ["big"] * 1000 + ["small"]))
    assert entered.index("small") == 1


def test_no_more_calls_at_a_time_than_allowed() -> None:
    gate, lock = FairGate(limit=3), threading.Lock()
    running = most = 0

    def call(tenant: str) -> None:
        nonlocal running, most
        for _ in range(20):
            with gate.enter(tenant, patient()):
                with lock:
                    running += 1
                    most = max(most, running)
                with lock:
                    running -= 1

    threads = [threading.Thread(target=call, args=(f"t{number % 4}",)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert most <= 3
    assert gate.waiting == 0


def test_waiting_ends_at_the_deadline_and_costs_no_place() -> None:
    gate = FairGate(limit=1)
    held = gate.enter("a", patient())
    with pytest.raises(ModelBusyError):
        gate.enter("b", CallScope(0.02))
    with pytest.raises(ModelBusyError):
        asyncio.run(gate.enter_async("b", CallScope(0.02)))
    held.release()
    with gate.enter("b", patient()):
        assert gate.waiting == 0


def test_a_cancelled_coroutine_gives_its_turn_to_the_next() -> None:
    async def scenario() -> None:
        gate = FairGate(limit=1)
        held = await gate.enter_async("a", patient())
        leaving = asyncio.create_task(gate.enter_async("b", patient()))
        staying = asyncio.create_task(gate.enter_async("b", patient()))
        await until(lambda: gate.waiting == 2)
        held.release()
        leaving.cancel()  # it has its turn already, but does not know it yet
        (await staying).release()
        (await gate.enter_async("c", patient())).release()

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_a_cancelled_call_stops_waiting() -> None:
    gate = FairGate(limit=1, requests_per_minute=1000)
    scope = patient()
    with gate.enter("a", patient()):
        scope.cancel()
        with pytest.raises(ModelCallCancelledError):
            gate.enter("b", scope)


def test_requests_of_a_minute_are_limited_and_retries_count() -> None:
    clock = Clock()
    gate = FairGate(limit=9, requests_per_minute=3, clock=clock)
    gate.enter("a", patient()).release()
    gate.note_request()
    gate.enter("a", patient()).release()
    with pytest.raises(ModelBusyError):
        gate.enter("a", CallScope(0.02))
    clock.now = 59.9
    with pytest.raises(ModelBusyError):
        gate.enter("a", CallScope(0.02))
    clock.now = 60.0
    gate.enter("a", patient()).release()


def test_a_call_held_up_by_the_rate_goes_on_by_itself() -> None:
    clock = Clock()
    gate = FairGate(limit=1, requests_per_minute=1, clock=clock)
    gate.enter("a", patient()).release()
    waiting = threading.Thread(target=lambda: gate.enter("a", patient()).release())
    waiting.start()
    clock.now = 61.0
    waiting.join(10)
    assert not waiting.is_alive()


def test_giving_back_twice_makes_no_second_place() -> None:
    gate = FairGate(limit=1)
    permit = gate.enter("a", patient())
    permit.release()
    permit.release()
    with gate.enter("a", patient()), pytest.raises(ModelBusyError):
        gate.enter("b", CallScope(0.02))

"""Limits that sessions share."""

import asyncio

from server.agents.llm.limits import ProviderLimits


class Time:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def limits_on(time: Time, *, requests: int | None = None, tokens: int | None = None) -> ProviderLimits:
    return ProviderLimits(requests_per_minute=requests, tokens_per_minute=tokens, clock=time, sleep=time.sleep)


async def test_no_more_requests_run_at_once_than_allowed() -> None:
    limits, running, most = ProviderLimits(parallel=3), 0, 0

    async def request() -> None:
        nonlocal running, most
        async with limits.slot():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(request() for _ in range(20)))

    assert most == 3


async def test_request_over_the_limit_of_a_minute_waits_for_the_oldest_to_pass() -> None:
    time = Time()
    limits, began = limits_on(time, requests=2), []

    for _ in range(5):
        async with limits.slot():
            began.append(time.now)
            time.now += 1

    assert began == [0, 1, 60, 61, 120]


async def test_tokens_of_the_last_minute_hold_the_next_request_back() -> None:
    time = Time()
    limits = limits_on(time, tokens=1000)
    async with limits.slot(100) as slot:
        slot.tokens = 800

    async with limits.slot(150):
        assert time.now == 0
    async with limits.slot(150):
        assert time.now == 60


async def test_request_bigger_than_a_minute_goes_alone() -> None:
    time = Time()
    limits = limits_on(time, tokens=100)

    async with limits.slot(500):
        assert time.now == 0
    async with limits.slot(1):
        assert time.now == 60


async def test_cancelled_wait_leaves_the_turn_to_the_next() -> None:
    limits = ProviderLimits(requests_per_minute=1)
    async with limits.slot():
        pass

    waiting = [asyncio.create_task(limits.slot().__aenter__()) for _ in range(2)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert not limits._turn.locked()

"""Load of unary calls: how many a second, and how long each takes."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter
from time import monotonic
from typing import Any

import grpc

from tests.performance.call import Call

#: seconds of calls before a rate is measured
WARM_UP = 0.1


async def rate(address: str, call: dict[str, Any], callers: int, seconds: float) -> dict[str, Any]:
    """Call as fast as answers come, `callers` at a time over one channel; tell calls a second."""
    async with grpc.aio.insecure_channel(address) as channel:
        made = Call.from_json(call)
        method, requests = made.on(channel), made.requests()
        await _closed_loop(method, requests, callers, WARM_UP)
        started = monotonic()
        calls = await _closed_loop(method, requests, callers, seconds)
        return {"calls": calls, "per_second": calls / (monotonic() - started)}


async def _closed_loop(method: Any, requests: Iterator[bytes], callers: int, seconds: float) -> int:
    end = monotonic() + seconds

    async def one() -> int:
        calls = 0
        while monotonic() < end:
            await method(next(requests))
            calls += 1
        return calls

    return sum(await asyncio.gather(*(one() for _ in range(callers))))


async def probe(address: str, calls: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Make each call at its own pace; tell, by its name, when each began and its milliseconds."""
    async with grpc.aio.insecure_channel(address) as channel:
        return await probes(channel, calls, seconds, attrgetter("request"))


async def probes(
    channel: grpc.aio.Channel, calls: list[dict[str, Any]], seconds: float, request: Callable[[Call], bytes]
) -> dict[str, list[tuple[float, float]]]:
    """Make calls as `probe` says, each time with what `request` gives for the call."""
    made = [Call.from_json(call["call"]) for call in calls]
    paces = [
        paced(call.on(channel), partial(request, call), order["every"], seconds)
        for call, order in zip(made, calls, strict=True)
    ]
    return dict(zip((call["name"] for call in calls), await asyncio.gather(*paces), strict=True))


async def paced(method: Any, request: Callable[[], bytes], every: float, seconds: float) -> list[tuple[float, float]]:
    """Call at a steady pace, whether or not earlier calls were answered: a stall shows in every call it holds up."""
    samples = list[tuple[float, float]]()
    await method(request())

    async def one() -> None:
        started = monotonic()
        await method(request())
        samples.append((started, (monotonic() - started) * 1000))

    started = monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(int(seconds / every)):
            await asyncio.sleep(max(0.0, started + number * every - monotonic()))
            group.create_task(one())
    return samples

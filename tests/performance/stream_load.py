"""Load of streams: many subscribers of one job, and how late each event reaches each of them."""

import asyncio
from time import time
from typing import Any

import grpc

from aitrader.v1 import simulation_pb2
from tests.performance.call import SERVICE

#: streams over one connection; servers take no more than 100 at a time by default in other languages
PER_CHANNEL = 100


async def subscribe(address: str, job_id: str, subscribers: int, seconds: float) -> dict[str, Any]:
    """Subscribe to a job, wait until everybody has got something, then measure for `seconds`.

    Tells milliseconds from the time of each event to its receipt, by everybody. Messages are parsed afterwards, so
    that the cost of a thousand clients in one process does not count.
    """
    channels = [_channel(address, number) for number in range(-(-subscribers // PER_CHANNEL))]
    inboxes: list[list[tuple[float, bytes]]] = [[] for _ in range(subscribers)]
    arrived = [asyncio.Event() for _ in inboxes]
    readers = [
        asyncio.create_task(_read(channels[number // PER_CHANNEL], job_id, inbox, arrived[number]))
        for number, inbox in enumerate(inboxes)
    ]
    await asyncio.gather(*(event.wait() for event in arrived))
    await asyncio.sleep(1)
    since = time()
    await asyncio.sleep(seconds)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    await asyncio.gather(*(channel.close() for channel in channels))
    return _delays(inboxes, since, since + seconds)


def _channel(address: str, number: int) -> grpc.aio.Channel:
    """Open a connection of its own: channels with equal options share one."""
    return grpc.aio.insecure_channel(address, options=(("aitrader.performance.channel", number),))


async def _read(
    channel: grpc.aio.Channel, job_id: str, inbox: list[tuple[float, bytes]], arrived: asyncio.Event
) -> None:
    request = simulation_pb2.StreamProgressRequest(job_id=job_id).SerializeToString()
    subscribe_to: Any = channel.unary_stream(f"/{SERVICE}/StreamProgress", None, None)
    async for message in subscribe_to(request):
        inbox.append((time(), message))
        arrived.set()


def _delays(inboxes: list[list[tuple[float, bytes]]], since: float, until: float) -> dict[str, Any]:
    """Tell the delays of the events between two moments, and what everybody got; late ones are waited for no longer."""
    delays, messages, sequences = list[float](), 0, set[int]()
    parsed: dict[bytes, list[tuple[int, float]]] = {}
    for inbox in inboxes:
        for received, message in inbox:
            events = parsed.setdefault(message, []) or _events(message)
            parsed[message] = events
            inside = [(sequence, moment) for sequence, moment in events if since <= moment < until - 0.5]
            messages += bool(inside)
            sequences.update(sequence for sequence, _ in inside)
            delays += [(received - moment) * 1000 for _, moment in inside]
    return {"delays": delays, "messages": messages, "events": len(sequences)}


def _events(message: bytes) -> list[tuple[int, float]]:
    response = simulation_pb2.StreamProgressResponse.FromString(message)
    return [(event.sequence, event.event_time.ToMicroseconds() / 1e6) for event in response.events]

"""The program of a client process: reads orders as JSON lines, carries them out, answers each with a JSON line."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from tests.performance import http_load, http_streams, job_load, stream_load, unary_load

Order: TypeAlias = Callable[..., Awaitable[dict[str, Any]]]

ORDERS: Mapping[str, Order] = MappingProxyType(
    {
        "rate": unary_load.rate,
        "http_rate": http_load.http_rate,
        "open_streams": http_streams.open_streams,
        "probe": unary_load.probe,
        "trigger": job_load.trigger,
        "follow": job_load.follow,
        "run_job": job_load.run_job,
        "run_jobs": job_load.run_jobs,
        "subscribe": stream_load.subscribe,
    }
)


async def main() -> None:
    """Serve orders until standard input closes."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        answer = await ORDERS[order.pop("order")](**order)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())

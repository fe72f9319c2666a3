"""Load of HTTP questions over connections that stay open: how many a second, and how long each takes.

A protocol of its own reads no more of an answer than its code and length, so that the load costs less than the answer.
"""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import cycle
from time import monotonic
from typing import Any

#: seconds of questions before a rate is measured
WARM_UP = 0.3

LENGTH = b"content-length: "


class Asker(asyncio.Protocol):
    """One connection: asks, waits for the whole answer, asks again until the end."""

    def __init__(self, questions: Iterator[bytes]) -> None:
        self._questions = questions
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.milliseconds: list[float] = []
        self.errors = 0
        self.answers = 0
        self._received = bytearray()
        self._until = float("inf")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def begin(self, seconds: float) -> None:
        """Ask for some seconds."""
        self.milliseconds, self.ended = [], asyncio.get_running_loop().create_future()
        self._until = monotonic() + seconds
        self._ask()

    def _ask(self) -> None:
        self._asked = monotonic()
        self._transport.write(next(self._questions))

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        start = self._received.index(LENGTH) + len(LENGTH)
        length = int(self._received[start : self._received.index(b"\r", start)])
        if len(self._received) < end + 4 + length:
            return
        now = monotonic()
        self.milliseconds.append((now - self._asked) * 1000)
        self.answers += 1
        self.errors += not self._received.startswith(b"HTTP/1.1 200")
        self._received.clear()
        self._ask() if now < self._until else self.ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionError("the connection was closed"))


async def http_rate(address: str, paths: Sequence[str], callers: int, seconds: float) -> dict[str, Any]:
    """Ask for the paths by turns as fast as answers come; tell answers a second and the milliseconds of each."""
    host, port = address.split(":")
    loop = asyncio.get_running_loop()
    questions = cycle([f"GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode() for path in paths])
    made = [await loop.create_connection(lambda: Asker(questions), host, int(port)) for _ in range(callers)]
    askers = [asker for _, asker in made]
    for length in (WARM_UP, seconds):
        started = monotonic()
        for asker in askers:
            asker.begin(length)
        await asyncio.gather(*(asker.ended for asker in askers))
    spent = monotonic() - started
    for transport, asker in made:
        asker.ended.cancel()
        transport.close()
    samples = sorted(sample for asker in askers for sample in asker.milliseconds)
    return {
        "calls": len(samples),
        "answers": sum(asker.answers for asker in askers),  # those of the warm-up too, which cost the server as much
        "per_second": len(samples) / spent,
        "errors": sum(asker.errors for asker in askers),
        "p50": samples[len(samples) // 2],
        "p95": samples[int(len(samples) * 0.95)],
    }

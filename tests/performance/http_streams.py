"""Load of event streams over HTTP: many readers, each on a connection of its own."""

import asyncio
from collections import Counter
from time import monotonic
from typing import Any

import psutil

from client.gateway.open_files import allow_connections
from tests.performance.process import MIB

#: connections that are opened at once, fewer than wait for a server by default
BATCH = 200

#: what stands for the status of a connection that was closed without an answer
CUT = 0


class Reader(asyncio.Protocol):
    """One connection: asks for a stream, notes the status of the answer and reads on."""

    def __init__(self, question: bytes) -> None:
        self._question = question
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.transport.write(self._question)

    def data_received(self, data: bytes) -> None:
        if not self.status.done():
            self.status.set_result(int(data.split(maxsplit=2)[1]))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.status.done():
            self.status.set_result(CUT)


async def open_streams(address: str, path: str, streams: int, seconds: float, processes: list[int]) -> dict[str, Any]:
    """Open streams, hold them for some seconds, and tell the answers by status and the memory of processes in MiB."""
    streams = allow_connections(streams)
    question = f"GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()
    readers: list[Reader] = []
    started = monotonic()
    while len(readers) < streams:
        made = await asyncio.gather(*(_opened(address, question) for _ in range(min(BATCH, streams - len(readers)))))
        await asyncio.gather(*(reader.status for reader in made))
        readers += made
    opened = monotonic() - started
    await asyncio.sleep(seconds)
    memory = [round(psutil.Process(pid).memory_info().rss / MIB, 1) for pid in processes]
    for reader in readers:
        reader.transport.abort()
    return {"answers": Counter(reader.status.result() for reader in readers), "opened": opened, "memory": memory}


async def _opened(address: str, question: bytes) -> Reader:
    host, port = address.split(":")
    _, reader = await asyncio.get_running_loop().create_connection(lambda: Reader(question), host, int(port))
    return reader

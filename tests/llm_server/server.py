"""The vendor on a port of its own and a thread of its own."""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

import uvicorn

from .app import Latency, Vendor
from .faults import Faults, no_faults
from .journal import Delivery, Journal
from .scripts import Script

#: seconds
START_DEADLINE = 10.0
STOP_DEADLINE = 10.0
TICK = 1.0
#: connections that may wait to be accepted
BACKLOG = 2048


class _Server(uvicorn.Server):
    """Stops at an event instead of looking for a flag ten times a second."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event, started: Event) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._running = started

    async def main_loop(self) -> None:
        self._running.set()
        while not self._stopping.is_set():
            await self.on_tick(0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TICK)


class LlmServer:
    """An OpenAI-compatible vendor for a `with` block; each model answers by its script, "*" stands for any model."""

    def __init__(
        self,
        scripts: Mapping[str, Script],
        *,
        key: str | None = None,
        latency: Latency = 0.0,
        faults: Faults = no_faults,
        port: int = 0,
    ) -> None:
        self._port = port
        self._journal = Journal()
        self._started = Event()
        self._vendor = Vendor(scripts=scripts, key=key, latency=latency, faults=faults, journal=self._journal)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def delivered(self) -> list[Delivery]:
        """What went out so far, in order."""
        return self._journal.delivered

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies that came in so far, in order."""
        return self._journal.requests

    def __enter__(self) -> Self:
        self._socket = _listen(self._port)
        self._port = self._socket.getsockname()[1]
        self._thread = Thread(target=lambda: asyncio.run(self._serve()), name="llm-server", daemon=True)
        self._thread.start()
        if not self._started.wait(START_DEADLINE):
            raise TimeoutError("the LLM server did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._vendor.stopping.set)
        self._thread.join(STOP_DEADLINE)
        if self._thread.is_alive():
            raise TimeoutError("the LLM server did not stop")

    async def _serve(self) -> None:
        vendor, self._loop = self._vendor, asyncio.get_running_loop()
        config = uvicorn.Config(
            vendor.app(),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_keep_alive=600,
            timeout_graceful_shutdown=2,
        )
        await _Server(config, vendor.stopping, self._started).serve([self._socket])


def _listen(port: int) -> socket.socket:
    """Open the port; asyncio turns Nagle's delay off only for sockets that name their protocol."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(BACKLOG)
    return listening

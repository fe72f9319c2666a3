"""The journal: writes of running jobs. Each is a stored step with an event, published once it is committed."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeAlias, TypeVar

import structlog

from server.jobs.progress import ProgressLogs
from storage.events import EventRow
from storage.writer import Operation, Patience, Writer

T = TypeVar("T")
#: what a write tells: an event, several in their order, or nothing
Events: TypeAlias = EventRow | tuple[EventRow, ...] | None

logger = structlog.get_logger(__name__)


class Journal:
    """Submits writes to the storage writer and publishes the events that they return, in their order.

    `committed` is called after them.
    """

    def __init__(self, writer: Writer, logs: ProgressLogs, committed: Callable[[], None] = lambda: None) -> None:
        self._writer = writer
        self._logs = logs
        self._committed = committed

    async def write(self, operation: Operation[T], *, patience: Patience = Patience.NONE) -> T:
        """Run a write operation and return its result, once it is committed; a patient one is tried again.

        Raises:
            StorageBusyError: another process holds the database.
            StorageFullError: the disk took no more.
        """
        return await asyncio.wrap_future(self._writer.submit(operation, patience=patience))

    async def record(self, operation: Operation[Events], *, patience: Patience = Patience.SPACE) -> None:
        """Run a write operation that returns events, if any, and publish them, however long the database is not ready.

        Raises:
            StorageBusyError: another process holds the database, and the write has no patience.
            StorageFullError: the disk took no more, and the write has no patience with that.
        """
        await asyncio.wrap_future(self.post(operation, patience=patience))

    def post(self, operation: Operation[Events], *, patience: Patience = Patience.SPACE) -> "Future[Events]":
        """Queue a write operation that returns events, if any; as `record`."""
        loop = asyncio.get_running_loop()
        future = self._writer.submit(operation, patience=patience)
        # the writer settles futures in the order of their events, and the loop keeps that order
        future.add_done_callback(lambda done: loop.call_soon_threadsafe(self._publish, done))
        return future

    def _publish(self, done: "Future[Events]") -> None:
        error = done.exception()
        if error is not None:
            logger.debug("write_failed", error=str(error))
            return
        stored = done.result() or ()
        for event in (stored,) if isinstance(stored, EventRow) else stored:
            self._logs.publish(event)
        self._committed()

"""Whether a job is to go on. When it is not, its waits end at once and its attempts are told to stop."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import Enum, auto

from server.jobs.running_attempt import RunningAttempt


class HaltReason(Enum):
    """Why a job does not go on."""

    STOPPING = auto()
    EXPIRED = auto()
    CANCELLED = auto()


class HaltedError(Exception):
    """The job does not go on, so there is nothing to wait for."""


class Halt:
    """The waits and the attempts of one job, and the reason that ends them."""

    def __init__(self) -> None:
        self.reason: HaltReason | None = None
        self._waits: set[asyncio.Timeout] = set()
        self._attempts: set[RunningAttempt] = set()

    def stop(self) -> None:
        """Start nothing more; attempts under way go on."""
        self.reason = self.reason or HaltReason.STOPPING
        self._end_waits()

    def give_up(self, reason: HaltReason, grace: float) -> None:
        """Start nothing more; attempts under way are told to stop, and given up after `grace` seconds."""
        if self.reason is not HaltReason.CANCELLED:
            self.reason = reason
        self._end_waits()
        for attempt in self._attempts:
            attempt.stop(grace)

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Wait inside for as long as the job goes on.

        Raises:
            HaltedError: it does not.
        """
        if self.reason is not None:
            raise HaltedError
        try:
            async with asyncio.timeout(None) as wait:
                self._waits.add(wait)
                try:
                    yield
                finally:
                    self._waits.discard(wait)
        except TimeoutError:
            raise HaltedError from None
        if self.reason is not None:
            raise HaltedError

    @contextmanager
    def stopping(self, attempt: RunningAttempt) -> Iterator[None]:
        """Tell an attempt that runs inside when the job is given up."""
        self._attempts.add(attempt)
        try:
            yield
        finally:
            self._attempts.discard(attempt)

    def _end_waits(self) -> None:
        now = asyncio.get_running_loop().time()
        for wait in self._waits:
            if not wait.expired():
                wait.reschedule(now)

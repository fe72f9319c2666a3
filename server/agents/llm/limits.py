"""Limits of a provider that all sessions with it share: requests at once, requests and tokens a minute."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

#: seconds
MINUTE = 60.0


class Slot:
    """The place of one request: its tokens are an estimate until they are known."""

    def __init__(self, at: float, tokens: int) -> None:
        self.at = at
        self.tokens = tokens


class ProviderLimits:
    """Lets requests go in the order in which they came, as the limits allow; None is no limit.

    A minute is the last 60 seconds at any time. A request bigger than the whole of `tokens_per_minute` goes when no
    other counts. One object serves one event loop.
    """

    def __init__(
        self,
        *,
        parallel: int | None = None,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._parallel = None if parallel is None else asyncio.Semaphore(parallel)
        self._requests = requests_per_minute
        self._tokens = tokens_per_minute
        self._clock = clock
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._recent: deque[Slot] = deque()

    @asynccontextmanager
    async def slot(self, tokens: int = 0) -> AsyncIterator[Slot]:
        """Wait for the turn of a request of about `tokens`; set the slot's tokens once they are known."""
        async with AsyncExitStack() as held:
            if self._parallel is not None:
                await held.enter_async_context(self._parallel)
            yield await self._enter(tokens)

    async def _enter(self, tokens: int) -> Slot:
        if self._requests is None and self._tokens is None:
            return Slot(0.0, tokens)
        async with self._turn:
            while (wait := self._wait(tokens)) > 0:
                await self._sleep(wait)
            slot = Slot(self._clock(), tokens)
            self._recent.append(slot)
            return slot

    def _wait(self, tokens: int) -> float:
        """Return the seconds until the oldest request stops to count, 0 when there is room now."""
        now = self._clock()
        while self._recent and now - self._recent[0].at >= MINUTE:
            self._recent.popleft()
        if self._has_room(tokens):
            return 0.0
        return max(self._recent[0].at + MINUTE - now, 0.001)

    def _has_room(self, tokens: int) -> bool:
        if not self._recent:
            return True
        if self._requests is not None and len(self._recent) >= self._requests:
            return False
        return self._tokens is None or sum(slot.tokens for slot in self._recent) + tokens <= self._tokens

"""A token bucket: lets requests go as often as a vendor allows."""

import time
from collections.abc import Callable
from typing import TypeAlias

#: waits for so many seconds, none among them; may raise ProviderClosedError to end what waits
Wait: TypeAlias = Callable[[float], None]


class TokenBucket:
    """Holds up to `size` tokens, refilled at `per_minute`; each request takes one, or waits for it."""

    def __init__(
        self,
        per_minute: float,
        size: int = 1,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Wait = time.sleep,
    ) -> None:
        self._rate = per_minute / 60
        self._size = size
        self._clock = clock
        self._sleep = sleep
        self._tokens = float(size)
        self._at = clock()

    def take(self) -> None:
        """Take a token, waiting until there is one."""
        self._fill()
        self._sleep(max(0.0, (1 - self._tokens) / self._rate))
        self._fill()
        self._tokens -= 1

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
        self._at = now

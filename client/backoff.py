"""How long to wait before a cut stream is opened again. Values only; whoever asks does the waiting."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffPolicy:
    """Delays that double from `initial` to `maximum` seconds.

    They end `give_up_after` seconds after the first failure that no message followed; a heartbeat is a message.
    """

    initial: float = 0.1
    maximum: float = 10.0
    multiplier: float = 2.0
    #: enough for a machine to restart
    give_up_after: float = 120.0


@dataclass(slots=True, kw_only=True)
class Backoff:
    """The delays of one stream: growing at each failure, forgotten at each message."""

    policy: BackoffPolicy
    #: a number in [0, 1)
    jitter: Callable[[], float] = field(default=random.random)
    clock: Callable[[], float] = field(default=time.monotonic)
    failures: int = 0
    _since: float = 0.0

    def reset(self) -> None:
        """Forget the failures so far."""
        self.failures = 0

    def next_delay(self) -> float | None:
        """Count a failure and tell the seconds to wait: half to all of the nominal delay; None when it is enough."""
        now = self.clock()
        if not self.failures:
            self._since = now
        left = self._since + self.policy.give_up_after - now
        if left <= 0:
            return None
        # the exponent is bounded: a stream may fail more often than a float can double
        nominal = min(self.policy.maximum, self.policy.initial * self.policy.multiplier ** min(self.failures, 60))
        self.failures += 1
        return min(nominal * (0.5 + 0.5 * self.jitter()), left)

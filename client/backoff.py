"""How long to wait before a cut stream is opened again. Values only; whoever asks does the waiting."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffPolicy:
    """Delays that double from `initial` to `maximum` seconds, at most `attempts` of them without a message between."""

    initial: float = 0.1
    maximum: float = 10.0
    multiplier: float = 2.0
    #: with the other defaults about 45 seconds on average: enough for a service to restart
    attempts: int = 10


@dataclass(slots=True, kw_only=True)
class Backoff:
    """The delays of one stream: growing at each failure, forgotten at each message."""

    policy: BackoffPolicy
    #: a number in [0, 1)
    jitter: Callable[[], float] = field(default=random.random)
    failures: int = 0

    def reset(self) -> None:
        """Forget the failures so far."""
        self.failures = 0

    def next_delay(self) -> float | None:
        """Count a failure and tell the seconds to wait: half to all of the nominal delay; None when it is enough."""
        if self.failures >= self.policy.attempts:
            return None
        nominal = min(self.policy.maximum, self.policy.initial * self.policy.multiplier**self.failures)
        self.failures += 1
        return nominal * (0.5 + 0.5 * self.jitter())

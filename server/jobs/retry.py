"""Which failures of a model-day are worth another attempt, and how long it waits.

After Temporal's retry policy: an initial interval, doubled with each retry up to a maximum, and kinds of errors that
are never retried. The wait is drawn from the whole interval ("full jitter"), so that attempts that failed together do
not come back together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from server.engine.model_day import FailureKind

#: seconds; the longest interval from which a wait is drawn
MAX_DELAY = 60.0

#: draws a number from 0 up to 1
Random = Callable[[], float]

#: the kinds that another attempt may not meet again; of the others, why it would
FINAL: Mapping[FailureKind, str] = MappingProxyType(
    {
        FailureKind.TRADER_ERROR: "the same day gives the same error; what a session met passing it repeated itself",
        FailureKind.LEDGER_ERROR: "a broken invariant is a fault of ours, which repeating would hide",
        FailureKind.MARKET_DATA: "the prices of a job do not change while it runs",
        FailureKind.PROVIDER_ERROR: "the session has repeated the request max_retries times, or it was refused (4xx)",
        FailureKind.RATE_LIMITED: "the session has waited as the provider asked and repeated max_retries times",
        FailureKind.TIMEOUT: "the time of the model-day is spent; a session would be paid for twice",
        FailureKind.BUDGET: "the budget stays what it is",
        FailureKind.NOT_RECORDED: "what was recorded stays what it is",
        FailureKind.CANCELLED: "nobody wants it any more",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a model-day is tried again, and after which delay (seconds)."""

    max_retries: int
    base_delay: float

    def allows(self, kind: FailureKind, retries: int) -> bool:
        """Tell whether a failure is followed by another attempt, after some that were retries already."""
        return retries < self.max_retries and kind not in FINAL

    def delay(self, retries: int, random: Random) -> float:
        """Return the seconds to wait before the next attempt, after some that were retries already."""
        return min(MAX_DELAY, self.base_delay * 2.0 ** min(retries, 30)) * random()

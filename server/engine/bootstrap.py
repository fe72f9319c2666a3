"""How sure the figures are: confidence intervals from resampled days.

The circular block bootstrap of Politis and Romano (1992): blocks of following days are drawn, so that a run of similar
days stays together, and the last day is followed by the first, so that every day is drawn as often. Blocks have
n ** (1/3) days, the order that Hall, Horowitz and Jing (1995) find for variances. The draws are raw numbers of PCG64,
whose stream numpy guarantees: the same days give the same interval on every machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from server.engine.metrics import PERIODS, Floats

#: resampled histories; the ends of an interval move by a fiftieth of its width from one seed to another
SAMPLES = 2000
#: resampled histories in memory at once
BATCH = 100
SEED = 20_251_001

#: percent of resampled figures below and above the interval: 95 % are in it
TAILS = (2.5, 97.5)

#: trading days, about a month, below which resampling says more about the resampling than about the portfolio
MIN_DAYS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Bounds between which 95 % of the resampled figures are."""

    low: float
    high: float


def intervals(returns: Floats) -> tuple[Interval | None, Interval | None]:
    """Return the intervals of the Sharpe ratio and of the annual return.

    None for fewer than 20 days, and where one of the resampled histories does not have the figure.
    """
    if len(returns) < MIN_DAYS:
        return None, None
    sharpes, annuals = [], []
    with np.errstate(all="ignore"):
        for days in _resampled(returns):
            spread = np.where(np.ptp(days, axis=1) > 0, days.std(axis=1, ddof=1), np.nan)
            sharpes.append(days.mean(axis=1) / spread * np.sqrt(PERIODS))
            annuals.append(np.prod(1 + days, axis=1) ** (PERIODS / len(returns)) - 1)
    return _interval(np.concatenate(sharpes)), _interval(np.concatenate(annuals))


def _resampled(returns: Floats) -> Iterator[Floats]:
    """Yield batches of resampled histories, each of the shape (BATCH, n)."""
    n = len(returns)
    length = round(n ** (1 / 3))
    blocks = -(-n // length)
    draws = np.random.PCG64(SEED)
    for _ in range(SAMPLES // BATCH):
        starts = draws.random_raw(BATCH * blocks) % np.uint64(n)
        days = (starts.astype(np.int64)[:, None] + np.arange(length)) % n
        yield returns[days.reshape(BATCH, blocks * length)[:, :n]]


def _interval(figures: Floats) -> Interval | None:
    if not np.isfinite(figures).all():
        return None
    low, high = np.percentile(figures, TAILS)
    return Interval(low=float(low), high=float(high))

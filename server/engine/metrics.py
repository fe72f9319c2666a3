"""How good a portfolio was, in floats: short pure functions of its values or returns, with empyrical's names.

`values` are n + 1 amounts: what the portfolio was worth before its first day and at the close of each of n trading
days. `returns` are the n fractions between them. A period is a trading day of the portfolio. A figure that the days
cannot say is None; NaN and infinity never leave. METRICS.md holds the conventions and how two libraries differ.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsFloat, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]

#: trading days a year, as empyrical and quantstats have it
PERIODS = 252

#: trading days that a figure by the year, or one of spread, needs
MIN_PERIODS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """The deepest fall from a peak, as positions in `values`; without a fall they are None."""

    depth: float
    peak: int | None = None
    trough: int | None = None
    recovery: int | None = None


def daily_returns(values: Sequence[float]) -> Floats:
    """Return the fractions by which n + 1 values changed; what is worth nothing does not change."""
    amounts = np.asarray(values, dtype=np.float64)
    before, change = amounts[:-1], np.diff(amounts)
    return np.divide(change, before, out=np.zeros_like(change), where=before > 0)


def cum_returns(returns: ArrayLike) -> Floats:
    """Return the compounded return up to each day."""
    return np.asarray(np.cumprod(1 + _floats(returns)) - 1, dtype=np.float64)


def cum_returns_final(returns: ArrayLike) -> float | None:
    """Return the compounded return of all days."""
    return _known(np.prod(1 + _floats(returns)) - 1) if np.size(returns) else None


def annual_return(returns: ArrayLike) -> float | None:
    """Return the compounded return a year: (1 + total) ** (252 / n) - 1."""
    days = _floats(returns)
    if len(days) < MIN_PERIODS:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        return _known(np.prod(1 + days) ** (PERIODS / len(days)) - 1)


def annual_volatility(returns: ArrayLike) -> float | None:
    """Return the sample standard deviation (n - 1) of the daily returns times sqrt(252)."""
    days = _floats(returns)
    return _known(_spread(days) * np.sqrt(PERIODS)) if len(days) >= MIN_PERIODS else None


def sharpe_ratio(returns: ArrayLike) -> float | None:
    """Return mean over sample standard deviation times sqrt(252), the risk-free rate being 0.

    None when all days are alike: a ratio to no risk is no figure.
    """
    days = _floats(returns)
    if len(days) < MIN_PERIODS or not (spread := _spread(days)):
        return None
    return _known(days.mean() / spread * np.sqrt(PERIODS))


def sortino_ratio(returns: ArrayLike) -> float | None:
    """Return mean over downside deviation times sqrt(252); the root mean square of losses is over all n days.

    None when no day lost. Source: Rollinger and Hoffman, "Sortino: a sharper ratio" (Red Rock Capital).
    """
    days = _floats(returns)
    downside = np.sqrt(np.mean(np.minimum(days, 0) ** 2)) if len(days) >= MIN_PERIODS else 0
    return _known(days.mean() / downside * np.sqrt(PERIODS)) if downside else None


def calmar_ratio(returns: ArrayLike) -> float | None:
    """Return the annual return over the depth of the maximum drawdown; None when there was none."""
    annual, depth = annual_return(returns), max_drawdown(returns)
    return _known(annual / -depth) if annual is not None and depth else None


def max_drawdown(returns: ArrayLike) -> float | None:
    """Return the deepest fall from an earlier peak, the start included, as a fraction of the peak; at most 0."""
    days = _floats(returns)
    return _known(drawdown(np.append(1.0, np.cumprod(1 + days))).depth) if len(days) else None


def drawdown(values: ArrayLike) -> Drawdown:
    """Return the deepest fall with its last moment at the peak, its first at the trough, its first back at the peak."""
    amounts = _floats(values)
    peaks = np.maximum.accumulate(amounts)
    falls = np.divide(amounts - peaks, peaks, out=np.zeros_like(amounts), where=peaks > 0)
    trough = int(np.argmin(falls))
    if not falls[trough] < 0:
        return Drawdown(depth=float(falls[trough]))
    peak = int(np.flatnonzero(amounts[:trough] == peaks[trough])[-1])
    back = np.flatnonzero(amounts[trough:] >= peaks[trough])
    recovery = trough + int(back[0]) if len(back) else None
    return Drawdown(depth=float(falls[trough]), peak=peak, trough=trough, recovery=recovery)


def win_rate(returns: ArrayLike) -> float | None:
    """Return the part of the days that gained among those that gained or lost; None when none did."""
    days = _floats(returns)
    moved = np.count_nonzero(days)
    return np.count_nonzero(days > 0) / moved if moved and np.isfinite(days).all() else None


def beta(returns: ArrayLike, benchmark: ArrayLike) -> float | None:
    """Return the covariance with the benchmark's returns of the same days over their variance.

    None when the benchmark did not vary.
    """
    days, market = _floats(returns), _floats(benchmark)
    if len(days) < MIN_PERIODS or not _spread(market):
        return None
    apart = market - market.mean()
    return _known(np.mean(apart * days) / np.mean(apart**2))


def alpha(returns: ArrayLike, benchmark: ArrayLike) -> float | None:
    """Return the mean daily return that beta times the benchmark's does not explain, compounded to a year."""
    slope = beta(returns, benchmark)
    if slope is None:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        return _known((1 + np.mean(_floats(returns) - slope * _floats(benchmark))) ** PERIODS - 1)


def exposure(values: ArrayLike, cash: ArrayLike) -> float | None:
    """Return the mean part of the close values that was invested; `values` are those of the n days alone."""
    amounts = _floats(values)
    if not len(amounts) or not (amounts > 0).all():
        return None
    return _known(np.mean(1 - _floats(cash) / amounts))


def turnover(values: ArrayLike, traded: float) -> float | None:
    """Return what was bought and sold over the mean close value; `values` are those of the n days alone."""
    mean = np.mean(_floats(values)) if np.size(values) else 0
    return _known(traded / mean) if mean > 0 else None


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _spread(days: Floats) -> float:
    """Return the sample standard deviation; exactly 0 when all are alike, which rounding would hide."""
    return float(np.std(days, ddof=1)) if np.ptp(days) else 0.0


def _known(figure: SupportsFloat) -> float | None:
    told = float(figure)
    return told if math.isfinite(told) else None

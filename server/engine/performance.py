"""All figures of one portfolio over one window of its trading days."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.engine import metrics
from server.engine.bootstrap import Interval, intervals


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A window of trading days, at least one: dates ascending, money in dollars.

    `start_value` is what the portfolio was worth before the first of them. `benchmark` holds what a benchmark was
    worth then and at the close of each of them. `traded` is what was bought and sold on them,
    `commission` and `slippage` what that cost.
    """

    start_value: float
    dates: Sequence[str]
    values: Sequence[float]
    cash: Sequence[float]
    traded: float
    commission: float = 0.0
    slippage: float = 0.0
    benchmark: Sequence[float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The return of one date, a fraction."""

    date: str
    change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Figures of a window, fractions where nothing else is said, costs in dollars; None is what it cannot say.

    The peak is None when it was before the first day of the window, or when nothing fell.
    """

    start_date: str
    end_date: str
    trading_days: int
    total_return: float | None
    annual_return: float | None
    annual_volatility: float | None
    sharpe_ratio: float | None
    sortino_ratio: float | None
    calmar_ratio: float | None
    max_drawdown: float
    peak_date: str | None
    trough_date: str | None
    recovery_date: str | None
    win_rate: float | None
    best_day: Day
    worst_day: Day
    turnover: float | None
    commission: float
    slippage: float
    exposure: float | None
    benchmark_return: float | None
    alpha: float | None
    beta: float | None
    sharpe_interval: Interval | None
    annual_return_interval: Interval | None


def measure(history: History, *, with_intervals: bool) -> Performance:
    """Return every figure of a window; intervals cost some hundredths of a second."""
    values = [history.start_value, *history.values]
    returns = metrics.daily_returns(values)
    market = None if history.benchmark is None else metrics.daily_returns(history.benchmark)
    fall = metrics.drawdown(values)
    sharpe_interval, annual_return_interval = intervals(returns) if with_intervals else (None, None)
    return Performance(
        start_date=history.dates[0],
        end_date=history.dates[-1],
        trading_days=len(history.dates),
        total_return=metrics.cum_returns_final(returns),
        annual_return=metrics.annual_return(returns),
        annual_volatility=metrics.annual_volatility(returns),
        sharpe_ratio=metrics.sharpe_ratio(returns),
        sortino_ratio=metrics.sortino_ratio(returns),
        calmar_ratio=metrics.calmar_ratio(returns),
        max_drawdown=fall.depth,
        peak_date=_date(history, fall.peak),
        trough_date=_date(history, fall.trough),
        recovery_date=_date(history, fall.recovery),
        win_rate=metrics.win_rate(returns),
        best_day=_day(history, returns, int(returns.argmax())),
        worst_day=_day(history, returns, int(returns.argmin())),
        turnover=metrics.turnover(history.values, history.traded),
        commission=history.commission,
        slippage=history.slippage,
        exposure=metrics.exposure(history.values, history.cash),
        benchmark_return=None if market is None else metrics.cum_returns_final(market),
        alpha=None if market is None else metrics.alpha(returns, market),
        beta=None if market is None else metrics.beta(returns, market),
        sharpe_interval=sharpe_interval,
        annual_return_interval=annual_return_interval,
    )


def _date(history: History, position: int | None) -> str | None:
    """Return the date of a position in the values, of which the first is before the window."""
    return history.dates[position - 1] if position else None


def _day(history: History, returns: metrics.Floats, position: int) -> Day:
    return Day(date=history.dates[position], change=float(returns[position]))

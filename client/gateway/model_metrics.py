"""The answers that tell how good portfolios were, as OpenAPI tells them; the rest are in `models.py`."""

from typing import Annotated

from pydantic import Field

from .models import Answer, Date, Dollars, PageToken, Percent, RemovedThrough, Signature

Interval = Annotated["ConfidenceInterval | None", Field(description="95 % interval; null below 20 trading days.")]
Unset = Annotated[float | None, Field(description="Null where the window is too short to say.")]


class ConfidenceInterval(Answer):
    low: float
    high: float


class PortfolioMetrics(Answer):
    """Figures of one window; a period is a trading day, 252 a year, the risk-free rate 0."""

    start_date: Date
    end_date: Date
    trading_days: int
    total_return_pct: Unset
    annual_return_pct: Unset
    annual_volatility_pct: Unset
    sharpe_ratio: Unset
    sortino_ratio: Unset
    calmar_ratio: Unset
    max_drawdown_pct: Percent
    max_drawdown_peak_date: Annotated[Date | None, Field(description="Null when it was before the window.")]
    max_drawdown_trough_date: Annotated[Date | None, Field(description="Null when nothing fell.")]
    max_drawdown_recovery_date: Annotated[Date | None, Field(description="Null when there is none yet.")]
    win_rate_pct: Unset
    best_day_pct: Percent
    best_day_date: Date
    worst_day_pct: Percent
    worst_day_date: Date
    turnover: Unset
    exposure_pct: Unset
    benchmark: Annotated[str | None, Field(description="Null when none was asked for.")]
    benchmark_return_pct: Unset
    alpha_pct: Unset
    beta: Unset
    sharpe_ratio_interval: Interval
    annual_return_pct_interval: Interval
    commission: Dollars
    slippage: Dollars


class Metrics(Answer):
    model: Signature
    experiment: str
    metrics: PortfolioMetrics
    removed_through: RemovedThrough


class LeaderboardEntry(Answer):
    rank: Annotated[int, Field(description="From 1; 0 for a benchmark.")]
    model: Signature
    portfolio_value: Dollars
    cumulative_profit: Dollars
    cumulative_return_pct: Percent
    date: Date
    initial_cash: Dollars
    trading_days: int
    curve: list[Dollars]
    curve_dates: Annotated[list[Date], Field(description="Trading date of each value of the curve.")]
    metrics: Annotated[PortfolioMetrics | None, Field(description="Null unless `with_metrics` is asked for.")]
    removed_through: RemovedThrough


class Leaderboard(Answer):
    leaderboard: list[LeaderboardEntry]
    experiment: str
    next_page_token: PageToken
    benchmark: Annotated[LeaderboardEntry | None, Field(description="Null unless it is asked for.")]
    removed_through: RemovedThrough

"""From figures of the engine to messages of the contract: fractions become percents, None becomes unset."""

from aitrader.v1 import metrics_pb2
from server.engine.bootstrap import Interval
from server.engine.performance import Performance


def metrics(told: Performance, benchmark: str) -> metrics_pb2.PortfolioMetrics:
    """Return the figures of a window."""
    return metrics_pb2.PortfolioMetrics(
        start_date=told.start_date,
        end_date=told.end_date,
        trading_days=told.trading_days,
        total_return_pct=_percent(told.total_return),
        annual_return_pct=_percent(told.annual_return),
        annual_volatility_pct=_percent(told.annual_volatility),
        sharpe_ratio=told.sharpe_ratio,
        sortino_ratio=told.sortino_ratio,
        calmar_ratio=told.calmar_ratio,
        max_drawdown_pct=told.max_drawdown * 100,
        max_drawdown_peak_date=told.peak_date or "",
        max_drawdown_trough_date=told.trough_date or "",
        max_drawdown_recovery_date=told.recovery_date or "",
        win_rate_pct=_percent(told.win_rate),
        best_day_pct=told.best_day.change * 100,
        best_day_date=told.best_day.date,
        worst_day_pct=told.worst_day.change * 100,
        worst_day_date=told.worst_day.date,
        turnover=told.turnover,
        commission=told.commission,
        slippage=told.slippage,
        exposure_pct=_percent(told.exposure),
        benchmark=benchmark,
        benchmark_return_pct=_percent(told.benchmark_return),
        alpha_pct=_percent(told.alpha),
        beta=told.beta,
        sharpe_ratio_interval=_interval(told.sharpe_interval, 1),
        annual_return_pct_interval=_interval(told.annual_return_interval, 100),
    )


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else fraction * 100


def _interval(interval: Interval | None, unit: int) -> metrics_pb2.ConfidenceInterval | None:
    if interval is None:
        return None
    return metrics_pb2.ConfidenceInterval(low=interval.low * unit, high=interval.high * unit)

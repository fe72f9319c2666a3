"""Metrics as lines for people."""

from collections.abc import Iterator

from google.protobuf.message import Message

from aitrader.v1.metrics_pb2 import ConfidenceInterval, GetMetricsResponse, PortfolioMetrics

from .text import money, percent, plain

#: columns of a figure's name
NAME_WIDTH = 18


def metrics_lines(response: GetMetricsResponse) -> Iterator[str]:
    """Tell the window and every figure; one that the window is too short for is a dash."""
    told = response.metrics
    yield f"{plain(response.model)} in {response.experiment}"
    days = "day" if told.trading_days == 1 else "days"
    yield f"{told.start_date} to {told.end_date}, {told.trading_days} trading {days}"
    for name, figure, note in _figures(told):
        yield f"  {name:{NAME_WIDTH}}{figure:>12}  {note}".rstrip()


def ratio(told: Message, field: str) -> str:
    """Write a ratio, or a dash where it is unset."""
    return f"{getattr(told, field):.2f}" if told.HasField(field) else "-"


def _figures(told: PortfolioMetrics) -> Iterator[tuple[str, str, str]]:
    yield "total return", _percent(told, "total_return_pct"), ""
    yield "annual return", _percent(told, "annual_return_pct"), _interval(told, "annual_return_pct_interval", " %")
    yield "annual volatility", _part(told, "annual_volatility_pct"), ""
    yield "sharpe ratio", ratio(told, "sharpe_ratio"), _interval(told, "sharpe_ratio_interval", "")
    yield "sortino ratio", ratio(told, "sortino_ratio"), ""
    yield "calmar ratio", ratio(told, "calmar_ratio"), ""
    yield "max drawdown", percent(told.max_drawdown_pct), _drawdown(told)
    yield "win rate", _part(told, "win_rate_pct"), ""
    yield "best day", percent(told.best_day_pct), told.best_day_date
    yield "worst day", percent(told.worst_day_pct), told.worst_day_date
    yield "turnover", ratio(told, "turnover"), ""
    yield "exposure", _part(told, "exposure_pct"), ""
    if told.commission or told.slippage:
        yield "commission", money(told.commission), ""
        yield "slippage", money(told.slippage), ""
    if told.benchmark:
        yield plain(told.benchmark), _percent(told, "benchmark_return_pct"), ""
        yield "alpha", _percent(told, "alpha_pct"), ""
        yield "beta", ratio(told, "beta"), ""


def _drawdown(told: PortfolioMetrics) -> str:
    if not told.max_drawdown_trough_date:
        return ""
    peak = told.max_drawdown_peak_date or "before the window"
    back = told.max_drawdown_recovery_date
    return f"from {peak} to {told.max_drawdown_trough_date}, {f'back on {back}' if back else 'not back yet'}"


def _percent(told: Message, field: str) -> str:
    return percent(getattr(told, field)) if told.HasField(field) else "-"


def _part(told: Message, field: str) -> str:
    """Write a percent that is never negative, or a dash where it is unset."""
    return f"{getattr(told, field):.2f} %" if told.HasField(field) else "-"


def _interval(told: Message, field: str, unit: str) -> str:
    if not told.HasField(field):
        return ""
    interval: ConfidenceInterval = getattr(told, field)
    return f"95 % between {interval.low:.2f} and {interval.high:.2f}{unit}"

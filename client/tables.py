"""Messages as tables for people; sentences are in `sentences.py`, the moving picture in `progress.py`."""

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from aitrader.v1.job_pb2 import Job
from aitrader.v1.metrics_pb2 import PortfolioMetrics
from aitrader.v1.portfolio_pb2 import DayResult, TimeseriesPoint
from aitrader.v1.simulation_pb2 import GetLeaderboardResponse

from .metrics_report import ratio
from .sparkline import sparkline, thinned
from .tally import Tally
from .text import duration, moment, money, percent, plain, signed
from .trades import effect_text, trade_text
from .words import status_word

#: values below a chart
LAST_VALUES = 5
#: trades of a day in a table; `--detail full` and `--json` tell all of them
MAX_TRADES = 3
#: columns whose words are worth more whole than the rest of the row
WHOLE = frozenset({"date", "job", "model", "status"})
#: columns; what a leaderboard takes beside its curves
FIGURES_WIDTH = 71
#: columns; a shorter curve says nothing
MIN_CURVE = 9
#: columns; what the metrics of a leaderboard take
METRICS_WIDTH = 18


def models_table(tally: Tally) -> Table:
    """Tell how far each model is."""
    table = _table(["model"], ["done", "failed", "of"], ["now at"])
    for name, model in tally.models.items():
        table.add_row(plain(name), str(model.done), str(model.failed), str(model.total), model.date)
    return table


def leaderboard_table(response: GetLeaderboardResponse, *, width: int) -> Table:
    """Rank the portfolios, a benchmark below, each with its equity curve in what the other columns leave."""
    entries = [*response.leaderboard, *([response.benchmark] if response.HasField("benchmark") else [])]
    with_metrics = any(entry.HasField("metrics") for entry in entries)
    points = max(MIN_CURVE, width - FIGURES_WIDTH - with_metrics * METRICS_WIDTH)
    figures = ["value", "profit", "return", *(["sharpe", "drawdown"] if with_metrics else [])]
    table = _table([], ["rank"], ["model"], figures, ["curve", "date"])
    for entry in entries:
        table.add_row(
            str(entry.rank or ""),
            plain(entry.model) + ("" if entry.rank else " (benchmark)"),
            money(entry.portfolio_value),
            signed(entry.cumulative_profit),
            percent(entry.cumulative_return_pct),
            *(_risk(entry.metrics) if with_metrics else ()),
            sparkline(thinned(entry.curve, points)),
            entry.date,
        )
    return table


def _risk(metrics: PortfolioMetrics) -> tuple[str, str]:
    return ratio(metrics, "sharpe_ratio"), percent(metrics.max_drawdown_pct)


def results_table(results: Iterable[DayResult]) -> Table:
    """List what each model did and earned on each day."""
    table = _table(["date", "model"], ["value", "profit", "return", "since start"], ["trades"])
    for day in results:
        table.add_row(
            day.date,
            plain(f"{day.model} (replaced)" if day.superseded_by_job_id else day.model),
            money(day.daily_pnl.portfolio_value),
            signed(day.daily_pnl.profit),
            percent(day.daily_pnl.return_pct),
            percent(day.cumulative_return_pct),
            _orders(day),
        )
    return table


def timeseries_table(points: Sequence[TimeseriesPoint]) -> Table:
    """List the last values of a portfolio."""
    table = _table(["date"], ["value", "cash", "profit", "return", "since start"])
    for point in points[-LAST_VALUES:]:
        table.add_row(
            point.date,
            money(point.portfolio_value),
            money(point.cash),
            signed(point.daily_profit),
            percent(point.daily_return_pct),
            percent(point.cumulative_return_pct),
        )
    return table


def jobs_table(jobs: Iterable[Job]) -> Table:
    """List jobs."""
    table = _table(["job", "status", "experiment", "config"], ["done", "failed"], ["created"], ["took"])
    for job in jobs:
        progress = job.progress
        done = progress.completed + progress.failed + progress.skipped + progress.cancelled
        table.add_row(
            job.job_id,
            status_word(job.status),
            job.experiment,
            plain(job.config_path),
            f"{done}/{progress.total_model_days}",
            str(progress.failed),
            moment(job.created_time),
            duration(job.total_duration_seconds) if job.HasField("total_duration_seconds") else "",
        )
    return table


def _table(*groups: Sequence[str]) -> Table:
    """Make a table from groups of column names: texts and figures in turn, beginning with texts."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for index, names in enumerate(groups):
        for name in names:
            is_figure = index % 2 == 1
            whole = is_figure or name in WHOLE
            table.add_column(name, justify="right" if is_figure else "left", overflow="fold", no_wrap=whole)
    return table


def _orders(day: DayResult) -> str:
    """Tell splits and dividends, which come before the day's orders, and the first trades."""
    told = [effect_text(effect) for effect in day.corporate_actions]
    told += [trade_text(trade) for trade in day.trades[:MAX_TRADES]]
    more = len(day.trades) - MAX_TRADES
    return ", ".join([*told, f"and {more} more"] if more > 0 else told)

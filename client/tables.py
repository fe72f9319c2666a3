"""Messages as tables for people; sentences are in `sentences.py`, the moving picture in `progress.py`."""

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from aitrader.v1.job_pb2 import Job
from aitrader.v1.portfolio_pb2 import DayResult, LeaderboardEntry, TimeseriesPoint, Trade

from .sparkline import sparkline
from .tally import Tally
from .text import duration, moment, money, percent, plain, share_list, signed
from .words import action_word, status_word

#: values below a chart
LAST_VALUES = 5


def models_table(tally: Tally) -> Table:
    """Tell how far each model is."""
    table = _table(["model"], ["done", "failed", "of"], ["now at"])
    for name, model in tally.models.items():
        table.add_row(plain(name), str(model.done), str(model.failed), str(model.total), model.date)
    return table


def leaderboard_table(entries: Iterable[LeaderboardEntry]) -> Table:
    """Rank the portfolios, each with its equity curve."""
    table = _table([], ["rank"], ["model"], ["value", "profit", "return"], ["curve"], ["days"], ["date"])
    for entry in entries:
        table.add_row(
            str(entry.rank),
            plain(entry.model),
            money(entry.portfolio_value),
            signed(entry.cumulative_profit),
            percent(entry.cumulative_return_pct),
            sparkline(entry.curve),
            str(entry.trading_days),
            entry.date,
        )
    return table


def results_table(results: Iterable[DayResult]) -> Table:
    """List what each model did and earned on each day."""
    figures = ["value", "profit", "return", "since start", "cash"]
    table = _table(["date", "model"], figures, ["holds", "trades"])
    for day in results:
        table.add_row(
            day.date,
            plain(day.model),
            money(day.daily_pnl.portfolio_value),
            signed(day.daily_pnl.profit),
            percent(day.daily_pnl.return_pct),
            percent(day.cumulative_return_pct),
            money(day.cash),
            share_list(day.positions),
            ", ".join(_trade(trade) for trade in day.trades),
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
    table = _table(["job", "status", "experiment", "config"], ["models", "done", "failed", "of"], ["created", "took"])
    for job in jobs:
        progress = job.progress
        table.add_row(
            job.job_id,
            status_word(job.status),
            job.experiment,
            plain(job.config_path),
            str(len(job.models)),
            str(progress.completed + progress.failed + progress.skipped + progress.cancelled),
            str(progress.failed),
            str(progress.total_model_days),
            moment(job.created_time),
            duration(job.total_duration_seconds) if job.HasField("total_duration_seconds") else "",
        )
    return table


def _table(*groups: Sequence[str]) -> Table:
    """Make a table from groups of column names: texts and figures in turn, beginning with texts."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, names in enumerate(groups):
        for name in names:
            table.add_column(name, justify="right" if index % 2 else "left", overflow="fold")
    return table


def _trade(trade: Trade) -> str:
    return f"{action_word(trade.action)} {trade.amount} {plain(trade.symbol)} at {money(trade.price)}"

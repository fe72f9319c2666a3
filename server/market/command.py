"""The commands `ai-trader-server prices …`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from server.market.action_command import actions
from server.market.calendar import DEFAULT_CALENDAR, load_calendar
from server.market.errors import CalendarError, UnknownCalendarError
from server.market.import_report import REFUSALS_SHOWN
from server.market.options import db_option, json_option, with_database
from server.market.price_import import import_prices
from server.market.synthetic import SyntheticMarket, write_csv
from storage.prices import SymbolCoverage, coverage


@click.group()
def prices() -> None:
    """Import prices, see which there are, make up some."""


prices.add_command(actions)


@prices.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--symbols", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Number of symbols.")
@click.option("--days", type=click.IntRange(1, 25_000), default=252, show_default=True, help="Number of weekdays.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed, the same prices.")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), default="2025-01-01", show_default=True, help="First date.")
def generate(path: Path, symbols: int, days: int, seed: int, start: datetime) -> None:
    """Write a made-up market to PATH, a CSV file."""
    market = SyntheticMarket(symbols=symbols, days=days, seed=seed, start=start.date())
    try:
        write_csv(market, path)
    except (OSError, OverflowError) as error:
        raise click.ClickException(f"'{path}' could not be written: {error}") from error
    click.echo(f"{symbols:,} symbols, {days:,} dates: {path}")


@prices.command("import")
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="PATH...")
@db_option
@json_option
@click.option("--verbose", is_flag=True, help=f"Print every refusal, not the first {REFUSALS_SHOWN}.")
@click.option("--adjusted", is_flag=True, help="The prices are adjusted for splits or dividends.")
def import_(paths: tuple[Path, ...], db_path: Path, *, as_json: bool, verbose: bool, adjusted: bool) -> None:
    """Import price files, or all of a folder: merged.jsonl, Alpha Vantage's daily JSON, CSV.

    What is bad in them is reported and stops nothing that is good. Symbols whose prices are adjusted cannot be traded
    where corporate actions of theirs are stored.
    """
    for path in paths:
        if not path.exists():
            raise click.ClickException(f"path '{path}' was not found")
    report = with_database(db_path, lambda db: import_prices(db, paths, datetime.now(UTC), adjusted=adjusted))
    if as_json:
        click.echo(json.dumps(report.as_json()))
    else:
        click.echo("\n".join(report.lines(None if verbose else REFUSALS_SHOWN)))
    if not report.bars:
        raise click.ClickException("no bar could be read")


@prices.command("coverage")
@db_option
@json_option
@click.option("--calendar", default=DEFAULT_CALENDAR, show_default=True, help="Exchange whose trading days count.")
def coverage_(db_path: Path, calendar: str, *, as_json: bool) -> None:
    """Print which symbols have prices for which dates.

    A gap is a trading day without a bar; closed is a bar on a day that is none. Where the calendar cannot be told,
    days on which any symbol has a bar count as trading days.
    """
    if not db_path.exists():
        raise click.ClickException(f"database '{db_path}' was not found")
    days = _trading_days(calendar)
    rows = with_database(db_path, lambda db: coverage(db, days))
    if as_json:
        click.echo(json.dumps(_coverage_json(rows)))
    elif not rows:
        click.echo("no prices")
    else:
        Console().print(_coverage_table(rows))
        click.echo(_summary(rows))


def _trading_days(calendar: str) -> tuple[str, ...]:
    try:
        return load_calendar(calendar, datetime.now(UTC).date()).days
    except UnknownCalendarError as error:
        raise click.BadParameter(str(error), param_hint="--calendar") from error
    except CalendarError as error:
        click.echo(f"Warning: {error}", err=True)
        return ()


def _coverage_table(rows: list[SymbolCoverage]) -> Table:
    table = Table("symbol", "first", "last")
    table.add_column("bars", justify="right")
    table.add_column("gaps", justify="right")
    table.add_column("closed", justify="right")
    for row in rows:
        table.add_row(row.symbol, row.first, row.last, f"{row.bars:,}", f"{len(row.missing):,}", f"{len(row.closed):,}")
    return table


def _summary(rows: list[SymbolCoverage]) -> str:
    bars, gaps = sum(row.bars for row in rows), sum(len(row.missing) for row in rows)
    first, last = min(row.first for row in rows), max(row.last for row in rows)
    return f"{len(rows):,} symbols, {bars:,} bars, {first} to {last}, {gaps:,} gaps"


def _coverage_json(rows: list[SymbolCoverage]) -> dict[str, Any]:
    symbols = [
        {
            "symbol": row.symbol,
            "first": row.first,
            "last": row.last,
            "bars": row.bars,
            "missing": list(row.missing),
            "closed": list(row.closed),
        }
        for row in rows
    ]
    return {"symbols": symbols}

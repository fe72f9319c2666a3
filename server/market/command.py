"""The commands `ai-trader-server prices …`."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from server.market.action_command import actions
from server.market.calendar import DEFAULT_CALENDAR, load_calendar
from server.market.coverage_report import coverage_json, coverage_lines, coverage_table
from server.market.errors import CalendarError, UnknownCalendarError
from server.market.import_report import REFUSALS_SHOWN
from server.market.options import db_option, json_option, with_database
from server.market.price_import import import_prices
from server.market.revalue_command import revalue
from server.market.synthetic import SyntheticMarket, write_csv
from server.market.update_command import update
from storage.price_coverage import coverage


@click.group()
def prices() -> None:
    """Import prices, see which there are, make up some, value what was stored anew."""


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

    A gap is a trading day without a bar; closed is a bar on a day that is none; a jump is a price far from the one
    before; revised are bars that others replaced. Where the calendar cannot be told, days on which any symbol has a
    bar count as trading days.
    """
    if not db_path.exists():
        raise click.ClickException(f"database '{db_path}' was not found")
    days = _trading_days(calendar)
    rows = with_database(db_path, lambda db: coverage(db, days))
    if as_json:
        click.echo(json.dumps(coverage_json(rows)))
    elif not rows:
        click.echo("no prices")
    else:
        Console().print(coverage_table(rows))
        click.echo("\n".join(coverage_lines(rows)))


prices.add_command(update)
prices.add_command(revalue)


def _trading_days(calendar: str) -> tuple[str, ...]:
    try:
        return load_calendar(calendar, datetime.now(UTC).date()).days
    except UnknownCalendarError as error:
        raise click.BadParameter(str(error), param_hint="--calendar") from error
    except CalendarError as error:
        click.echo(f"Warning: {error}", err=True)
        return ()

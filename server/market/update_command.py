"""The command `ai-trader-server prices update`."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from peewee import SqliteDatabase
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from server.market.bar_text import parse_symbol
from server.market.calendar import DEFAULT_CALENDAR, load_calendar
from server.market.errors import BarRefusedError, CalendarError
from server.market.price_update import Lack, UpdateReport, find_lacks, update_prices, usual_range
from server.market.providers.choice import PROVIDERS, make_provider
from server.market.providers.provider import Provider, ProviderClosedError
from server.settings import SettingsError, load_settings
from storage.database import open_database
from storage.errors import StorageError
from storage.price_coverage import stored_symbols

DATE = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--symbols", help="Symbols with commas between; by default all that have prices.")
@click.option("--start", type=DATE, help="First date; by default the first with prices.")
@click.option("--end", type=DATE, help="Last date; by default yesterday (UTC), as today may not be over.")
@click.option("--provider", type=click.Choice(PROVIDERS), help="Default: AITRADER_PRICE_PROVIDER.")
@click.option("--calendar", default=DEFAULT_CALENDAR, show_default=True, help="Exchange whose trading days count.")
@click.option("--db", "db_path", type=click.Path(dir_okay=False, path_type=Path), help="Database file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def update(
    symbols: str | None,
    start: datetime | None,
    end: datetime | None,
    provider: str | None,
    calendar: str,
    db_path: Path | None,
    *,
    as_json: bool,
) -> None:
    """Download the bars that are missing; symbols that lack none are not asked for.

    What could not be had is told, and the exit code is 1 when nothing could.
    """
    try:
        settings = load_settings(db=db_path, price_provider=provider)
        db = open_database(settings.db)
        try:
            vendor = make_provider(settings, db)
            first, last = _range(db, start, end)
            days = load_calendar(calendar, datetime.now(UTC).date()).between(first, last)
            lacks = find_lacks(db, _symbols(db, symbols), days)
            report = _update(db, vendor, lacks)
        finally:
            db.close()
    except (SettingsError, StorageError, CalendarError, ProviderClosedError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps(report.as_json()) if as_json else "\n".join(report.lines()))
    if report.not_had and not report.added + report.changed:
        raise click.ClickException("nothing could be had")


def _symbols(db: SqliteDatabase, asked: str | None) -> Sequence[str]:
    if asked is None:
        symbols = stored_symbols(db)
        if not symbols:
            raise click.ClickException("there are no prices yet: name --symbols")
        return symbols
    try:
        return [parse_symbol(symbol.strip()) for symbol in asked.split(",")]
    except BarRefusedError as error:
        raise click.BadParameter(str(error), param_hint="--symbols") from error


def _range(db: SqliteDatabase, start: datetime | None, end: datetime | None) -> tuple[str, str]:
    first, last = usual_range(db, datetime.now(UTC).date())
    first = f"{start:%Y-%m-%d}" if start else first
    last = f"{end:%Y-%m-%d}" if end else last
    if last < first:
        raise click.BadParameter(f"{last} is before {first}", param_hint="--end")
    return first, last


def _update(db: SqliteDatabase, provider: Provider, lacks: Sequence[Lack]) -> UpdateReport:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("symbols", total=len(lacks))
        return update_prices(db, provider, lacks, lambda: datetime.now(UTC), lambda _: progress.advance(bar))

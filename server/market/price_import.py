"""Importing price files into the database."""

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path

from peewee import SqliteDatabase

from server.market.found import file_name
from server.market.gathering import Gathering
from server.market.import_report import ImportReport
from server.market.price_file import read_prices
from storage.corporate_actions import mark_adjusted
from storage.price_coverage import PriceJump, price_jumps
from storage.prices import import_bars


def import_prices(db: SqliteDatabase, paths: Sequence[Path], now: datetime, *, adjusted: bool = False) -> ImportReport:
    """Import price files and folders of them; what is bad in them is reported and stops nothing that is good.

    The symbols of prices that are `adjusted` for corporate actions are marked as such.

    Raises:
        StorageBusyError: another process kept the database locked; nothing was imported.
    """
    gathering = Gathering()
    source = ", ".join(file_name(path) for path in paths)
    bars = gathering.bars(chain.from_iterable(map(read_prices, paths)))

    def mark() -> None:
        if adjusted and gathering.symbols:
            mark_adjusted(db, list(gathering.symbols), source, now)

    counts = import_bars(db, source, bars, gathering.refused, now, mark)
    return ImportReport(
        symbols=len(gathering.symbols),
        dates=len(gathering.dates),
        first=min(gathering.dates, default=""),
        last=max(gathering.dates, default=""),
        added=counts.added,
        changed=counts.changed,
        unchanged=counts.unchanged,
        refused=tuple(gathering.refused),
        jumps=tuple(_jumps(db, gathering.symbols)) if counts.added or counts.changed else (),
    )


def _jumps(db: SqliteDatabase, symbols: Mapping[str, Container[str]]) -> Iterator[PriceJump]:
    """Yield the jumps on the dates that an import read."""
    for jump in price_jumps(db, min(symbols), max(symbols)):
        if jump.date in symbols.get(jump.symbol, ()):
            yield jump

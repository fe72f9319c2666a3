"""Importing price files into the database."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from peewee import SqliteDatabase

from server.market.found import Found, PlacedBar, Refusal, file_name
from server.market.import_report import ImportReport
from server.market.price_file import read_prices
from storage.corporate_actions import mark_adjusted
from storage.price_coverage import PriceJump, price_jumps
from storage.prices import BarRow, import_bars

#: of a bar seen before, what is needed to compare it: the open, and a hash of the rest (None: only an open so far).
#: The bar itself would take 600 bytes, which ten years of 500 symbols make a gigabyte of
Seen: TypeAlias = tuple[Decimal, int | None]


class _Gathering:
    """Bars of an import on their way to storage; keeps the refusals and sees to it that no bar comes twice."""

    def __init__(self) -> None:
        self.refused: list[Refusal] = []
        self.dates: set[str] = set()
        self.symbols: dict[str, dict[str, Seen]] = {}

    def bars(self, found: Iterable[Found]) -> Iterator[BarRow]:
        """Yield the good bars; of a symbol and date the first, and a whole bar after its open."""
        for one in found:
            if isinstance(one, Refusal):
                self.refused.append(one)
            elif self._is_new(one):
                yield one.bar

    def _is_new(self, placed: PlacedBar) -> bool:
        bar = placed.bar
        rest = None if bar.close is None else hash((bar.high, bar.low, bar.close, bar.volume))
        dates = self.symbols.setdefault(bar.symbol, {})
        before = dates.get(bar.date)
        if before is None:
            self.dates.add(bar.date)
        elif not _agree(before, (bar.open, rest)):
            self._refuse(placed)
            return False
        elif rest is None or before[1] is not None:
            return False
        dates[bar.date] = bar.open, rest
        return True

    def _refuse(self, placed: PlacedBar) -> None:
        bar = placed.bar
        reason = "the same symbol and date came earlier with other values"
        self.refused.append(
            Refusal(file=placed.file, line=placed.line, symbol=bar.symbol, date=bar.date, reason=reason)
        )


def _agree(one: Seen, other: Seen) -> bool:
    return one[0] == other[0] and (one[1] is None or other[1] is None or one[1] == other[1])


def import_prices(db: SqliteDatabase, paths: Sequence[Path], now: datetime, *, adjusted: bool = False) -> ImportReport:
    """Import price files and folders of them; what is bad in them is reported and stops nothing that is good.

    The symbols of prices that are `adjusted` for corporate actions are marked as such.

    Raises:
        StorageBusyError: another process kept the database locked; nothing was imported.
    """
    gathering = _Gathering()
    source = ", ".join(file_name(path) for path in paths)
    bars = gathering.bars(chain.from_iterable(map(read_prices, paths)))
    counts = import_bars(db, source, bars, gathering.refused, now)
    if adjusted and gathering.symbols:
        mark_adjusted(db, list(gathering.symbols), source, now)
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

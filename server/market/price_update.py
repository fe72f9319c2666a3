"""Downloading the bars that are missing, and only those symbols that lack any."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from peewee import SqliteDatabase

from server.market.coverage_report import jump_lines, jumps_json
from server.market.found import PlacedBar, Refusal
from server.market.providers.provider import Provider, ProviderClosedError, ProviderError
from storage.price_coverage import PriceJump, price_jumps, whole_dates
from storage.prices import BarRow, import_bars


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Trading days on which a symbol has no whole bar, ascending and at least one."""

    symbol: str
    dates: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotHad:
    """What could not be had of a symbol, and why."""

    symbol: str
    dates: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        return f"{self.symbol}, {len(self.dates):,} dates from {self.dates[0]} to {self.dates[-1]}: {self.reason}"


@dataclass(slots=True, kw_only=True)
class UpdateReport:
    """What an update brought, filled while it runs."""

    asked: int = 0
    added: int = 0
    changed: int = 0
    refused: list[Refusal] = field(default_factory=list)
    jumps: list[PriceJump] = field(default_factory=list)
    not_had: list[NotHad] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Yield the report for people."""
        yield f"{self.asked:,} symbols asked for, {self.added:,} bars added, {self.changed:,} changed"
        yield from jump_lines(self.jumps)
        yield from (f"refused {refusal}" for refusal in self.refused)
        yield from (f"not had {one}" for one in self.not_had)

    def as_json(self) -> dict[str, Any]:
        """Return the report as values that JSON can hold."""
        return {
            "asked": self.asked,
            "added": self.added,
            "changed": self.changed,
            "refused": [str(refusal) for refusal in self.refused],
            "jumps": jumps_json(self.jumps),
            "not_had": [{"symbol": one.symbol, "dates": list(one.dates), "reason": one.reason} for one in self.not_had],
        }


def find_lacks(db: SqliteDatabase, symbols: Sequence[str], days: Sequence[str]) -> list[Lack]:
    """Return what symbols lack of some trading days, those that lack most first."""
    lacks = []
    for symbol in dict.fromkeys(symbols):
        own = whole_dates(db, symbol)
        dates = tuple(day for day in days if day not in own)
        if dates:
            lacks.append(Lack(symbol=symbol, dates=dates))
    return sorted(lacks, key=lambda lack: (-len(lack.dates), lack.symbol))


def update_prices(
    db: SqliteDatabase,
    provider: Provider,
    lacks: Sequence[Lack],
    clock: Callable[[], datetime],
    done: Callable[[], None] = lambda: None,
) -> UpdateReport:
    """Download what symbols lack, in order; bars of a symbol are stored before the next is asked for.

    `done` is called after each symbol. Bars that are there already and differ are replaced, and kept as revisions.

    Raises:
        StorageBusyError: another process kept the database locked.
    """
    report, closed = UpdateReport(), ""
    for lack in lacks:
        if not closed:
            try:
                _update_symbol(db, provider, lack, clock(), report)
            except ProviderClosedError as error:
                closed = str(error)
            except ProviderError as error:
                report.not_had.append(NotHad(symbol=lack.symbol, dates=lack.dates, reason=str(error)))
        if closed:
            report.not_had.append(NotHad(symbol=lack.symbol, dates=lack.dates, reason=closed))
        done()
    return report


def _update_symbol(db: SqliteDatabase, provider: Provider, lack: Lack, now: datetime, report: UpdateReport) -> None:
    report.asked += 1
    found = provider.daily(lack.symbol, lack.dates[0])
    refused = [one for one in found if isinstance(one, Refusal)]
    bars = [one.bar for one in found if isinstance(one, PlacedBar) and _is_wanted(one.bar, lack)]
    counts = import_bars(db, provider.name, bars, refused, now)
    report.added += counts.added
    report.changed += counts.changed
    report.refused += refused
    had = {bar.date for bar in bars}
    report.jumps += [jump for jump in price_jumps(db, lack.symbol, lack.symbol) if jump.date in had]
    if left := tuple(date for date in lack.dates if date not in had):
        reason = f"{provider.name} has no bar"
        report.not_had.append(NotHad(symbol=lack.symbol, dates=left, reason=reason))


def _is_wanted(bar: BarRow, lack: Lack) -> bool:
    """Tell whether a bar lies within what is asked for; others would shift the coverage nobody asked to shift."""
    return bar.symbol == lack.symbol and lack.dates[0] <= bar.date <= lack.dates[-1]

"""Downloading the bars that are missing, and only those symbols that lack any."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from peewee import SqliteDatabase

from server.market.coverage_report import jump_lines, jumps_json
from server.market.found import PlacedBar, Refusal
from server.market.providers.provider import Provider, ProviderClosedError, ProviderError
from server.market.providers.token_bucket import Wait
from storage.corporate_actions import ActionCounts, ActionRow, import_actions, is_adjusted
from storage.price_coverage import PriceJump, price_jumps, whole_dates
from storage.prices import BarRow, import_bars, price_range

#: days back that a database without prices begins with: what a free key can have
FIRST_DAYS = 130

#: reasons, and symbols of each, that a warning shows; the rest is counted
SHOWN = 10


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
    actions: int = 0
    refused: list[Refusal] = field(default_factory=list)
    jumps: list[PriceJump] = field(default_factory=list)
    not_had: list[NotHad] = field(default_factory=list)

    @property
    def counts(self) -> str:
        """What was asked for and came, in one line."""
        actions = f", {self.actions:,} corporate actions" if self.actions else ""
        return f"{self.asked:,} symbols asked for, {self.added:,} bars added, {self.changed:,} changed{actions}"

    def lines(self) -> Iterator[str]:
        """Yield the report for people."""
        yield self.counts
        yield from jump_lines(self.jumps)
        yield from (f"refused {refusal}" for refusal in self.refused)
        yield from (f"not had {one}" for one in self.not_had)

    def warnings(self) -> Iterator[str]:
        """Yield what a job that goes on without it has to know, in a few lines."""
        reasons = dict[str, list[str]]()
        for one in self.not_had:
            reasons.setdefault(one.reason, []).append(one.symbol)
        for reason, symbols in list(reasons.items())[:SHOWN]:
            more = f" and {len(symbols) - SHOWN} more" if len(symbols) > SHOWN else ""
            yield f"prices of {', '.join(symbols[:SHOWN])}{more} could not be had: {reason}"
        if rest := sum(len(symbols) for symbols in list(reasons.values())[SHOWN:]):
            yield f"prices of {rest} more symbol(s) could not be had for other reasons"
        if self.refused:
            yield f"{len(self.refused)} downloaded bar(s) were refused, the first: {self.refused[0]}"
        yield from jump_lines(self.jumps)

    def as_json(self) -> dict[str, Any]:
        """Return the report as values that JSON can hold."""
        return {
            "asked": self.asked,
            "added": self.added,
            "changed": self.changed,
            "corporate_actions": self.actions,
            "refused": [str(refusal) for refusal in self.refused],
            "jumps": jumps_json(self.jumps),
            "not_had": [{"symbol": one.symbol, "dates": list(one.dates), "reason": one.reason} for one in self.not_had],
        }


def usual_range(db: SqliteDatabase, today: date) -> tuple[str, str]:
    """Return the first date with prices, and the day before today (UTC), which may not be over."""
    first = price_range(db).first or (today - timedelta(days=FIRST_DAYS)).isoformat()
    return first, (today - timedelta(days=1)).isoformat()


def find_lacks(db: SqliteDatabase, symbols: Sequence[str], days: Sequence[str]) -> list[Lack]:
    """Return what symbols lack of some trading days, those that lack most first, among equals in their order."""
    lacks = []
    for symbol in dict.fromkeys(symbols):
        own = whole_dates(db, symbol)
        dates = tuple(day for day in days if day not in own)
        if dates:
            lacks.append(Lack(symbol=symbol, dates=dates))
    return sorted(lacks, key=lambda lack: -len(lack.dates))


def update_prices(
    db: SqliteDatabase,
    provider: Provider,
    lacks: Sequence[Lack],
    clock: Callable[[], datetime],
    done: Callable[[UpdateReport], None] = lambda _: None,
    wait: Wait = time.sleep,
) -> UpdateReport:
    """Download what symbols lack, in order; bars of a symbol are stored before the next is asked for.

    `done` is called with what there is after each symbol; `wait` is called before each, so that it can end the
    download. Bars that are there already and differ are replaced, and kept as revisions.

    Raises:
        StorageBusyError: another process kept the database locked.
    """
    report, closed = UpdateReport(), ""
    for lack in lacks:
        if not closed:
            try:
                wait(0)
                _update_symbol(db, provider, lack, clock(), report)
            except ProviderClosedError as error:
                closed = str(error)
            except ProviderError as error:
                report.not_had.append(NotHad(symbol=lack.symbol, dates=lack.dates, reason=str(error)))
        if closed:
            report.not_had.append(NotHad(symbol=lack.symbol, dates=lack.dates, reason=closed))
        done(report)
    return report


def _update_symbol(db: SqliteDatabase, provider: Provider, lack: Lack, now: datetime, report: UpdateReport) -> None:
    if is_adjusted(db, lack.symbol):
        raise ProviderError("its stored prices are adjusted, and those to be had are not")
    report.asked += 1
    daily = provider.daily(lack.symbol, lack.dates[0])
    refused = [one for one in daily.found if isinstance(one, Refusal)]
    bars = [one.bar for one in daily.found if isinstance(one, PlacedBar) and _is_wanted(one.bar, lack)]
    actions = [action for action in daily.actions if lack.dates[0] <= action.ex_date <= lack.dates[-1]]
    stored = list[ActionCounts]()
    counts = import_bars(
        db, provider.name, bars, refused, now, lambda: stored.append(_store_actions(db, provider.name, actions, now))
    )
    report.added += counts.added
    report.changed += counts.changed
    report.actions += stored[-1].added
    report.refused += [*refused, *(_contradiction(provider.name, row) for row in stored[-1].differing)]
    had = {bar.date for bar in bars}
    report.jumps += [jump for jump in price_jumps(db, lack.symbol, lack.symbol) if jump.date in had]
    if left := tuple(date for date in lack.dates if date not in had):
        reason = f"{provider.name} has no bar"
        report.not_had.append(NotHad(symbol=lack.symbol, dates=left, reason=reason))


def _store_actions(db: SqliteDatabase, name: str, actions: Sequence[ActionRow], now: datetime) -> ActionCounts:
    """Store the actions of a symbol, but for dividends that contradict stored ones.

    Raises:
        ProviderError: a split contradicts a stored one, so the bars around it are not what portfolios stand on.
    """
    counts = import_actions(db, name, actions, now)
    for row in counts.differing:
        if row.kind == "split":
            raise ProviderError(
                f"the split {row.numerator}:{row.denominator} of {row.ex_date} contradicts a stored one"
            )
    if not counts.differing:
        return counts
    agreed = [action for action in actions if action not in counts.differing]
    return replace(import_actions(db, name, agreed, now), differing=counts.differing)


def _contradiction(name: str, row: ActionRow) -> Refusal:
    reason = f"{row.kind} contradicts the one that is stored, which stays"
    return Refusal(file=name, symbol=row.symbol, date=row.ex_date, reason=reason)


def _is_wanted(bar: BarRow, lack: Lack) -> bool:
    """Tell whether a bar lies within what is asked for; others would shift the coverage nobody asked to shift."""
    return bar.symbol == lack.symbol and lack.dates[0] <= bar.date <= lack.dates[-1]

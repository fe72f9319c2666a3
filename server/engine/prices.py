"""Prices as columns: what the market looks like to the engine. Nothing here reads files or databases.

The columns hold the *whole* history, the future included. Only `server.engine.market_view` may hand prices to a
trader; valuation at the close, which happens after the trader is done, reads the columns directly.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from server.engine.corporate_action import ActionKind, CorporateAction
from server.engine.money import from_micros

Micros: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Prices (dollars per share) and volume (shares) of one symbol on one date."""

    symbol: str
    date: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PriceTable:
    """Bars of all symbols and dates as integer columns.

    The columns have the shape (dates, symbols) and hold micros of a dollar (`volume`: shares); 0 says that there is
    no such price. `dates` (`YYYY-MM-DD`) and `symbols` ascend. Prices are raw: `actions` tell what happened to shares.
    """

    symbols: tuple[str, ...]
    dates: tuple[str, ...]
    open: Micros
    high: Micros
    low: Micros
    close: Micros
    volume: Micros
    digest: str = ""
    actions: tuple[CorporateAction, ...] = ()
    symbol_index: Mapping[str, int] = field(init=False)
    date_index: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbol_index", {symbol: i for i, symbol in enumerate(self.symbols)})
        object.__setattr__(self, "date_index", {date: i for i, date in enumerate(self.dates)})
        for column in (self.open, self.high, self.low, self.close, self.volume):
            if column.shape != (len(self.dates), len(self.symbols)):
                raise ValueError(f"a price column had the shape {column.shape}, not (dates, symbols)")
            column.flags.writeable = False

    @cached_property
    def trading_dates(self) -> tuple[str, ...]:
        """The dates on which at least one symbol has a closing price: those that can be valued."""
        return tuple(date for date, traded in zip(self.dates, np.any(self.close, axis=1), strict=True) if traded)

    @cached_property
    def known_from(self) -> npt.NDArray[np.int64]:
        """By column, the first row at whose open a price of the symbol is known; beyond the rows when there is none.

        An open is known on its own date, a close from the next one on.
        """
        return np.minimum(_first_row(self.open), _first_row(self.close) + 1)

    def trading_dates_between(self, first: str, last: str) -> tuple[str, ...]:
        """Return the trading dates from `first` to `last`, both included."""
        dates = self.trading_dates
        return dates[bisect_left(dates, first) : bisect_right(dates, last)]

    def latest_close(self, symbol: str, date: str) -> Decimal | None:
        """Return the close of `symbol` on `date` or, without one, its latest earlier close; None when there is none.

        An earlier close is told per share as of `date`, splits since then taken into account.
        """
        column = self.symbol_index.get(symbol)
        if column is None:
            return None
        for i in range(bisect_right(self.dates, date) - 1, -1, -1):
            if close := int(self.close[i, column]):
                return self.after_splits(symbol, from_micros(close), self.dates[i], date)
        return None

    def actions_between(self, after: str, until: str) -> tuple[CorporateAction, ...]:
        """Return the corporate actions after a date and up to another, in order."""
        dates = self._ex_dates
        return self._in_order[bisect_right(dates, after) : bisect_right(dates, until)]

    @cached_property
    def _in_order(self) -> tuple[CorporateAction, ...]:
        return tuple(sorted(self.actions, key=lambda action: action.order))

    @cached_property
    def _ex_dates(self) -> list[str]:
        return [action.ex_date for action in self._in_order]

    @cached_property
    def splits(self) -> Mapping[str, tuple[CorporateAction, ...]]:
        """The splits of the symbols that have any, in order."""
        found: dict[str, tuple[CorporateAction, ...]] = {}
        for action in self._in_order:
            if action.kind is ActionKind.SPLIT:
                found[action.symbol] = (*found.get(action.symbol, ()), action)
        return found

    def after_splits(self, symbol: str, price: Decimal, after: str, until: str) -> Decimal:
        """Return what a price of one date is worth per share on a later one."""
        for split in self.splits.get(symbol, ()):
            if after < split.ex_date <= until:
                price = split.adjusted(price)
        return price


def _first_row(column: Micros) -> npt.NDArray[np.int64]:
    priced = column != 0
    return np.where(priced.any(axis=0), priced.argmax(axis=0), len(column) + 1)

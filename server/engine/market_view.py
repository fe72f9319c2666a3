"""The market view: the only window on prices that a trader gets.

A view is made for one decision, at the open of one date. It holds the bars of earlier dates and the opens of the date
itself. It cannot return anything later, and a refusal says the same whether the market traded on the later date or
not, so that not even the calendar of the future shows through.
"""

from bisect import bisect_left
from collections.abc import Container, Iterable
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from server.engine.corporate_action import CorporateAction
from server.engine.money import MICROS, from_micros
from server.engine.prices import Bar, Micros, PriceTable


class NotYetKnownError(LookupError):
    """A price was asked for that is not known at the decision time."""

    def __init__(self, date: str, asked: str) -> None:
        super().__init__(f"prices of {asked} are not known at the open of {date}")
        self.date = date
        self.asked = asked


class MarketView:
    """Prices known at the open of `date`.

    Raises:
        LookupError: `date` is not among the dates of the table.
    """

    def __init__(self, prices: PriceTable, date: str, universe: Iterable[str] | None = None) -> None:
        row = prices.date_index.get(date)
        if row is None:
            raise LookupError(f"there are no prices for {date}")
        self.date = date
        self._dates = prices.dates[:row]
        self._columns = _columns(prices, row, universe)
        self._symbols = prices.symbols
        self._index = prices.symbol_index
        if self._columns is not None:
            self._symbols = tuple(prices.symbols[i] for i in self._columns)
            self._index = dict(zip(self._symbols, self._columns, strict=True))
        self._prices = prices
        self._today = prices.open[row]
        self._opens: dict[str, Decimal | None] = {}
        self._open = prices.open[:row]
        self._high = prices.high[:row]
        self._low = prices.low[:row]
        self._close = prices.close[:row]
        self._volume = prices.volume[:row]

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the universe that are known by now, ascending; one that is listed later does not show yet."""
        return self._symbols

    @property
    def dates(self) -> tuple[str, ...]:
        """Dates before the decision, ascending."""
        return self._dates

    def knows(self, symbol: str) -> bool:
        """Tell whether any bar of `symbol`, or its open of the date, is known."""
        return symbol in self._index

    def open(self, symbol: str) -> Decimal | None:
        """Return the open of `symbol` on the date of the decision, in dollars; None when it has none."""
        if symbol not in self._opens:  # each is asked for several times a day
            column = self._index.get(symbol)
            price = 0 if column is None else int(self._today[column])
            self._opens[symbol] = from_micros(price) if price else None
        return self._opens[symbol]

    def bar(self, symbol: str, date: str) -> Bar | None:
        """Return the bar of `symbol` on an earlier date; None when it has none.

        Raises:
            NotYetKnownError: `date` is the date of the decision or a later one.
        """
        if date >= self.date:
            raise NotYetKnownError(self.date, date)
        row = bisect_left(self._dates, date)
        column = self._index.get(symbol)
        if column is None or row == len(self._dates) or self._dates[row] != date or not self._close[row, column]:
            return None
        return Bar(
            symbol=symbol,
            date=date,
            open=from_micros(self._open[row, column]),
            high=from_micros(self._high[row, column]),
            low=from_micros(self._low[row, column]),
            close=from_micros(self._close[row, column]),
            volume=int(self._volume[row, column]),
        )

    def mark(self, symbol: str) -> Decimal | None:
        """Return what a share is worth now: its open of the date or, without one, its latest earlier close."""
        price = self.open(symbol)
        if price is not None:
            return price
        column = self._index.get(symbol)
        if column is None:
            return None
        known = np.flatnonzero(self._close[:, column])
        if not known.size:
            return None
        close = from_micros(self._close[known[-1], column])
        return self._prices.after_splits(symbol, close, self._dates[known[-1]], self.date)

    def actions(self, symbols: Container[str] | None = None, after: str = "") -> tuple[CorporateAction, ...]:
        """Return the corporate actions of some symbols after a date that are known by now, in order."""
        return tuple(
            action
            for action in self._prices.actions_between(after, self.date)
            if self.knows(action.symbol) and (symbols is None or action.symbol in symbols)
        )

    def average_volume(self, symbol: str, days: int) -> Decimal:
        """Return the shares traded a day on the last `days` dates before the decision with a bar; 0 without any.

        Shares are those of the date, after the splits known by now.
        """
        column = self._index.get(symbol)
        if column is None:
            return Decimal(0)
        known = np.flatnonzero(self._close[:, column])[-days:]
        volumes = [Decimal(int(volume)) for volume in self._volume[known, column]]
        for split in self._prices.splits.get(symbol, ()):
            if split.ex_date <= self.date:
                before = sum(self._dates[row] < split.ex_date for row in known)
                volumes[:before] = [volume * split.numerator / split.denominator for volume in volumes[:before]]
        return sum(volumes, Decimal(0)) / len(volumes) if volumes else Decimal(0)

    def opens(self) -> npt.NDArray[np.float64]:
        """Return the opens of the date in dollars, by the order of `symbols`; NaN where there is none."""
        return _dollars(_cut(self._today, self._columns))

    def closes(self, days: int) -> npt.NDArray[np.float64]:
        """Return the closes of the last `days` dates before the decision, in dollars.

        The shape is (dates, symbols), oldest first, with fewer rows when fewer are known; NaN where there is none.
        """
        return _dollars(_cut(self._close[max(0, len(self._dates) - days) :], self._columns))


def _columns(prices: PriceTable, row: int, universe: Iterable[str] | None) -> list[int] | None:
    """Return the columns of the symbols that are asked for and known; None when that is all of them."""
    known = prices.known_from <= row
    if universe is None:
        return None if known.all() else [int(i) for i in np.flatnonzero(known)]
    asked = {prices.symbol_index[symbol] for symbol in universe if symbol in prices.symbol_index}
    return sorted(i for i in asked if known[i])


def _cut(column: Micros, columns: list[int] | None) -> Micros:
    """Return the columns asked for; the column itself, without a copy, when that is all of them."""
    return column if columns is None else column.take(columns, axis=-1)


def _dollars(column: Micros) -> npt.NDArray[np.float64]:
    dollars = column / MICROS
    dollars[column == 0] = np.nan
    return dollars

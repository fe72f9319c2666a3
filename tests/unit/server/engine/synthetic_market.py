"""Price tables for tests: small ones written out, larger ones drawn from a seed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from server.engine.money import MICROS
from server.engine.prices import Micros, PriceTable

#: as `date.weekday` counts
SATURDAY = 5

#: open and close in dollars; 0 where there is none
Quotes: TypeAlias = Mapping[str, Sequence[tuple[float, float]]]


def written_market(dates: Sequence[str], quotes: Quotes) -> PriceTable:
    """Make a table from quotes by symbol, one for each date; highs and lows are the larger and smaller of the two."""
    symbols = tuple(sorted(quotes))
    dollars = np.array([[quotes[symbol][row] for symbol in symbols] for row in range(len(dates))])
    opens, closes = _micros(dollars[..., 0]), _micros(dollars[..., 1])
    return PriceTable(
        symbols=symbols,
        dates=tuple(dates),
        open=opens,
        high=np.maximum(opens, closes),
        low=np.minimum(opens, closes),
        close=closes,
        volume=np.where(closes > 0, 1000, 0),
    )


def drawn_market(*, symbols: int, dates: int, seed: int, missing: float = 0.0) -> PriceTable:
    """Make a table of random walks on a grid of cents; `missing` is the share of bars that are not there."""
    generator = np.random.default_rng(seed)
    shape = dates, symbols
    steps = generator.normal(0.0, 0.03, shape)
    closes = generator.uniform(5.0, 400.0, symbols) * np.exp(np.cumsum(steps, axis=0))
    opens = closes * np.exp(generator.normal(0.0, 0.01, shape))
    there = generator.random(shape) >= missing
    columns = _columns(np.where(there, opens, 0.0), np.where(there, closes, 0.0))
    names = tuple(f"S{number:03}" for number in range(symbols))
    return PriceTable(symbols=names, dates=trading_dates(dates), **columns)


def with_other_future(prices: PriceTable, row: int, seed: int) -> PriceTable:
    """Change all that is not known at the open of a row: its high, low, close and volume, and every later row.

    Some later bars disappear, others appear.
    """
    generator = np.random.default_rng(seed)
    changed = {}
    for name in ("open", "high", "low", "close", "volume"):
        column = getattr(prices, name).copy()
        first = row + 1 if name == "open" else row
        later = column[first:]
        later[:] = generator.integers(1, 900 * MICROS, later.shape) * (generator.random(later.shape) < 0.9)
        changed[name] = column
    return replace(prices, **changed)


def trading_dates(count: int) -> tuple[str, ...]:
    """Return weekdays from 2025-01-01 on."""
    days = (date(2025, 1, 1) + timedelta(days=number) for number in range(2 * count + 7))
    return tuple(day.isoformat() for day in days if day.weekday() < SATURDAY)[:count]


def _columns(opens: npt.NDArray[np.float64], closes: npt.NDArray[np.float64]) -> dict[str, Micros]:
    first, last = _micros(opens.round(2)), _micros(closes.round(2))
    high, low = np.maximum(first, last), np.minimum(first, last)
    return {"open": first, "high": high, "low": low, "close": last, "volume": np.where(last > 0, 1000, 0)}


def _micros(dollars: npt.NDArray[np.float64]) -> Micros:
    return np.rint(dollars * MICROS).astype(np.int64)

"""A made-up market: a seeded random walk with a common factor, for demos and tests. Nothing in it ever happened.

Daily returns are normal: a market factor of 15 % a year, which each symbol follows by a factor of its own, and its own
noise. Opens gap from the previous close; highs and lows reach beyond both; volume grows with the size of the move.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from server.market.csv_file import COLUMNS

Cents = npt.NDArray[np.int64]

#: cents; the walk is held between one dollar and 100,000
LOWEST, HIGHEST = 100, 10_000_000

#: per day
MARKET_DRIFT, MARKET_VOLATILITY = 0.0004, 0.0095

#: per day; how far opens gap, and highs and lows reach
GAP, REACH = 0.004, 0.006

FRIDAY = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticMarket:
    """What a made-up market is made from; the same values make the same market."""

    symbols: int
    days: int
    seed: int
    start: date


def write_csv(market: SyntheticMarket, path: Path) -> None:
    """Write the market's bars as a CSV price file, by symbol and date."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_rows(market))


def _rows(market: SyntheticMarket) -> Iterator[tuple[str, ...]]:
    generator = np.random.default_rng(market.seed)
    dates = list(_weekdays(market.start, market.days))
    factor = generator.normal(MARKET_DRIFT, MARKET_VOLATILITY, market.days)
    width = max(3, len(str(market.symbols)))
    for number in range(1, market.symbols + 1):
        symbol = f"SYN{number:0{width}}"
        bars = _bars(generator, factor)
        for day, (open_, high, low, close, volume) in zip(dates, bars.tolist(), strict=True):
            yield symbol, day, _dollars(open_), _dollars(high), _dollars(low), _dollars(close), str(volume)


def _weekdays(start: date, days: int) -> Iterator[str]:
    day = start
    while days:
        if day.weekday() <= FRIDAY:
            yield day.isoformat()
            days -= 1
        day += timedelta(days=1)


def _bars(generator: np.random.Generator, factor: npt.NDArray[np.float64]) -> Cents:
    """Return a symbol's bars, a row per day: open, high, low, close in cents, volume in shares."""
    days = len(factor)
    first = np.exp(generator.uniform(np.log(1_500), np.log(60_000)))
    noise = generator.normal(0.0, generator.uniform(0.008, 0.025), days)
    returns = generator.uniform(0.6, 1.6) * factor + noise
    close = np.clip(first * np.exp(np.cumsum(returns)), LOWEST, HIGHEST)
    previous = np.concatenate(([first], close[:-1]))
    open_ = np.clip(previous * np.exp(generator.normal(0.0, GAP, days)), LOWEST, HIGHEST)
    high = np.maximum(open_, close) * np.exp(np.abs(generator.normal(0.0, REACH, days)))
    low = np.minimum(open_, close) * np.exp(-np.abs(generator.normal(0.0, REACH, days)))
    usual = np.exp(generator.uniform(np.log(1e6), np.log(5e7)))
    volume = usual * np.exp(generator.normal(0.0, 0.3, days)) * (1 + 10 * np.abs(returns))
    # rounding keeps the order, so high and low stay the outermost
    bars: Cents = np.rint(np.stack([open_, high, low, close, volume], axis=1)).astype(np.int64)
    return bars


def _dollars(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"

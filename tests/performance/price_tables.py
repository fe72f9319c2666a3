"""Prices in memory: loading a table from SQLite, and point-in-time lookups through a market view."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter

import numpy as np
from peewee import SqliteDatabase

from server.engine.market_view import MarketView
from server.engine.prices import PriceTable
from server.market.price_store import load
from storage.database import insert_many, open_database, timestamp
from tests.performance.figure import Figure, at_most, plain
from tests.performance.workbench import Workbench

SYMBOLS, YEARS, DAYS_A_YEAR = 500, 10, 252

LOOKUPS = 20_000

FRIDAY = 4


def measure(bench: Workbench) -> list[Figure]:
    """Measure loads and lookups."""
    db = _filled(bench.folder / "ten-years.db")
    loads = [_seconds(lambda: load(db)) for _ in range(3)]
    table = load(db)
    db.close()
    what = f"{SYMBOLS} symbols x {YEARS} years ({SYMBOLS * YEARS * DAYS_A_YEAR:,} bars)"
    size = sum(column.nbytes for column in (table.open, table.high, table.low, table.close, table.volume)) / 2**20
    return [
        at_most("price_load_seconds", median(loads), 2.0, "s", f"{what} from SQLite to a PriceTable; median of 3"),
        plain("price_table_mib", size, "MiB", f"{what}, the columns"),
        *_lookups(table),
    ]


def _lookups(table: PriceTable) -> Iterator[Figure]:
    view = MarketView(table, table.dates[-1])
    random = Random(1)
    pairs = [(random.choice(table.symbols), random.choice(view.dates)) for _ in range(LOOKUPS)]
    for name, lookup, what in (
        ("price_lookup_us", lambda: [view.open(symbol) for symbol, _ in pairs], "the open of a symbol, a Decimal"),
        ("price_bar_us", lambda: [view.bar(symbol, day) for symbol, day in pairs], "a whole bar of an earlier date"),
    ):
        best = min(_seconds(lookup) for _ in range(5)) / LOOKUPS * 1e6
        how = f"{what}, through a MarketView; best of 5 x {LOOKUPS:,} lookups of random symbols and dates"
        yield at_most(name, best, 10.0, "us", how)
    best = min(_seconds(lambda: [MarketView(table, day) for day in table.dates[-500:]]) for _ in range(3)) / 500 * 1e6
    yield plain("market_view_us", best, "us", f"making a MarketView of {SYMBOLS} symbols for a date")


def _seconds(call: Callable[[], object]) -> float:
    started = perf_counter()
    call()
    return perf_counter() - started


def _filled(path: Path) -> SqliteDatabase:
    db = open_database(path)
    with db.atomic("IMMEDIATE"):
        row = (timestamp(datetime.now(UTC)), "made up", SYMBOLS * YEARS * DAYS_A_YEAR, 0, 0)
        insert_many(db, "price_imports", ("imported_at", "source", "added", "changed", "refused"), [row])
        columns = ("symbol", "date", "open", "high", "low", "close", "volume", "import_id")
        insert_many(db, "price_bars", columns, _bars())
    return db


def _bars() -> Iterator[tuple[object, ...]]:
    dates = list(_weekdays(date(2015, 1, 1), YEARS * DAYS_A_YEAR))
    generator = np.random.default_rng(1)
    for number in range(SYMBOLS):
        cents = generator.integers(1_000, 50_000, (len(dates), 2)).tolist()
        for day, (open_, close) in zip(dates, cents, strict=True):
            low, high = min(open_, close), max(open_, close)
            yield f"SYN{number:03}", day, open_ / 100, high / 100, low / 100, close / 100, 1_000 * open_, 1


def _weekdays(first: date, count: int) -> Iterator[str]:
    day = first
    while count:
        if day.weekday() <= FRIDAY:
            yield day.isoformat()
            count -= 1
        day += timedelta(days=1)

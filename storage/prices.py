"""Bars as stored: importing them, what is there, and the columns that a price table is filled from."""

from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from peewee import OperationalError, SqliteDatabase

from storage.database import timestamp
from storage.errors import StorageBusyError
from storage.money import to_real


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRow:
    """A bar: prices in dollars per share, volume in shares; only `open` is there while the date is not over."""

    symbol: str
    date: str
    open: Decimal
    high: Decimal | None = None
    low: Decimal | None = None
    close: Decimal | None = None
    volume: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCounts:
    """What an import did to the stored bars."""

    added: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteRow:
    """Open and close of a symbol on a date, dollars per share; no close while the date is not over."""

    date: str
    open: float
    close: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRange:
    """How many symbols have prices, and from when to when; empty dates without any."""

    symbols: int
    first: str
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolColumns:
    """Bars of a symbol as comma-separated texts of equal length and order.

    Prices are integers of micros (1e-6 dollars), volumes shares; 0 stands for what the bar lacks.
    """

    symbol: str
    dates: str
    open: str
    high: str
    low: str
    close: str
    volume: str


STAGE = """
    CREATE TEMP TABLE staged_bars (
        symbol TEXT, date TEXT, open REAL, high REAL, low REAL, close REAL, volume INTEGER,
        PRIMARY KEY (symbol, date)
    ) WITHOUT ROWID
"""

# A bar with only an open says nothing against a whole bar with the same open.
DROP_UNCHANGED = """
    DELETE FROM staged_bars AS staged WHERE EXISTS (
        SELECT 1 FROM price_bars AS bar
        WHERE bar.symbol = staged.symbol AND bar.date = staged.date AND (
            (bar.open, bar.high, bar.low, bar.close, bar.volume)
                IS (staged.open, staged.high, staged.low, staged.close, staged.volume)
            OR (bar.open = staged.open AND staged.close IS NULL)
        )
    )
"""

COUNT_CHANGED = """
    SELECT count(*), coalesce(sum(EXISTS (
        SELECT 1 FROM price_bars AS bar WHERE bar.symbol = staged.symbol AND bar.date = staged.date
    )), 0) FROM staged_bars AS staged
"""

INSERT_IMPORT = "INSERT INTO price_imports (imported_at, source, added, changed, refused) VALUES (?, ?, ?, ?, ?)"

# What an open is completed to says nothing against it.
KEEP_REPLACED = """
    INSERT INTO price_revisions (symbol, date, replaced_by, open, high, low, close, volume, import_id)
    SELECT bar.symbol, bar.date, ?, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.import_id
    FROM staged_bars AS staged JOIN price_bars AS bar USING (symbol, date)
    WHERE bar.close IS NOT NULL OR bar.open <> staged.open
"""

MERGE = """
    INSERT OR REPLACE INTO price_bars (symbol, date, open, high, low, close, volume, import_id)
    SELECT symbol, date, open, high, low, close, volume, ? FROM staged_bars ORDER BY symbol, date
"""

# Half a micro is added because the cast cuts off; below 1e6 dollars that is exact on the grid.
COLUMNS = """
    SELECT symbol, group_concat(date),
        group_concat(CAST(open * 1e6 + 0.5 AS INTEGER)),
        group_concat(CAST(ifnull(high, 0) * 1e6 + 0.5 AS INTEGER)),
        group_concat(CAST(ifnull(low, 0) * 1e6 + 0.5 AS INTEGER)),
        group_concat(CAST(ifnull(close, 0) * 1e6 + 0.5 AS INTEGER)),
        group_concat(ifnull(volume, 0))
    FROM price_bars GROUP BY symbol ORDER BY symbol
"""


def import_bars(
    db: SqliteDatabase,
    source: str,
    bars: Iterable[BarRow],
    refused: Sized,
    now: datetime,
    also: Callable[[], None] = lambda: None,
) -> ImportCounts:
    """Merge bars into the stored ones, all or nothing, and return what that did.

    `also` is called in the same transaction, for what has to be stored with the bars or not at all.

    `bars` is read to its end before the database is locked, and `refused` is counted after that, so that both may be
    filled while a file is read. Of two bars of a symbol and date the later one counts. An import that adds and changes
    nothing leaves no trace.

    Raises:
        StorageBusyError: another process kept the database locked.
    """
    try:
        db.execute_sql(STAGE)
        try:
            _stage(db, bars)
            with db.atomic("IMMEDIATE"):
                also()
                return _merge(db, source, len(refused), now)
        finally:
            db.execute_sql("DROP TABLE staged_bars")
    except OperationalError as error:
        raise StorageBusyError(f"prices could not be imported: {error}") from error


def _stage(db: SqliteDatabase, bars: Iterable[BarRow]) -> None:
    rows = (
        (bar.symbol, bar.date, to_real(bar.open), _real(bar.high), _real(bar.low), _real(bar.close), bar.volume)
        for bar in bars
    )
    db.connection().executemany("INSERT OR REPLACE INTO staged_bars VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def _real(amount: Decimal | None) -> float | None:
    return None if amount is None else to_real(amount)


def _merge(db: SqliteDatabase, source: str, refused: int, now: datetime) -> ImportCounts:
    unchanged: int = db.execute_sql(DROP_UNCHANGED).rowcount
    left, changed = db.execute_sql(COUNT_CHANGED).fetchone()
    added = left - changed
    if left:
        row = (timestamp(now), source, added, changed, refused)
        import_id = db.execute_sql(INSERT_IMPORT, row).lastrowid
        if changed:
            db.execute_sql(KEEP_REPLACED, (import_id,))
        db.execute_sql(MERGE, (import_id,))
    return ImportCounts(added=added, changed=changed, unchanged=unchanged)


def version(db: SqliteDatabase) -> int:
    """Return a number that grows with every import that added or changed bars; 0 when there was none."""
    row = db.execute_sql("SELECT coalesce(max(id), 0) FROM price_imports").fetchone()
    return int(row[0])


def price_range(db: SqliteDatabase) -> PriceRange:
    """Return how much there is; a look at every bar."""
    symbols, first, last = db.execute_sql(
        "SELECT count(DISTINCT symbol), coalesce(min(date), ''), coalesce(max(date), '') FROM price_bars"
    ).fetchone()
    return PriceRange(symbols=symbols, first=first, last=last)


def load_columns(db: SqliteDatabase) -> Iterator[SymbolColumns]:
    """Yield the bars of every symbol, by symbol.

    SQLite joins a symbol's bars into texts by itself, outside Python's lock: half the time of fetching rows, and other
    threads run on meanwhile.
    """
    for symbol, dates, open_, high, low, close, volume in db.execute_sql(COLUMNS):
        yield SymbolColumns(symbol=symbol, dates=dates, open=open_, high=high, low=low, close=close, volume=volume)


def quotes(db: SqliteDatabase, symbol: str, last: str) -> list[QuoteRow]:
    """Return the opens and closes of a symbol up to a date, ascending."""
    sql = "SELECT date, open, close FROM price_bars WHERE symbol = ? AND date <= ? ORDER BY date"
    return [QuoteRow(date=date, open=open_, close=close) for date, open_, close in db.execute_sql(sql, (symbol, last))]

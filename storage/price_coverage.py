"""Which bars there are: from when to when, what is missing or strange among them, where they come from."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from peewee import SqliteDatabase

#: a price this many times the one before, or less than one part in as many, is told
JUMP = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceJump:
    """An open far from the close before it, or a close far from its open; both in dollars per share of the date."""

    symbol: str
    date: str
    before: float
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolCoverage:
    """Bars of a symbol; `missing` are trading days between its first and last without one.

    `closed` are dates with a bar that are no trading days. Where the exchange is not known, dates on which other
    symbols have a bar stand for its days. `revisions` counts bars that were replaced by others. `source` and
    `imported_at` are those of the last import that brought a bar of it.
    """

    symbol: str
    first: str
    last: str
    bars: int
    missing: tuple[str, ...]
    closed: tuple[str, ...]
    jumps: tuple[PriceJump, ...]
    revisions: int
    source: str
    imported_at: str


_SYMBOLS = """
    SELECT symbol, group_concat(date), max(import_id) FROM price_bars
    WHERE symbol > ? GROUP BY symbol ORDER BY symbol LIMIT ?
"""

# lag sees what it needs of the bars before those of an import; the first bar after a split is compared with what the
# close before it is worth per new share, so that a split is a jump only where the prices do not show it
_JUMPS = """
    WITH splits AS (
        SELECT symbol, min(denominator * 1.0 / numerator) AS factor, (
            SELECT min(date) FROM price_bars AS bar WHERE bar.symbol = action.symbol AND date >= ex_date
        ) AS first
        FROM corporate_actions AS action
        WHERE kind = 'split' AND symbol NOT IN (SELECT symbol FROM adjusted_symbols) GROUP BY symbol, first
    ), steps AS (
        SELECT bar.symbol, date, open, close,
            lag(ifnull(close, open)) OVER (PARTITION BY bar.symbol ORDER BY date) * ifnull(factor, 1) AS before
        FROM price_bars AS bar LEFT JOIN splits ON splits.symbol = bar.symbol AND first = date
        WHERE bar.symbol BETWEEN ? AND ?
    )
    SELECT symbol, date, iif(open > before * ?1 OR open * ?1 < before, before, open),
        iif(open > before * ?1 OR open * ?1 < before, open, close)
    FROM steps
    WHERE open > before * ?1 OR open * ?1 < before OR close > open * ?1 OR close * ?1 < open
    ORDER BY symbol, date
"""


def coverage(
    db: SqliteDatabase, trading_days: Sequence[str] = (), *, after: str = "", limit: int = -1
) -> list[SymbolCoverage]:
    """Return which dates symbols have bars for, by symbol; `trading_days` are the exchange's, ascending."""
    found = db.execute_sql(_SYMBOLS, (after, limit)).fetchall()
    if not found:
        return []
    first, last = found[0][0], found[-1][0]
    market = _market(db, trading_days)
    dates_of = {text: sorted(text.split(",")) for text in {text for _, text, _ in found}}
    imports = {row[0]: row[1:] for row in db.execute_sql("SELECT id, source, imported_at FROM price_imports")}
    revised = dict(
        db.execute_sql(
            "SELECT symbol, count(*) FROM price_revisions WHERE symbol BETWEEN ? AND ? GROUP BY symbol", (first, last)
        )
    )
    jumps = dict[str, list[PriceJump]]()
    for jump in price_jumps(db, first, last):
        jumps.setdefault(jump.symbol, []).append(jump)
    return [
        _symbol(symbol, dates_of[text], market, tuple(jumps.get(symbol, ())), revised.get(symbol, 0), imports[newest])
        for symbol, text, newest in found
    ]


def price_jumps(db: SqliteDatabase, first: str, last: str) -> list[PriceJump]:
    """Return the jumps of the symbols from one to another, by symbol and date."""
    sql = _JUMPS.replace("?1", str(JUMP))
    return [
        PriceJump(symbol=symbol, date=date, before=before, after=after)
        for symbol, date, before, after in db.execute_sql(sql, (first, last))
    ]


def whole_dates(db: SqliteDatabase, symbol: str) -> set[str]:
    """Return the dates on which a symbol has a bar with a close."""
    sql = "SELECT date FROM price_bars WHERE symbol = ? AND close IS NOT NULL"
    return {date for (date,) in db.execute_sql(sql, (symbol,))}


def stored_symbols(db: SqliteDatabase) -> list[str]:
    """Return the symbols with bars, by name."""
    return [symbol for (symbol,) in db.execute_sql("SELECT DISTINCT symbol FROM price_bars ORDER BY symbol")]


def missing_days(dates: Sequence[str], market: Sequence[str]) -> tuple[str, ...]:
    """Return the days of a market between the first and last of some dates that are not among them; all ascending."""
    own = set(dates)
    return tuple(day for day in _between(market, dates[0], dates[-1]) if day not in own)


def _between(market: Sequence[str], first: str, last: str) -> Sequence[str]:
    return market[bisect_left(market, first) : bisect_right(market, last)]


def _market(db: SqliteDatabase, trading_days: Sequence[str]) -> list[str]:
    """Return the trading days; before the first and after the last that the exchange tells, the dates with bars."""
    stored = {date for (date,) in db.execute_sql("SELECT DISTINCT date FROM price_bars")}
    if trading_days:
        stored = {date for date in stored if not trading_days[0] <= date <= trading_days[-1]}
    return sorted(stored.union(trading_days))


def _symbol(
    symbol: str,
    dates: list[str],
    market: list[str],
    jumps: tuple[PriceJump, ...],
    revisions: int,
    newest: tuple[str, str],
) -> SymbolCoverage:
    return SymbolCoverage(
        symbol=symbol,
        first=dates[0],
        last=dates[-1],
        bars=len(dates),
        missing=missing_days(dates, market),
        closed=tuple(sorted(set(dates).difference(_between(market, dates[0], dates[-1])))),
        jumps=jumps,
        revisions=revisions,
        source=newest[0],
        imported_at=newest[1],
    )

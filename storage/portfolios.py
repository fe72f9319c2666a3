"""Portfolios: their last states, who holds them, the leaderboard and the time series."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from peewee import SqliteDatabase

from storage.carried import CarriedState, carried_state, carried_states
from storage.database import timestamp
from storage.errors import StorageError
from storage.money import from_real, to_real


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioRow:
    """A portfolio: how it is defined, what it was worth last, which job holds it.

    `trading_days` is how many it has, `days` are those from a date on that was asked for, ascending. A cleanup removed
    those up to `removed_through`.
    """

    id: int
    model: str
    definition: str
    initial_cash: Decimal
    last_day: str | None
    last_value: Decimal | None
    claimed_by: str | None
    trading_days: int = 0
    removed_through: str | None = None
    days: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPortfolio:
    """A portfolio that a job is about to extend or begin."""

    model: str
    definition: str
    initial_cash: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioState:
    """Cash, holdings and close value after a trading day, the initial cash before the first; `day` is empty then."""

    cash: Decimal
    holdings: dict[str, int]
    value: Decimal
    day: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingRow:
    """A portfolio's standing on its last trading day by some date; money in dollars.

    A cleanup removed the trading days up to `removed_through`.
    """

    id: int
    model: str
    initial_cash: float
    date: str
    portfolio_value: float
    trading_days: int
    removed_through: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRow:
    """A trading day of a portfolio; money in dollars, returns in percent."""

    date: str
    portfolio_value: float
    cash: float
    daily_profit: float
    daily_return_pct: float
    cumulative_profit: float
    cumulative_return_pct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRows:
    """Trading days of a portfolio as columns, ascending by date; money in dollars.

    They go on from `carried` where a cleanup removed those before.
    """

    dates: list[str]
    values: list[float]
    cash: list[float]
    carried: CarriedState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradedRow:
    """Dollars that changed hands for shares, and what commission and slippage took."""

    dollars: float = 0.0
    commission: float = 0.0
    slippage: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeRow:
    """With what, when and until when a portfolio traded; money in dollars."""

    model: str
    initial_cash: float
    first: str
    last: str


#: where a cleanup removed all trading days, what was carried tells
_HELD = """
    WITH p AS (SELECT id, last_day FROM portfolios WHERE experiment = ? AND model IN ({places}))
    SELECT h.symbol FROM p JOIN trading_days t ON t.portfolio_id = p.id AND t.date = p.last_day
        JOIN holdings h ON h.position_id = t.position_id
    UNION SELECT held.key FROM p JOIN carried_states c ON c.portfolio_id = p.id AND c.date = p.last_day,
        json_each(c.holdings) AS held ORDER BY 1
"""
_COLUMNS = "id, model, definition, initial_cash, last_day, last_value, claimed_by, trading_days, c.date"
_DAYS_SINCE = """
    SELECT portfolio_id, json_group_array(date) FROM trading_days WHERE portfolio_id IN ({places}) AND date >= ?
    GROUP BY portfolio_id
"""
_STANDINGS = """
    SELECT id, model, initial_cash, last_day, last_value, trading_days, c.date
    FROM portfolios LEFT JOIN carried_states c ON c.portfolio_id = id
    WHERE experiment = ? AND last_value IS NOT NULL AND (? OR (-last_value, model) > (-?, ?))
    ORDER BY last_value DESC, model LIMIT ?
"""
#: of a portfolio without a stored trading day by then, what a cleanup carried stands for it
_STANDINGS_AS_OF = """
    SELECT * FROM (
        SELECT p.id, p.model, p.initial_cash, COALESCE(t.date, c.date), COALESCE(t.portfolio_value, c.portfolio_value)
            AS value, COALESCE(t.day_number, c.day_number), c.date
        FROM portfolios p LEFT JOIN trading_days t ON t.portfolio_id = p.id
            AND t.date = (SELECT MAX(date) FROM trading_days WHERE portfolio_id = p.id AND date <= ?1)
        LEFT JOIN carried_states c ON c.portfolio_id = p.id AND c.date <= ?1
        WHERE p.experiment = ?2
    ) WHERE value IS NOT NULL AND (?3 OR (-value, model) > (-?4, ?5)) ORDER BY value DESC, model LIMIT ?6
"""
_SERIES = """
    SELECT date, portfolio_value, cash, daily_profit, daily_return_pct, cumulative_profit, cumulative_return_pct
    FROM trading_days WHERE portfolio_id = ? AND date >= ? AND date <= ? ORDER BY date LIMIT ?
"""
_HISTORIES = """
    SELECT portfolio_id, date, portfolio_value, cash FROM trading_days
    WHERE portfolio_id IN ({places}) AND date <= ? ORDER BY portfolio_id, date
"""
#: without statistics, SQLite would search the positions of each trading day by the whole range of dates: CROSS JOIN
#: keeps its order, and `+` keeps the range from its index
_TRADED = """
    SELECT t.portfolio_id, SUM(r.amount * r.price), SUM(r.commission), SUM(r.slippage)
    FROM trading_days t CROSS JOIN portfolios p ON p.id = t.portfolio_id
        CROSS JOIN positions r ON (r.job_id, r.date, r.model) = (t.job_id, t.date, p.model)
    WHERE t.portfolio_id IN ({places}) AND +t.date >= ? AND +t.date <= ? AND r.action_type IN ('buy', 'sell')
    GROUP BY t.portfolio_id
"""
_LIVES = """
    SELECT p.model, p.initial_cash, COALESCE(c.first_day, MIN(t.date)) AS first, COALESCE(MAX(t.date), c.date)
    FROM portfolios p LEFT JOIN trading_days t ON t.portfolio_id = p.id AND t.date <= ?2
        LEFT JOIN carried_states c ON c.portfolio_id = p.id AND c.date <= ?2
    WHERE p.experiment = ?1 GROUP BY p.id HAVING first IS NOT NULL ORDER BY p.model
"""
_CLAIM = """
    INSERT INTO portfolios (experiment, model, definition, initial_cash, claimed_by, created_at)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (experiment, model) DO UPDATE SET claimed_by = excluded.claimed_by WHERE claimed_by IS NULL
"""
_HOLD = "UPDATE portfolios SET claimed_by = ? WHERE experiment = ? AND model = ? AND claimed_by IS NULL"
#: a job goes on from its own days and those before its first one; others on its dates are what it replaces
_STATE = """
    SELECT p.id, p.initial_cash, t.portfolio_value, t.cash, t.position_id, t.date
    FROM portfolios p LEFT JOIN trading_days t ON t.portfolio_id = p.id AND t.date = (
        SELECT date FROM trading_days
        WHERE portfolio_id = p.id AND date < ?1 AND (job_id = ?2 OR date < COALESCE(
            (SELECT date FROM job_details WHERE job_id = ?2 AND model = ?4 ORDER BY date LIMIT 1), ?1))
        ORDER BY date DESC LIMIT 1)
    WHERE p.experiment = ?3 AND p.model = ?4
"""


def find_portfolios(
    db: SqliteDatabase, experiment: str, models: Sequence[str], *, since: str | None = None
) -> dict[str, PortfolioRow]:
    """Return the portfolios there are of some models, by model, with their trading days from a date on."""
    sql = (
        f"SELECT {_COLUMNS} FROM portfolios LEFT JOIN carried_states c ON c.portfolio_id = id"
        f" WHERE experiment = ? AND model IN ({', '.join('?' * len(models))})"
    )
    rows = list(db.execute_sql(sql, (experiment, *models)))
    reached = [row[0] for row in rows if since is not None and (row[4] or "") >= since]
    days = _days_since(db, reached, since) if since and reached else {}
    return {row[1]: _row(row, days.get(row[0], ())) for row in rows}


def find_portfolio(db: SqliteDatabase, experiment: str, model: str) -> PortfolioRow | None:
    """Return a model's portfolio; None when there is none."""
    return find_portfolios(db, experiment, [model]).get(model)


def portfolio_state(
    db: SqliteDatabase, experiment: str, model: str, *, job_id: str = "", date: str = "9999-12-32"
) -> PortfolioState:
    """Return the state from which a job runs a portfolio on a date; by default the one after its last trading day.

    Raises:
        StorageError: there is no such portfolio.
    """
    values = db.execute_sql(_STATE, (date, job_id, experiment, model)).fetchone()
    if values is None:
        raise StorageError(f"portfolio of '{model}' in '{experiment}' was not found")
    portfolio_id, initial_cash, value, cash, position_id, day = values
    if position_id is None:
        return _before_stored(db, portfolio_id, initial_cash, date)
    held = db.execute_sql("SELECT symbol, quantity FROM holdings WHERE position_id = ? ORDER BY symbol", (position_id,))
    return PortfolioState(cash=from_real(cash), holdings=dict(held), value=from_real(value), day=day)


def claim(db: SqliteDatabase, job_id: str, experiment: str, portfolios: Sequence[NewPortfolio], now: datetime) -> None:
    """Take the portfolios for a job, beginning those that are not there, inside the transaction that is open.

    Raises:
        StorageError: one of them is held by another job.
    """
    for new in portfolios:
        row = (experiment, new.model, new.definition, to_real(new.initial_cash), job_id, timestamp(now))
        if db.execute_sql(_CLAIM, row).rowcount != 1:
            raise StorageError(f"portfolio of '{new.model}' in '{experiment}' is held by another job")


def hold(db: SqliteDatabase, job_id: str, experiment: str, models: Sequence[str]) -> None:
    """Take portfolios that are there for a job again, inside the transaction that is open.

    Raises:
        StorageError: one of them is held by another job.
    """
    for model in models:
        if db.execute_sql(_HOLD, (job_id, experiment, model)).rowcount != 1:
            raise StorageError(f"portfolio of '{model}' in '{experiment}' is held by another job")


def release(db: SqliteDatabase, job_id: str) -> None:
    """Let go of the portfolios that a job holds, inside the transaction that is open."""
    db.execute_sql("UPDATE portfolios SET claimed_by = NULL WHERE claimed_by = ?", (job_id,))


def held_symbols(db: SqliteDatabase, experiment: str, models: Sequence[str]) -> list[str]:
    """Return the symbols that some models hold after their last trading days, by name."""
    sql = _HELD.format(places=", ".join("?" * len(models)))
    return [symbol for (symbol,) in db.execute_sql(sql, (experiment, *models))]


def standings(
    db: SqliteDatabase, experiment: str, *, as_of: str | None, after: tuple[float, str] | None = None, limit: int
) -> list[StandingRow]:
    """Return the portfolios of an experiment by value, best first, latest or as of the end of a date.

    `after` is the (value, model) of the last one seen.
    """
    place = (after is None, *(after or (0.0, "")), limit)
    if as_of is None:
        rows = db.execute_sql(_STANDINGS, (experiment, *place))
    else:
        rows = db.execute_sql(_STANDINGS_AS_OF, (as_of, experiment, *place))
    return [
        StandingRow(
            id=row[0],
            model=row[1],
            initial_cash=row[2],
            date=row[3],
            portfolio_value=row[4],
            trading_days=row[5],
            removed_through=row[6],
        )
        for row in rows
    ]


def curves(db: SqliteDatabase, portfolio_ids: Sequence[int], as_of: str | None) -> dict[int, list[float]]:
    """Return the close values of portfolios by date, oldest first; a value that was carried comes before them."""
    sql = (
        f"SELECT portfolio_id, portfolio_value FROM trading_days WHERE portfolio_id IN"
        f" ({', '.join('?' * len(portfolio_ids))}) AND date <= ? ORDER BY portfolio_id, date"
    )
    values: dict[int, list[float]] = {portfolio_id: [] for portfolio_id in portfolio_ids}
    for portfolio_id, carried in carried_states(db, portfolio_ids).items():
        values[portfolio_id].append(carried.portfolio_value)
    for portfolio_id, value in db.execute_sql(sql, (*portfolio_ids, as_of or "9999-12-31")):
        values[portfolio_id].append(value)
    return values


def histories(db: SqliteDatabase, portfolio_ids: Sequence[int], last: str) -> dict[int, HistoryRows]:
    """Return the trading days of portfolios up to a date, by portfolio."""
    carried = carried_states(db, portfolio_ids)
    found = {
        portfolio_id: HistoryRows(dates=[], values=[], cash=[], carried=carried.get(portfolio_id))
        for portfolio_id in portfolio_ids
    }
    sql = _HISTORIES.format(places=", ".join("?" * len(portfolio_ids)))
    for portfolio_id, date, value, cash in db.execute_sql(sql, (*portfolio_ids, last)):
        rows = found[portfolio_id]
        rows.dates.append(date)
        rows.values.append(value)
        rows.cash.append(cash)
    return found


def traded(db: SqliteDatabase, portfolio_ids: Sequence[int], first: str, last: str) -> dict[int, TradedRow]:
    """Return what portfolios bought and sold for between two dates, and what that cost, by those that did."""
    sql = _TRADED.format(places=", ".join("?" * len(portfolio_ids)))
    return {
        portfolio_id: TradedRow(dollars=dollars, commission=commission, slippage=slippage)
        for portfolio_id, dollars, commission, slippage in db.execute_sql(sql, (*portfolio_ids, first, last))
    }


def lives(db: SqliteDatabase, experiment: str, last: str) -> list[LifeRow]:
    """Return when the portfolios of an experiment traded up to a date, by model, those that did not left out."""
    return [
        LifeRow(model=model, initial_cash=cash, first=first, last=end)
        for model, cash, first, end in db.execute_sql(_LIVES, (experiment, last))
    ]


def series(db: SqliteDatabase, portfolio_id: int, first: str, last: str, limit: int) -> list[SeriesRow]:
    """Return a portfolio's trading days between two dates, both included, ascending."""
    rows = db.execute_sql(_SERIES, (portfolio_id, first, last, limit))
    return [
        SeriesRow(
            date=row[0],
            portfolio_value=row[1],
            cash=row[2],
            daily_profit=row[3],
            daily_return_pct=row[4],
            cumulative_profit=row[5],
            cumulative_return_pct=row[6],
        )
        for row in rows
    ]


def _before_stored(db: SqliteDatabase, portfolio_id: int, initial_cash: float, date: str) -> PortfolioState:
    """Return the state before the trading days that are stored: what a cleanup carried, or the beginning.

    Raises:
        StorageError: the state of that date was removed.
    """
    carried = carried_state(db, portfolio_id)
    if carried is None:
        return PortfolioState(cash=from_real(initial_cash), holdings={}, value=from_real(initial_cash))
    if carried.date >= date:
        raise StorageError(f"a cleanup removed the trading days up to {carried.date}")
    return PortfolioState(
        cash=from_real(carried.cash),
        holdings=carried.holdings,
        value=from_real(carried.portfolio_value),
        day=carried.date,
    )


def _days_since(db: SqliteDatabase, ids: Sequence[int], first: str) -> dict[int, tuple[str, ...]]:
    sql = _DAYS_SINCE.format(places=", ".join("?" * len(ids)))
    return {id_: tuple(sorted(json.loads(days))) for id_, days in db.execute_sql(sql, (*ids, first))}


def _row(values: tuple[Any, ...], days: tuple[str, ...]) -> PortfolioRow:
    id_, model, definition, initial_cash, last_day, last_value, claimed_by, trading_days, removed_through = values
    return PortfolioRow(
        id=id_,
        model=model,
        definition=definition,
        initial_cash=from_real(initial_cash),
        last_day=last_day,
        last_value=None if last_value is None else from_real(last_value),
        claimed_by=claimed_by,
        trading_days=trading_days,
        removed_through=removed_through,
        days=days,
    )

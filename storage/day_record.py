"""What a completed model-day leaves, and how it is stored: in the transaction that ends its attempt."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import TypeAlias

from peewee import SqliteDatabase

from storage.database import insert_many, timestamp
from storage.money import to_real
from storage.session_record import SessionRows

#: (job_id, date, model)
ModelDayKey: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRecord:
    """State of a portfolio after one action of a day, to be stored."""

    action_id: int
    action_type: str
    symbol: str | None
    amount: int | None
    price: Decimal | None
    cash: Decimal
    portfolio_value: Decimal
    daily_profit: Decimal
    daily_return_pct: Decimal
    cumulative_profit: Decimal
    cumulative_return_pct: Decimal
    holdings: tuple[tuple[str, int], ...]
    commission: Decimal = Decimal(0)
    slippage: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedOrder:
    """An order that was refused, to be stored."""

    after_action_id: int
    action_type: str
    symbol: str
    amount: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRecord:
    """Everything a completed model-day leaves, to be stored; money in dollars, returns in percent.

    `actions` tell in words what corporate actions did; `session` is that of the agent, where one traded.
    """

    cash: Decimal
    portfolio_value: Decimal
    daily_profit: Decimal
    daily_return_pct: Decimal
    cumulative_profit: Decimal
    cumulative_return_pct: Decimal
    positions: tuple[PositionRecord, ...]
    rejections: tuple[RejectedOrder, ...]
    actions: tuple[str, ...] = ()
    session: SessionRows | None = None


#: stores shares by symbol by the id of their position
HoldingsWriter: TypeAlias = Callable[[SqliteDatabase, Mapping[int, Mapping[str, int]]], None]

_INSERT_HOLDINGS = """
    INSERT INTO holdings (position_id, symbol, quantity)
    SELECT CAST(position.key AS INTEGER), holding.key, holding.value
    FROM json_each(?) AS position, json_each(position.value) AS holding
"""
_EXTEND = "UPDATE portfolios SET last_day = ?, last_value = ?, trading_days = ? WHERE id = ?"
_POSITIONS = (
    "id",
    "job_id",
    "date",
    "model",
    "action_id",
    "action_type",
    "symbol",
    "amount",
    "price",
    "cash",
    "portfolio_value",
    "daily_profit",
    "daily_return_pct",
    "cumulative_profit",
    "cumulative_return_pct",
    "commission",
    "slippage",
    "created_at",
)
_REJECTIONS = ("job_id", "date", "model", "after_action_id", "action_type", "symbol", "amount", "reason", "message")
_TRADING_DAYS = (
    "portfolio_id",
    "date",
    "job_id",
    "position_id",
    "day_number",
    "cash",
    "portfolio_value",
    "daily_profit",
    "daily_return_pct",
    "cumulative_profit",
    "cumulative_return_pct",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioEnd:
    """The portfolio that a day extends, and the trading days it has so far."""

    id: int
    trading_days: int


def write_together(db: SqliteDatabase, holdings: Mapping[int, Mapping[str, int]]) -> None:
    """Store holdings by one statement, whose rows SQLite makes without Python's lock: other threads go on meanwhile."""
    db.execute_sql(_INSERT_HOLDINGS, (json.dumps(holdings),))


def write_each(db: SqliteDatabase, holdings: Mapping[int, Mapping[str, int]]) -> None:
    """Store holdings row by row: half the processor time, for a process that has nothing else to do."""
    rows = ((position, symbol, held) for position, of in holdings.items() for symbol, held in of.items())
    insert_many(db, "holdings", ("position_id", "symbol", "quantity"), rows)


def store_day(
    db: SqliteDatabase,
    key: ModelDayKey,
    portfolio: PortfolioEnd,
    day: DayRecord,
    now: datetime,
    write_holdings: HoldingsWriter,
) -> None:
    """Store positions, holdings, rejections and the trading day, and let the portfolio end with it."""
    job_id, date, _ = key
    position_id = _insert_positions(db, key, day, timestamp(now), write_holdings)
    if day.rejections:
        _insert_rejections(db, key, day)
    number = portfolio.trading_days + 1
    closing = (portfolio.id, date, job_id, position_id, number, *_closing(day))
    insert_many(db, "trading_days", _TRADING_DAYS, [closing])
    db.execute_sql(_EXTEND, (date, to_real(day.portfolio_value), number, portfolio.id))


def _insert_positions(
    db: SqliteDatabase, key: ModelDayKey, day: DayRecord, created_at: str, write_holdings: HoldingsWriter
) -> int:
    """Insert the position rows with their holdings and return the id of the last."""
    first = 1 + (db.execute_sql("SELECT MAX(id) FROM positions").fetchone()[0] or 0)
    numbered = list(zip(count(first), day.positions, strict=False))
    rows = ((position_id, *key, *_position(position), created_at) for position_id, position in numbered)
    insert_many(db, "positions", _POSITIONS, rows)
    write_holdings(
        db, {position_id: dict(position.holdings) for position_id, position in numbered if position.holdings}
    )
    return first + len(day.positions) - 1


def _insert_rejections(db: SqliteDatabase, key: ModelDayKey, day: DayRecord) -> None:
    rows = (
        (*key, order.after_action_id, order.action_type, order.symbol, order.amount, order.reason, order.message)
        for order in day.rejections
    )
    insert_many(db, "rejections", _REJECTIONS, rows)


def _position(position: PositionRecord) -> tuple[object, ...]:
    return (
        position.action_id,
        position.action_type,
        position.symbol,
        position.amount,
        None if position.price is None else to_real(position.price),
        *_closing(position),
        to_real(position.commission),
        to_real(position.slippage),
    )


def _closing(state: PositionRecord | DayRecord) -> tuple[float, ...]:
    return (
        to_real(state.cash),
        to_real(state.portfolio_value),
        to_real(state.daily_profit),
        float(state.daily_return_pct),
        to_real(state.cumulative_profit),
        float(state.cumulative_return_pct),
    )

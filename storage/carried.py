"""Carried states: what the trading days of a portfolio build on where a cleanup removed the ones before them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from peewee import SqliteDatabase

from storage.database import timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedState:
    """A portfolio at the close of the last day that was removed; money in dollars, shares by symbol.

    `first_day` is the first trading day it ever had, `day_number` counts from that one.
    """

    first_day: str
    date: str
    day_number: int
    cash: float
    portfolio_value: float
    holdings: dict[str, int]


_FIND = """
    SELECT portfolio_id, first_day, date, day_number, cash, portfolio_value, holdings FROM carried_states
    WHERE portfolio_id IN (SELECT value FROM json_each(?))
"""
_CARRY = """
    INSERT INTO carried_states (portfolio_id, first_day, date, day_number, cash, portfolio_value, holdings, removed_at)
    SELECT t.portfolio_id, (SELECT MIN(date) FROM trading_days WHERE portfolio_id = t.portfolio_id), t.date,
        t.day_number, t.cash, t.portfolio_value,
        (SELECT json_group_object(symbol, quantity) FROM holdings WHERE position_id = t.position_id), ?
    FROM trading_days t WHERE t.portfolio_id = ? AND t.date = ?
    ON CONFLICT (portfolio_id) DO UPDATE SET date = excluded.date, day_number = excluded.day_number,
        cash = excluded.cash, portfolio_value = excluded.portfolio_value, holdings = excluded.holdings,
        removed_at = excluded.removed_at
"""
_REMOVED_THROUGH = """
    SELECT MAX(c.date) FROM portfolios p JOIN carried_states c ON c.portfolio_id = p.id
    WHERE p.experiment = ?1 AND (?2 IS NULL OR p.model = ?2)
"""


def carried_states(db: SqliteDatabase, portfolio_ids: Sequence[int]) -> dict[int, CarriedState]:
    """Return the carried states of those portfolios that have one."""
    return {
        portfolio_id: CarriedState(
            first_day=first,
            date=date,
            day_number=number,
            cash=cash,
            portfolio_value=value,
            holdings=json.loads(holdings),
        )
        for portfolio_id, first, date, number, cash, value, holdings in db.execute_sql(
            _FIND, (json.dumps(list(portfolio_ids)),)
        )
    }


def carried_state(db: SqliteDatabase, portfolio_id: int) -> CarriedState | None:
    """Return the carried state of a portfolio; None when all its trading days are stored."""
    return carried_states(db, [portfolio_id]).get(portfolio_id)


def carry(db: SqliteDatabase, portfolio_id: int, date: str, now: datetime) -> None:
    """Keep the closing state of a stored trading day, which is about to be removed with those before it."""
    db.execute_sql(_CARRY, (timestamp(now), portfolio_id, date))


def removed_through(db: SqliteDatabase, experiment: str, model: str | None = None) -> str:
    """Return the latest date up to which a portfolio of an experiment lost its days to a cleanup; empty for none."""
    return str(db.execute_sql(_REMOVED_THROUGH, (experiment, model)).fetchone()[0] or "")

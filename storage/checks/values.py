"""Valuation: a trading day's value is its cash and the closes of what is held, by the bars known when it was valued.

A day is passed over when a bar it needs is missing, or came or was changed by a later import, or is of
before a split: its price then is gone.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from typing import Any

from peewee import SqliteDatabase

from storage.checks.finding import Finding, Invariant, by_sql
from storage.money import from_real

_ROWS = """
    SELECT t.portfolio_id, t.date, p.model, t.job_id, t.cash, t.portfolio_value, h.quantity, b.close,
        i.imported_at <= max(r.created_at, COALESCE((
            SELECT max(v.revalued_at) FROM revaluations v WHERE v.job_id = t.job_id AND v.portfolio_id = p.id), ''))
        AND NOT EXISTS (
            SELECT 1 FROM corporate_actions c
            WHERE c.symbol = h.symbol AND c.kind = 'split' AND c.ex_date > b.date AND c.ex_date <= t.date)
    FROM portfolios p CROSS JOIN trading_days t ON t.portfolio_id = p.id
        JOIN positions r ON r.id = t.position_id
        LEFT JOIN holdings h ON h.position_id = t.position_id
        LEFT JOIN price_bars b ON b.symbol = h.symbol AND b.date = (
            SELECT date FROM price_bars WHERE symbol = h.symbol AND date <= t.date AND close IS NOT NULL
            ORDER BY date DESC LIMIT 1)
        LEFT JOIN price_imports i ON i.id = b.import_id
    ORDER BY p.id, t.date
"""
_PROFITS = """
    SELECT date || ', ' || model || ', job ' || job_id, 'daily_profit', before + daily_profit, portfolio_value FROM (
        SELECT t.*, p.model, LAG(t.portfolio_value, 1, COALESCE(c.portfolio_value, p.initial_cash)) OVER
            (PARTITION BY t.portfolio_id ORDER BY t.date) AS before
        FROM trading_days t JOIN portfolios p ON p.id = t.portfolio_id
            LEFT JOIN carried_states c ON c.portfolio_id = t.portfolio_id
    ) WHERE ABS(before + daily_profit - portfolio_value) > 1e-6
"""


def _broken(db: SqliteDatabase) -> Iterator[Finding]:
    for (_, date, model, job_id, cash, value), group in groupby(db.execute_sql(_ROWS), key=lambda row: row[:6]):
        worth = _worth(group)
        if worth is not None and from_real(cash) + worth != from_real(value):
            key = f"{date}, {model}, job {job_id}"
            expected = str(from_real(cash) + worth)
            yield Finding(table="trading_days", key=key, what="portfolio_value", expected=expected, found=str(value))


def _worth(holdings: Iterator[tuple[Any, ...]]) -> Decimal | None:
    """Return the value of holdings at the close; None when one of the prices is not known any more."""
    total = Decimal(0)
    for *_, quantity, close, known in holdings:
        if quantity is None:
            continue
        if close is None or not known:
            return None
        total += quantity * from_real(close)
    return total


INVARIANTS = (
    Invariant(name="values are cash and closes", table="trading_days", find=_broken),
    Invariant(
        name="profits are the difference to the day before",
        table="trading_days",
        find=by_sql("trading_days", _PROFITS),
    ),
)

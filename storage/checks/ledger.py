"""Replay: fills, splits and dividends give, from the initial cash on, the cash and holdings of every position.

Where a cleanup removed the first days, the replay goes on from what was carried.

One pass over the positions in the order of the chains; what is kept in memory is one portfolio's state.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from peewee import SqliteDatabase

from storage.checks.finding import Finding, Invariant
from storage.money import from_real

SIGN = {"buy": 1, "sell": -1}


class _Row(NamedTuple):
    """A position with the trading day and the portfolio it belongs to."""

    portfolio: int
    start_cash: float
    start_holdings: str
    job_id: str
    date: str
    model: str
    closing_position: int
    closing_cash: float
    id: int
    action_id: int
    action_type: str
    symbol: str | None
    amount: int | None
    price: float | None
    commission: float
    cash: float
    holdings: str

    @property
    def key(self) -> str:
        return f"job {self.job_id}, {self.date}, {self.model}, action {self.action_id}"


#: in the order of the keys of all three, so that nothing is sorted
_ROWS = """
    SELECT p.id, COALESCE(c.cash, p.initial_cash), COALESCE(c.holdings, '{}'),
        t.job_id, t.date, p.model, t.position_id, t.cash,
        r.id, r.action_id, r.action_type, r.symbol, r.amount, r.price, r.commission, r.cash,
        (SELECT json_group_object(h.symbol, h.quantity) FROM holdings h WHERE h.position_id = r.id)
    FROM portfolios p CROSS JOIN trading_days t ON t.portfolio_id = p.id
        CROSS JOIN positions r ON r.job_id = t.job_id AND r.date = t.date AND r.model = p.model
        LEFT JOIN carried_states c ON c.portfolio_id = p.id
    ORDER BY p.id, t.date, r.action_id
"""


@dataclass(slots=True)
class _State:
    """Cash and holdings of the portfolio that is replayed."""

    portfolio: int
    cash: Decimal
    holdings: dict[str, int] = field(default_factory=dict)

    def book(self, row: _Row) -> bool:
        """Do what a fill or a corporate action did; tell whether it could be done."""
        if row.action_type in {"split", "dividend"}:
            return self._act(row)
        sign = SIGN.get(row.action_type)
        if sign is None or row.symbol is None or row.amount is None or row.price is None or row.amount <= 0:
            return False
        self.cash -= sign * row.amount * from_real(row.price) + from_real(row.commission)
        held = self.holdings.pop(row.symbol, 0) + sign * row.amount
        if held:
            self.holdings[row.symbol] = held
        return held >= 0 and self.cash >= 0

    def _act(self, row: _Row) -> bool:
        """Do what a corporate action did: a dividend pays, a split pays for less than a share that is left over."""
        held = self.holdings.get(row.symbol or "", 0)
        if row.symbol is None or row.amount is None or row.price is None or not held:
            return False
        if row.action_type == "dividend":
            self.cash += row.amount * from_real(row.price)
            return row.amount == held
        lieu = from_real(row.cash) - self.cash
        self.cash += lieu
        self.holdings.pop(row.symbol)
        if held + row.amount:
            self.holdings[row.symbol] = held + row.amount
        return held + row.amount >= 0 and 0 <= lieu <= from_real(row.price)


def _broken(db: SqliteDatabase) -> Iterator[Finding]:
    state, last = _State(0, Decimal(0)), None
    for row in map(_Row._make, db.execute_sql(_ROWS)):
        if row.portfolio != state.portfolio:
            state = _State(row.portfolio, from_real(row.start_cash), json.loads(row.start_holdings))
        follows = last is not None and (last.portfolio, last.date) == (row.portfolio, row.date)
        yield from _misplaced(row, last.action_id + 1 if follows and last else 0)
        yield from _replayed(state, row)
        last = row


def _misplaced(row: _Row, action_id: int) -> Iterator[Finding]:
    if row.action_id != action_id:
        yield _finding(row, "action_id", action_id, row.action_id)


def _replayed(state: _State, row: _Row) -> Iterator[Finding]:
    """Do what the row tells and compare; the closing row of a day with the day as well."""
    if row.action_id == 0:
        if row.action_type != "no_trade":
            yield _finding(row, "action_type", "no_trade, which opens a day", row.action_type)
    elif not state.book(row):
        fill = f"{row.action_type} {row.amount} {row.symbol} at {row.price}"
        yield _finding(row, "action", "a fill that cash and holdings allow", fill)
    held: Mapping[str, int] = json.loads(row.holdings)
    if from_real(row.cash) != state.cash:
        yield _finding(row, "cash", state.cash, row.cash)
    if held != state.holdings:
        yield _finding(row, "holdings", _told(state.holdings), _told(held))
    if row.id == row.closing_position and row.closing_cash != row.cash:
        day = f"{row.date}, {row.model}, job {row.job_id}"
        yield Finding(table="trading_days", key=day, what="cash", expected=str(row.cash), found=str(row.closing_cash))


def _finding(row: _Row, what: str, expected: object, found: object) -> Finding:
    return Finding(table="positions", key=row.key, what=what, expected=str(expected), found=str(found))


def _told(holdings: Mapping[str, int]) -> str:
    return ", ".join(f"{quantity} {symbol}" for symbol, quantity in sorted(holdings.items())) or "nothing"


INVARIANTS = (Invariant(name="cash and holdings follow from the fills", table="positions", find=_broken),)

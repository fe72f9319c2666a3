"""Portfolios and the rows that record their states."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from server.engine.orders import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """Cash (dollars) and holdings (shares by symbol, all positive) of one model in one experiment."""

    cash: Decimal
    holdings: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """State of a portfolio after one action of a day, marked at the opens of the date.

    `action_id` 0 opens the day. `commission` and `slippage` are what the action cost, in dollars. Profits are in
    dollars, returns in percent: daily against the previous close value, cumulative against the initial cash.
    """

    action_id: int
    action: Action
    symbol: str | None
    amount: int | None
    price: Decimal | None
    cash: Decimal
    holdings: tuple[tuple[str, int], ...]
    portfolio_value: Decimal
    daily_profit: Decimal
    daily_return_pct: Decimal
    cumulative_profit: Decimal
    cumulative_return_pct: Decimal
    commission: Decimal = Decimal(0)
    slippage: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingDay:
    """A portfolio at the close of a date; profits and returns as in `Position`."""

    date: str
    cash: Decimal
    portfolio_value: Decimal
    daily_profit: Decimal
    daily_return_pct: Decimal
    cumulative_profit: Decimal
    cumulative_return_pct: Decimal

"""By how much a position row differs from the one before it, worked out from what led to it alone."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from server.engine.corporate_action import ActionEffect
from server.engine.costs import ZERO
from server.engine.orders import Action, Fill


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Shares of a symbol and cash that came or went, and what that cost of the value; dollars."""

    symbol: str
    shares: int
    cash: Decimal
    cost: Decimal = ZERO

    @classmethod
    def by_effect(cls, effect: ActionEffect) -> Self:
        """Return what a corporate action changed."""
        return cls(symbol=effect.action.symbol, shares=effect.shares - effect.held, cash=effect.cash)

    @classmethod
    def by_fill(cls, fill: Fill) -> Self:
        """Return what an order changed."""
        sign = 1 if fill.action is Action.BUY else -1
        cash = -sign * fill.total - fill.commission
        return cls(symbol=fill.symbol, shares=sign * fill.amount, cash=cash, cost=fill.commission + fill.slippage)

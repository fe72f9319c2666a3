"""What a portfolio is worth: at the opens of a date, which mark its rows, and at the close, which ends the day."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from server.engine.market_view import MarketView
from server.engine.money import on_grid, percent
from server.engine.prices import PriceTable


class NotPricedError(LookupError):
    """A symbol is held that has no price yet."""

    def __init__(self, symbol: str, date: str) -> None:
        super().__init__(f"'{symbol}' is held and was never priced up to {date}")
        self.symbol = symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """A value with what was earned; dollars, and percent of the close value before and of the initial cash."""

    portfolio_value: Decimal
    daily_profit: Decimal
    daily_return_pct: Decimal
    cumulative_profit: Decimal
    cumulative_return_pct: Decimal

    @classmethod
    def of(cls, value: Decimal, *, previous_value: Decimal, initial_cash: Decimal) -> Self:
        """Return what a value means after the close value before it, the initial cash before the first."""
        profit, gain = value - previous_value, value - initial_cash
        return cls(
            portfolio_value=value,
            daily_profit=profit,
            daily_return_pct=percent(profit, previous_value),
            cumulative_profit=gain,
            cumulative_return_pct=percent(gain, initial_cash),
        )


def value_at_open(view: MarketView, cash: Decimal, holdings: Mapping[str, int]) -> Decimal:
    """Return cash plus holdings at the opens of the date; where there is none, at the latest earlier close.

    Raises:
        NotPricedError: a symbol has neither.
        OverflowError: the value is beyond what can be stored.
    """
    value = cash
    for symbol, held in holdings.items():
        mark = view.mark(symbol)
        if mark is None:
            raise NotPricedError(symbol, view.date)
        value += mark * held
    return on_grid(value)


def value_at_close(prices: PriceTable, view: MarketView, cash: Decimal, holdings: Mapping[str, int]) -> Decimal:
    """Return cash plus holdings at the close of the date.

    A symbol without a close on the date keeps its latest earlier one; one that never had any, its open.

    Raises:
        NotPricedError: a symbol has none of these.
        OverflowError: the value is beyond what can be stored.
    """
    value = cash
    for symbol, held in holdings.items():
        close = prices.latest_close(symbol, view.date) or view.mark(symbol)
        if close is None:
            raise NotPricedError(symbol, view.date)
        value += close * held
    return on_grid(value)

"""The ledger of one model-day: books orders one after the other and never lets a rule of value be broken.

Rules (DESIGN: rules of value): an order fills at the open of the date; amounts are whole and positive; cash never goes
negative and nothing is sold that is not held; a refused order changes nothing. As every row is marked at the same
opens at which orders fill, trading by itself never changes the value.
"""

from collections.abc import Mapping
from decimal import Decimal

from server.engine.market_view import MarketView
from server.engine.money import on_grid, percent
from server.engine.orders import MAX_QUANTITY, Action, Fill, Order, Rejection, RejectionReason
from server.engine.portfolio import Portfolio, Position
from server.engine.text import MAX_WORD, plain

#: orders of one day; what they leave fits into one message
MAX_ORDERS = 5000


class LedgerError(Exception):
    """The ledger was found in a state that the rules of value forbid."""


class TooManyOrdersError(Exception):
    """A trader gave more orders than a day may have."""


class Ledger:
    """Cash and holdings of a portfolio during one day, and the record of what happened to them.

    `previous_value` is the close value of the portfolio's previous trading day, the initial cash before the first.
    """

    def __init__(
        self, portfolio: Portfolio, view: MarketView, *, initial_cash: Decimal, previous_value: Decimal
    ) -> None:
        self._view = view
        self._cash = on_grid(portfolio.cash)
        self._holdings = dict(sorted(portfolio.holdings.items()))
        self._initial_cash = initial_cash
        self._previous_value = previous_value
        self._fills: list[Fill] = []
        self._rejections: list[Rejection] = []
        self._value = self._marked()
        self._positions = [self._row(Action.NO_TRADE)]

    @property
    def cash(self) -> Decimal:
        """Cash at hand, in dollars."""
        return self._cash

    @property
    def holdings(self) -> Mapping[str, int]:
        """A copy of the shares by symbol, ascending."""
        return dict(sorted(self._holdings.items()))

    @property
    def portfolio_value(self) -> Decimal:
        """Cash plus holdings at the opens of the date, in dollars."""
        return self._value

    @property
    def fills(self) -> tuple[Fill, ...]:
        """Orders booked so far."""
        return tuple(self._fills)

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Orders refused so far."""
        return tuple(self._rejections)

    @property
    def positions(self) -> tuple[Position, ...]:
        """The opening row and a row per fill."""
        return tuple(self._positions)

    def submit(self, order: Order) -> Fill | Rejection:
        """Book an order at the open of the date, or refuse it with the reason.

        Raises:
            TooManyOrdersError: the day has `MAX_ORDERS` already.
        """
        if len(self._fills) + len(self._rejections) >= MAX_ORDERS:
            raise TooManyOrdersError(f"more than {MAX_ORDERS} orders on one day")
        refusal = self._refusal(order)
        if refusal is not None:
            reason, message = refusal
            rejection = Rejection(
                after_action_id=len(self._fills),
                action=order.action,
                symbol=plain(order.symbol, MAX_WORD),
                amount=plain(str(order.amount), MAX_WORD),
                reason=reason,
                message=plain(message, MAX_WORD),
            )
            self._rejections.append(rejection)
            return rejection
        return self._book(order.action, order.symbol, int(order.amount))

    def check(self) -> None:
        """Replay the fills from the opening row and compare every row.

        Raises:
            LedgerError: a row does not follow from the one before, or a rule of value is broken.
        """
        cash, holdings = self._positions[0].cash, dict(self._positions[0].holdings)
        for fill, row in zip(self._fills, self._positions[1:], strict=True):
            sign = 1 if fill.action is Action.BUY else -1
            cash -= sign * fill.total
            holdings[fill.symbol] = holdings.get(fill.symbol, 0) + sign * fill.amount
            if cash < 0 or holdings[fill.symbol] < 0 or fill.amount <= 0:
                raise LedgerError(f"action {fill.action_id} left cash {cash} and {holdings[fill.symbol]} {fill.symbol}")
            if row.cash != cash or dict(row.holdings) != {symbol: held for symbol, held in holdings.items() if held}:
                raise LedgerError(f"row {row.action_id} does not follow from the fills before it")
        if self._value != self._marked():
            raise LedgerError(f"value {self._value} is not cash plus holdings at the opens")

    def _refusal(self, order: Order) -> tuple[RejectionReason, str] | None:
        """Return why an order cannot be booked; None when it can."""
        amount, symbol = order.amount, order.symbol
        if not order.is_whole:
            return RejectionReason.QUANTITY_NOT_WHOLE, f"amount {amount} is not a whole number of shares"
        if amount <= 0:
            return RejectionReason.QUANTITY_NOT_POSITIVE, f"amount {amount} is not positive"
        held = self._holdings.get(symbol, 0)
        if amount > MAX_QUANTITY or (order.action is Action.BUY and held + amount > MAX_QUANTITY):
            return RejectionReason.QUANTITY_TOO_LARGE, f"amount {amount} leads to more than {MAX_QUANTITY} shares"
        if not self._view.knows(symbol):
            return RejectionReason.UNKNOWN_SYMBOL, f"symbol '{symbol}' is not known on {self._view.date}"
        price = self._view.open(symbol)
        if price is None:
            return RejectionReason.NO_PRICE, f"'{symbol}' has no opening price on {self._view.date}"
        if order.action is Action.SELL and held < amount:
            return RejectionReason.INSUFFICIENT_HOLDINGS, f"cannot sell {amount} {symbol}: {held} held"
        cost = price * int(amount)
        if order.action is Action.BUY and cost > self._cash:
            return (
                RejectionReason.INSUFFICIENT_CASH,
                f"cannot buy {amount} {symbol} at {price} for {cost}: cash is {self._cash}",
            )
        return None

    def _book(self, action: Action, symbol: str, amount: int) -> Fill:
        price = self._view.open(symbol)
        if price is None or action is Action.NO_TRADE:
            raise LedgerError(f"{action} {symbol} cannot be booked")
        fill = Fill(action_id=len(self._fills) + 1, action=action, symbol=symbol, amount=amount, price=price)
        sign = 1 if action is Action.BUY else -1
        self._cash -= sign * fill.total
        held = self._holdings.get(symbol, 0) + sign * amount
        if held:
            self._holdings[symbol] = held
        else:
            del self._holdings[symbol]
        self._fills.append(fill)
        self._positions.append(self._row(action, symbol, amount, price))
        return fill

    def _marked(self) -> Decimal:
        value = self._cash
        for symbol, held in self._holdings.items():
            mark = self._view.mark(symbol)
            if mark is None:
                raise LedgerError(f"'{symbol}' is held and was never priced")
            value += mark * held
        return on_grid(value)

    def _row(
        self, action: Action, symbol: str | None = None, amount: int | None = None, price: Decimal | None = None
    ) -> Position:
        profit, gain = self._value - self._previous_value, self._value - self._initial_cash
        return Position(
            action_id=len(self._fills),
            action=action,
            symbol=symbol,
            amount=amount,
            price=price,
            cash=self._cash,
            holdings=tuple(sorted(self._holdings.items())),
            portfolio_value=self._value,
            daily_profit=profit,
            daily_return_pct=percent(profit, self._previous_value),
            cumulative_profit=gain,
            cumulative_return_pct=percent(gain, self._initial_cash),
        )

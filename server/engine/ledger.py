"""The ledger of one model-day: books orders one after the other and never lets a rule of value be broken.

Rules (DESIGN: rules of value): an order fills at the open of the date; amounts are whole and positive; cash never goes
negative and nothing is sold that is not held; a refused order changes nothing. As every row is marked at the same
opens at which orders fill, trading by itself changes the value by its costs alone: by nothing where there are none.
"""

from collections.abc import Mapping
from decimal import Decimal

from server.engine.costs import NO_COSTS, ZERO, Costs
from server.engine.execution import Execution, Quote
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
        self,
        portfolio: Portfolio,
        view: MarketView,
        *,
        initial_cash: Decimal,
        previous_value: Decimal,
        costs: Costs = NO_COSTS,
    ) -> None:
        self._view = view
        self._execution = Execution(view, costs)
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

    @property
    def costs(self) -> Costs:
        """What trading costs."""
        return self._execution.costs

    def affordable(self, symbol: str, dollars: Decimal) -> int:
        """Return how many shares an order may buy for some dollars and the cash at hand, costs included."""
        return self._execution.affordable(symbol, min(dollars, self._cash))

    def submit(self, order: Order) -> Fill | Rejection:
        """Book an order at the open of the date, in part where the volume limit says so, or refuse it with the reason.

        Raises:
            TooManyOrdersError: the day has `MAX_ORDERS` already.
        """
        if len(self._fills) + len(self._rejections) >= MAX_ORDERS:
            raise TooManyOrdersError(f"more than {MAX_ORDERS} orders on one day")
        refusal = self._refusal(order)
        if refusal is not None:
            return self._reject(order, *refusal)
        asked = int(order.amount)
        amount = self._execution.lets_through(order.symbol, asked)
        if not amount:
            return self._over_volume(order, asked)
        quote = self._execution.quote(order.action, order.symbol, amount)
        if self._cash + quote.change(order.action) < 0:
            return self._unpaid(order, quote)
        fill = self._book(order, quote, unfilled=asked - amount)
        if fill.unfilled:
            self._over_volume(order, fill.unfilled)
        return fill

    def check(self) -> None:
        """Replay the fills from the opening row and compare every row.

        Raises:
            LedgerError: a row does not follow from the one before, or a rule of value is broken.
        """
        cash, holdings = self._positions[0].cash, dict(self._positions[0].holdings)
        value = self._positions[0].portfolio_value
        for fill, row in zip(self._fills, self._positions[1:], strict=True):
            sign = 1 if fill.action is Action.BUY else -1
            cash -= sign * fill.total + fill.commission
            value -= fill.commission + fill.slippage
            holdings[fill.symbol] = holdings.get(fill.symbol, 0) + sign * fill.amount
            if cash < 0 or holdings[fill.symbol] < 0 or fill.amount <= 0:
                raise LedgerError(f"action {fill.action_id} left cash {cash} and {holdings[fill.symbol]} {fill.symbol}")
            if row.cash != cash or dict(row.holdings) != {symbol: held for symbol, held in holdings.items() if held}:
                raise LedgerError(f"row {row.action_id} does not follow from the fills before it")
            if row.portfolio_value != value:
                raise LedgerError(f"row {row.action_id} is worth {row.portfolio_value}, not {value}: costs alone count")
        if self._value != self._marked():
            raise LedgerError(f"value {self._value} is not cash plus holdings at the opens")

    def _refusal(self, order: Order) -> tuple[RejectionReason, str] | None:
        """Return why an order cannot be booked, whatever it costs; None when it can."""
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
        if self._view.open(symbol) is None:
            return RejectionReason.NO_PRICE, f"'{symbol}' has no opening price on {self._view.date}"
        if order.action is Action.SELL and held < amount:
            return RejectionReason.INSUFFICIENT_HOLDINGS, f"cannot sell {amount} {symbol}: {held} held"
        return None

    def _over_volume(self, order: Order, shares: int) -> Rejection:
        limit = self._execution.volume_limit(order.symbol)
        message = f"cannot {order.action} {shares} {order.symbol}: the limit is {limit}"
        return self._reject(order, RejectionReason.VOLUME_LIMIT, message, str(shares))

    def _unpaid(self, order: Order, quote: Quote) -> Rejection:
        commission = f" with a commission of {quote.commission}" if quote.commission else ""
        message = (
            f"cannot {order.action} {quote.amount} {order.symbol} at {quote.price} for {quote.price * quote.amount}"
            f"{commission}: cash is {self._cash}"
        )
        return self._reject(order, RejectionReason.INSUFFICIENT_CASH, message)

    def _reject(self, order: Order, reason: RejectionReason, message: str, amount: str | None = None) -> Rejection:
        rejection = Rejection(
            after_action_id=len(self._fills),
            action=order.action,
            symbol=plain(order.symbol, MAX_WORD),
            amount=plain(str(order.amount) if amount is None else amount, MAX_WORD),
            reason=reason,
            message=plain(message, MAX_WORD),
        )
        self._rejections.append(rejection)
        return rejection

    def _book(self, order: Order, quote: Quote, unfilled: int) -> Fill:
        action, symbol, amount = order.action, order.symbol, quote.amount
        if action is Action.NO_TRADE:
            raise LedgerError(f"{action} {symbol} cannot be booked")
        fill = Fill(
            action_id=len(self._fills) + 1,
            action=action,
            symbol=symbol,
            amount=amount,
            price=quote.price,
            commission=quote.commission,
            slippage=quote.slippage,
            unfilled=unfilled,
        )
        self._cash += quote.change(action)
        self._value -= quote.commission + quote.slippage
        held = self._holdings.get(symbol, 0) + (amount if action is Action.BUY else -amount)
        if held:
            self._holdings[symbol] = held
        else:
            del self._holdings[symbol]
        self._execution.book(symbol, amount)
        self._fills.append(fill)
        self._positions.append(self._row(action, fill))
        return fill

    def _marked(self) -> Decimal:
        value = self._cash
        for symbol, held in self._holdings.items():
            mark = self._view.mark(symbol)
            if mark is None:
                raise LedgerError(f"'{symbol}' is held and was never priced")
            value += mark * held
        return on_grid(value)

    def _row(self, action: Action, fill: Fill | None = None) -> Position:
        profit, gain = self._value - self._previous_value, self._value - self._initial_cash
        return Position(
            action_id=len(self._fills),
            action=action,
            symbol=fill.symbol if fill else None,
            amount=fill.amount if fill else None,
            price=fill.price if fill else None,
            cash=self._cash,
            holdings=tuple(sorted(self._holdings.items())),
            portfolio_value=self._value,
            daily_profit=profit,
            daily_return_pct=percent(profit, self._previous_value),
            cumulative_profit=gain,
            cumulative_return_pct=percent(gain, self._initial_cash),
            commission=fill.commission if fill else ZERO,
            slippage=fill.slippage if fill else ZERO,
        )

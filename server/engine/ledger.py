"""The ledger of one model-day: books orders one after the other and never lets a rule of value be broken.

Rules (DESIGN: rules of value): an order fills at the open of the date; amounts are whole and positive; cash never goes
negative and nothing is sold that is not held; a refused order changes nothing. As every row is marked at the same
opens at which orders fill, trading by itself changes the value by its costs alone: by nothing where there are none.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from server.engine.change import Change
from server.engine.corporate_action import ActionEffect, CorporateAction
from server.engine.costs import NO_COSTS, ZERO, Costs
from server.engine.execution import Execution, Quote
from server.engine.market_view import MarketView
from server.engine.money import on_grid
from server.engine.orders import MAX_QUANTITY, ORDERS, Action, Fill, Order, Rejection, RejectionReason
from server.engine.portfolio import Portfolio, Position
from server.engine.text import MAX_WORD, plain
from server.engine.valuation import Valuation, value_at_open

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
        actions: Sequence[CorporateAction] = (),
    ) -> None:
        self._view = view
        self._execution = Execution(view, costs)
        self._cash = on_grid(portfolio.cash)
        self._holdings = dict(sorted(portfolio.holdings.items()))
        self._initial_cash = initial_cash
        self._previous_value = previous_value
        self._positions: list[Position] = []
        self._fills: list[Fill] = []
        self._rejections: list[Rejection] = []
        self._effects: list[ActionEffect] = []
        self._open_day(actions)

    @property
    def effects(self) -> tuple[ActionEffect, ...]:
        """What corporate actions did before the day's first order."""
        return tuple(self._effects)

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
        """The opening row, a row per corporate action and a row per fill."""
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
        """Replay corporate actions and fills from the opening row and compare every row.

        Raises:
            LedgerError: a row does not follow from the one before, or a rule of value is broken.
        """
        cash, holdings = self._positions[0].cash, dict(self._positions[0].holdings)
        value = self._positions[0].portfolio_value
        changes = (*map(Change.by_effect, self._effects), *map(Change.by_fill, self._fills))
        for change, row in zip(changes, self._positions[1:], strict=True):
            cash += change.cash
            value -= change.cost
            held = holdings.get(change.symbol, 0) + change.shares
            holdings[change.symbol] = held
            if cash < 0 or held < 0:
                raise LedgerError(f"action {row.action_id} left cash {cash} and {held} {change.symbol}")
            if row.cash != cash or dict(row.holdings) != {symbol: held for symbol, held in holdings.items() if held}:
                raise LedgerError(f"row {row.action_id} does not follow from the rows before it")
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
            after_action_id=len(self._positions) - 1,
            action=order.action,
            symbol=plain(order.symbol, MAX_WORD),
            amount=plain(str(order.amount) if amount is None else amount, MAX_WORD),
            reason=reason,
            message=plain(message, MAX_WORD),
        )
        self._rejections.append(rejection)
        return rejection

    def _open_day(self, actions: Sequence[CorporateAction]) -> None:
        """Write the opening row, which is worth what the shares entitle to, and a row per corporate action."""
        before = self._cash, dict(self._holdings)
        self._effects = [effect for action in actions if (effect := self._take(action)) is not None]
        self._value = self._marked()
        self._cash, self._holdings = before
        self._positions = [self._row(Action.NO_TRADE)]
        for effect in self._effects:
            self._enter(Action(effect.action.kind), Change.by_effect(effect), effect.shares_told, effect.price)

    def _take(self, action: CorporateAction) -> ActionEffect | None:
        """Let an action have its effect; None where its symbol is not held."""
        held, mark = self._holdings.get(action.symbol, 0), self._view.mark(action.symbol)
        if not held or mark is None:
            return None
        effect = action.effect(held, mark)
        if effect.shares > MAX_QUANTITY:
            raise LedgerError(f"a split led to more than {MAX_QUANTITY} shares of '{action.symbol}'")
        self._apply(Change.by_effect(effect))
        return effect

    def _book(self, order: Order, quote: Quote, unfilled: int) -> Fill:
        action, symbol, amount = order.action, order.symbol, quote.amount
        if action not in ORDERS:
            raise LedgerError(f"{action} {symbol} cannot be booked")
        fill = Fill(
            action_id=len(self._positions),
            action=action,
            symbol=symbol,
            amount=amount,
            price=quote.price,
            commission=quote.commission,
            slippage=quote.slippage,
            unfilled=unfilled,
        )
        change = Change.by_fill(fill)
        self._value -= change.cost
        self._execution.book(symbol, amount)
        self._fills.append(fill)
        self._enter(action, change, amount, quote.price, fill)
        return fill

    def _enter(self, action: Action, change: Change, amount: int, price: Decimal, fill: Fill | None = None) -> None:
        """Apply a change and write the row of what led to it."""
        self._apply(change)
        self._positions.append(self._row(action, change.symbol, amount, price, fill))

    def _apply(self, change: Change) -> None:
        self._cash += change.cash
        held = self._holdings.get(change.symbol, 0) + change.shares
        if held:
            self._holdings[change.symbol] = held
        else:
            self._holdings.pop(change.symbol, None)

    def _marked(self) -> Decimal:
        return value_at_open(self._view, self._cash, self._holdings)

    def _row(
        self,
        action: Action,
        symbol: str | None = None,
        amount: int | None = None,
        price: Decimal | None = None,
        fill: Fill | None = None,
    ) -> Position:
        worth = Valuation.of(self._value, previous_value=self._previous_value, initial_cash=self._initial_cash)
        return Position(
            action_id=len(self._positions),
            action=action,
            symbol=symbol,
            amount=amount,
            price=price,
            cash=self._cash,
            holdings=tuple(sorted(self._holdings.items())),
            portfolio_value=self._value,
            daily_profit=worth.daily_profit,
            daily_return_pct=worth.daily_return_pct,
            cumulative_profit=worth.cumulative_profit,
            cumulative_return_pct=worth.cumulative_return_pct,
            commission=fill.commission if fill else ZERO,
            slippage=fill.slippage if fill else ZERO,
        )

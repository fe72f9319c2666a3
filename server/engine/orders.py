"""What a trader asks for and what becomes of it: orders, fills, rejections."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

#: shares; the most that one order may ask for or one holding may reach (keeps counts within 32 bits everywhere)
MAX_QUANTITY = 1_000_000_000


class Action(StrEnum):
    """What a position row or an order stands for; the values are those of `positions.action_type`."""

    BUY = "buy"
    SELL = "sell"
    NO_TRADE = "no_trade"
    SPLIT = "split"
    DIVIDEND = "dividend"


#: what an order may ask for
ORDERS = frozenset({Action.BUY, Action.SELL})


class RejectionReason(StrEnum):
    """Why an order was refused."""

    QUANTITY_NOT_POSITIVE = "quantity_not_positive"
    QUANTITY_NOT_WHOLE = "quantity_not_whole"
    QUANTITY_TOO_LARGE = "quantity_too_large"
    UNKNOWN_SYMBOL = "unknown_symbol"
    NO_PRICE = "no_price"
    INSUFFICIENT_CASH = "insufficient_cash"
    INSUFFICIENT_HOLDINGS = "insufficient_holdings"
    VOLUME_LIMIT = "volume_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request to buy or sell at the open of the date.

    `amount` is what the trader asked for, in shares; anything but a positive whole number is rejected by the ledger.
    """

    action: Action
    symbol: str
    amount: int | float | Decimal

    @property
    def is_whole(self) -> bool:
        """Whether the amount is a whole number, of whatever type; infinities and NaNs are not."""
        if isinstance(self.amount, Decimal):
            return self.amount.is_finite() and self.amount == self.amount.to_integral_value()
        return self.amount.is_integer() if isinstance(self.amount, float) else True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """An order that was booked: `amount` shares at `price` dollars each, slippage included.

    `commission` and `slippage` are dollars. `unfilled` shares were over the volume limit; a rejection tells of them.
    """

    action_id: int
    action: Action
    symbol: str
    amount: int
    price: Decimal
    commission: Decimal = Decimal(0)
    slippage: Decimal = Decimal(0)
    unfilled: int = 0

    @property
    def total(self) -> Decimal:
        """Dollars that changed hands for the shares, without the commission."""
        return self.price * self.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """An order that was refused and changed nothing.

    `after_action_id` is the position row that was current; `message` says the reason with its figures.
    """

    after_action_id: int
    action: Action
    symbol: str
    amount: str
    reason: RejectionReason
    message: str

"""How orders of a day are filled: at what price, with which commission, and how much of them."""

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from server.engine.costs import NO_COSTS, VOLUME_DAYS, ZERO, Costs, OnVolumeLimit
from server.engine.market_view import MarketView
from server.engine.orders import MAX_QUANTITY, Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What an order would fill at: shares, dollars per share with slippage, and the costs in dollars."""

    amount: int
    price: Decimal
    commission: Decimal = ZERO
    slippage: Decimal = ZERO

    def change(self, action: Action) -> Decimal:
        """Return by how many dollars the order changes the cash."""
        dollars = self.price * self.amount
        return (-dollars if action is Action.BUY else dollars) - self.commission


class Execution:
    """Fills orders at the opens of one date under some costs, and remembers how much was traded of each symbol."""

    def __init__(self, view: MarketView, costs: Costs) -> None:
        self.costs = costs
        self._view = view
        self._free = costs == NO_COSTS
        self._traded: Counter[str] = Counter()

    def lets_through(self, symbol: str, asked: int) -> int:
        """Return how many of some shares the volume limit lets through."""
        room = self._room(symbol, asked)
        if room < asked and self.costs.on_volume_limit is OnVolumeLimit.REJECT:
            return 0
        return min(asked, room)

    def quote(self, action: Action, symbol: str, amount: int) -> Quote:
        """Return what an order fills at; slippage grows with all that was traded of the symbol on the day.

        Raises:
            LookupError: the symbol has no open.
        """
        price = self._view.open(symbol)
        if price is None:
            raise LookupError(f"'{symbol}' has no opening price on {self._view.date}")
        if self._free:
            return Quote(amount=amount, price=price)
        slipped = self.costs.slippage.price(action, price, self._part(symbol, amount))
        commission = self.costs.commission.of(amount, slipped)
        return Quote(amount=amount, price=slipped, commission=commission, slippage=abs(slipped - price) * amount)

    def affordable(self, symbol: str, dollars: Decimal) -> int:
        """Return how many shares an order may buy for some dollars, costs included."""
        price = self._view.open(symbol)
        if price is None or dollars < price:
            return 0
        most = min(int(dollars // price), MAX_QUANTITY)
        if self._free:
            return most
        shares = range(1, min(most, self._room(symbol, most)) + 1)
        return bisect_right(shares, dollars, key=lambda n: -self.quote(Action.BUY, symbol, n).change(Action.BUY))

    def book(self, symbol: str, amount: int) -> None:
        """Count what was traded."""
        self._traded[symbol] += amount

    def volume_limit(self, symbol: str) -> str:
        """Tell the volume limit of a symbol with its figures."""
        share, volume = self.costs.max_volume_share, self._volume(symbol)
        return f"{share} of the {volume:.0f} shares traded on a day before, {self._traded[symbol]} of which are used up"

    def _room(self, symbol: str, asked: int) -> int:
        """Return how many shares the volume limit leaves for the day; without a limit, what is asked for."""
        if self.costs.max_volume_share is None:
            return asked
        return max(0, int(self.costs.max_volume_share * self._volume(symbol)) - self._traded[symbol])

    def _part(self, symbol: str, amount: int) -> Decimal:
        """Return the part of the volume that the day takes with an order; all of it where no volume is known."""
        if not self.costs.slippage.volume_share:
            return ZERO
        volume = self._volume(symbol)
        return (self._traded[symbol] + amount) / volume if volume else Decimal(1)

    def _volume(self, symbol: str) -> Decimal:
        return self._view.average_volume(symbol, VOLUME_DAYS)

"""`rule/random`: orders drawn by lot, the same lots for the same seed, model and date on any machine."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from server.agents.allocation import buy_for, tradeable
from server.agents.parameters import Named, WholeNumber, refuse_unknown
from server.engine.model_day import ModelDaySession, Parameter

SEED = WholeNumber(name="seed", default=0, lowest=0, highest=2**53)
ORDERS_PER_DAY = WholeNumber(name="orders_per_day", default=2, lowest=1, highest=100)

#: one over the part of the cash that a purchase may spend
SPENDING_PARTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What was drawn for one order: a side and two numbers to choose a symbol and an amount by."""

    sells: bool
    symbol: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomOrders:
    """Sells and buys `orders_per_day` times a day, symbols and amounts drawn by lot."""

    PARAMETERS: ClassVar[tuple[Named, ...]] = (SEED, ORDERS_PER_DAY)

    model: str
    seed: int
    orders_per_day: int

    @classmethod
    def create(cls, model: str, parameters: Mapping[str, Parameter]) -> Self:
        """Make the trader of a model's entry in the config."""
        refuse_unknown(parameters, cls.PARAMETERS)
        return cls(model=model, seed=SEED.read(parameters), orders_per_day=ORDERS_PER_DAY.read(parameters))

    def trade(self, session: ModelDaySession) -> None:
        """Submit the day's orders, sales first; a lot that nothing can be done with is left out."""
        symbols = tradeable(session.view)
        lots = sorted(self._lots(session.date), key=lambda lot: not lot.sells)
        for lot in lots:
            if lot.sells:
                _sell(session, lot)
            elif symbols:
                _buy(session, symbols[lot.symbol % len(symbols)], lot)

    def _lots(self, date: str) -> Iterator[Lot]:
        """Draw from SHA-256 itself: unlike a library's generator, it never changes between versions."""
        for number in range(self.orders_per_day):
            digest = hashlib.sha256(f"{self.seed}\n{self.model}\n{date}\n{number}".encode()).digest()
            yield Lot(
                sells=digest[0] % 2 == 1,
                symbol=int.from_bytes(digest[8:16]),
                amount=int.from_bytes(digest[16:24]),
            )


def _sell(session: ModelDaySession, lot: Lot) -> None:
    held = [(symbol, shares) for symbol, shares in session.holdings.items() if session.view.open(symbol) is not None]
    if held:
        symbol, shares = held[lot.symbol % len(held)]
        session.sell(symbol, 1 + lot.amount % shares)


def _buy(session: ModelDaySession, symbol: str, lot: Lot) -> None:
    """Buy from one share to as many as a quarter of the cash pays for, if the cash pays for one."""
    price = session.view.open(symbol)
    if price is not None:
        most = max(1, int(session.cash / SPENDING_PARTS // price))
        buy_for(session, symbol, price * (1 + lot.amount % most))

"""`rule/buy-and-hold`: buys once, in equal parts, and never trades again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from server.agents.allocation import buy_for, tradeable
from server.agents.parameters import Named, Symbols, refuse_unknown
from server.engine.model_day import ModelDaySession, Parameter

SYMBOLS = Symbols(name="symbols")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyAndHold:
    """Buys equal parts of `symbols` (None: of every symbol with an open) when nothing is held."""

    PARAMETERS: ClassVar[tuple[Named, ...]] = (SYMBOLS,)

    symbols: tuple[str, ...] | None

    @classmethod
    def create(cls, model: str, parameters: Mapping[str, Parameter]) -> Self:
        """Make the trader of a model's entry in the config."""
        refuse_unknown(parameters, cls.PARAMETERS)
        return cls(symbols=SYMBOLS.read(parameters))

    def trade(self, session: ModelDaySession) -> None:
        """Buy if nothing is held; a chosen symbol without an open leaves its part to the others."""
        if session.holdings:
            return
        open_today = tradeable(session.view)
        if self.symbols is not None:
            open_today = [symbol for symbol in open_today if symbol in self.symbols]
        cash = session.cash
        for symbol in open_today:
            buy_for(session, symbol, cash / len(open_today))

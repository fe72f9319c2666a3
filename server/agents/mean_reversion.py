"""`rule/mean-reversion`: buys what fell far below its mean and sells it when it is back."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Self

import numpy as np

from server.agents.allocation import buy_for
from server.agents.parameters import Named, Percent, WholeNumber, refuse_unknown
from server.engine.market_view import MarketView
from server.engine.model_day import ModelDaySession, Parameter

LOOKBACK = WholeNumber(name="lookback", default=20, lowest=2, highest=2520)
THRESHOLD_PCT = Percent(name="threshold_pct", default=Decimal(5), lowest=Decimal("0.1"), highest=Decimal(90))
TOP = WholeNumber(name="top", default=5, lowest=1, highest=500)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanReversion:
    """Holds up to `top` symbols that opened `threshold_pct` below their mean close, until they open at the mean."""

    PARAMETERS: ClassVar[tuple[Named, ...]] = (LOOKBACK, THRESHOLD_PCT, TOP)

    lookback: int
    threshold_pct: Decimal
    top: int

    @classmethod
    def create(cls, model: str, parameters: Mapping[str, Parameter]) -> Self:
        """Make the trader of a model's entry in the config."""
        refuse_unknown(parameters, cls.PARAMETERS)
        return cls(
            lookback=LOOKBACK.read(parameters),
            threshold_pct=THRESHOLD_PCT.read(parameters),
            top=TOP.read(parameters),
        )

    def trade(self, session: ModelDaySession) -> None:
        """Sell what is back at its mean, then fill the free places with what is farthest below."""
        if len(session.view.dates) < self.lookback:
            return
        ratios = self._ratios(session.view)
        for symbol, shares in session.holdings.items():
            if ratios.get(symbol, 0) >= 1:
                session.sell(symbol, shares)
        held = session.holdings
        cheapest = sorted((ratio, symbol) for symbol, ratio in ratios.items() if symbol not in held)
        part, limit = session.portfolio_value / self.top, float(1 - self.threshold_pct / 100)
        for ratio, symbol in cheapest[: max(0, self.top - len(held))]:
            if ratio <= limit:
                buy_for(session, symbol, part)

    def _ratios(self, view: MarketView) -> dict[str, float]:
        """Return today's open over the mean of the last closes, where every price for it is known."""
        ratios = view.opens() / np.mean(view.closes(self.lookback), axis=0)
        known = zip(view.symbols, ratios.tolist(), strict=True)
        return {symbol: ratio for symbol, ratio in known if ratio == ratio}

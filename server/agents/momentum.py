"""`rule/momentum`: holds what rose most."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Self

import numpy as np

from server.agents.allocation import hold_equal_parts, rebalance_due
from server.agents.parameters import Named, Percent, WholeNumber, refuse_unknown
from server.engine.market_view import MarketView
from server.engine.model_day import ModelDaySession, Parameter

LOOKBACK = WholeNumber(name="lookback", default=20, lowest=1, highest=2520)
TOP = WholeNumber(name="top", default=5, lowest=1, highest=500)
REBALANCE_DAYS = WholeNumber(name="rebalance_days", default=5, lowest=1, highest=2520)
#: percent of a part; up to 50, one share of a symbol that is new is always outside the band
DRIFT_PCT = Percent(name="drift_pct", default=Decimal(25), lowest=Decimal(0), highest=Decimal(50))


@dataclass(frozen=True, slots=True, kw_only=True)
class Momentum:
    """Holds equal parts of the `top` symbols by their return over the last `lookback` dates, if they rose."""

    PARAMETERS: ClassVar[tuple[Named, ...]] = (LOOKBACK, TOP, REBALANCE_DAYS, DRIFT_PCT)

    lookback: int
    top: int
    rebalance_days: int
    drift_pct: Decimal

    @classmethod
    def create(cls, model: str, parameters: Mapping[str, Parameter]) -> Self:
        """Make the trader of a model's entry in the config."""
        refuse_unknown(parameters, cls.PARAMETERS)
        return cls(
            lookback=LOOKBACK.read(parameters),
            top=TOP.read(parameters),
            rebalance_days=REBALANCE_DAYS.read(parameters),
            drift_pct=DRIFT_PCT.read(parameters),
        )

    def trade(self, session: ModelDaySession) -> None:
        """Rebalance when due; before `lookback` + 1 dates are known there is nothing to go by."""
        if len(session.view.dates) > self.lookback and rebalance_due(session, self.rebalance_days):
            hold_equal_parts(session, self._winners(session.view), drift_pct=self.drift_pct)

    def _winners(self, view: MarketView) -> list[str]:
        """Return the symbols to hold, best first, ties by symbol; each has both closes and an open today."""
        closes = view.closes(self.lookback + 1)
        returns = closes[-1] / closes[0] - 1
        returns[np.isnan(view.opens())] = np.nan
        best = np.argsort(-returns, kind="stable")[: self.top]
        return [view.symbols[i] for i in best if returns[i] > 0]

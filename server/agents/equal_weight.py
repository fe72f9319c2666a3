"""`rule/equal-weight`: the same money in every symbol, put right every so many dates."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Self

from server.agents.allocation import hold_equal_parts, rebalance_due, tradeable
from server.agents.parameters import Named, Percent, WholeNumber, refuse_unknown
from server.engine.model_day import ModelDaySession, Parameter

REBALANCE_DAYS = WholeNumber(name="rebalance_days", default=21, lowest=1, highest=2520)
#: percent of a part; up to 50, one share of a symbol that is new is always outside the band
DRIFT_PCT = Percent(name="drift_pct", default=Decimal(25), lowest=Decimal(0), highest=Decimal(50))


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualWeight:
    """Holds every symbol with an open at an equal part of the portfolio's value, within a drift band."""

    PARAMETERS: ClassVar[tuple[Named, ...]] = (REBALANCE_DAYS, DRIFT_PCT)

    rebalance_days: int
    drift_pct: Decimal

    @classmethod
    def create(cls, model: str, parameters: Mapping[str, Parameter]) -> Self:
        """Make the trader of a model's entry in the config."""
        refuse_unknown(parameters, cls.PARAMETERS)
        return cls(rebalance_days=REBALANCE_DAYS.read(parameters), drift_pct=DRIFT_PCT.read(parameters))

    def trade(self, session: ModelDaySession) -> None:
        """Rebalance when due."""
        if rebalance_due(session, self.rebalance_days):
            hold_equal_parts(session, tradeable(session.view), drift_pct=self.drift_pct)

"""What trading costs: the commission and the slippage of an order, and how much of a day's volume orders may take.

Names and formulas are those of zipline (`PerShare`, `PerTrade`, `PerDollar`, `FixedBasisPointsSlippage`,
`VolumeShareSlippage`) and LEAN. Volumes are averages of earlier dates: that of the date itself is not known at its
open.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from server.engine.money import rounded
from server.engine.orders import Action

#: earlier dates whose volumes are averaged: a month of trading
VOLUME_DAYS = 20

BASIS_POINT = Decimal("0.0001")

ZERO = Decimal(0)

#: of the open; a sale brings at least nothing, and a purchase costs at most twice the open
MAX_SLIPPAGE = Decimal(1)


class OnVolumeLimit(StrEnum):
    """What becomes of an order over the volume limit."""

    PARTIAL = "partial"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """Dollars per share and per order and basis points of what changes hands, together within bounds per order."""

    per_share: Decimal = ZERO
    per_order: Decimal = ZERO
    basis_points: Decimal = ZERO
    minimum: Decimal = ZERO
    maximum: Decimal | None = None

    def of(self, amount: int, price: Decimal) -> Decimal:
        """Return the commission of an order that fills, in dollars."""
        part = self.basis_points * BASIS_POINT * price * amount
        dollars = max(self.minimum, self.per_order + self.per_share * amount + part)
        return rounded(dollars if self.maximum is None else min(self.maximum, dollars))


@dataclass(frozen=True, slots=True, kw_only=True)
class Slippage:
    """By how much a fill is worse than the open.

    Basis points, and `volume_share` times the square of the part of the average volume that the day takes with the
    order (zipline's `price_impact`).
    """

    basis_points: Decimal = ZERO
    volume_share: Decimal = ZERO

    def price(self, action: Action, price: Decimal, part: Decimal) -> Decimal:
        """Return the price of a fill of an order that takes a part of the volume."""
        slip = min(MAX_SLIPPAGE, self.basis_points * BASIS_POINT + self.volume_share * part * part)
        return rounded(price * (1 + slip if action is Action.BUY else 1 - slip))


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The costs of a portfolio; the default is none. `max_volume_share` None is no limit."""

    commission: Commission = Commission()
    slippage: Slippage = Slippage()
    max_volume_share: Decimal | None = None
    on_volume_limit: OnVolumeLimit = OnVolumeLimit.PARTIAL


#: what trading costs where nothing else is said
NO_COSTS = Costs()

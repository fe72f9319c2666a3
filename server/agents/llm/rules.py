"""The rules of costs as an agent is told them: sentences with the figures of its portfolio's costs, and no others."""

from collections.abc import Iterator
from decimal import Decimal

from server.engine.costs import NO_COSTS, VOLUME_DAYS, Commission, Costs, OnVolumeLimit, Slippage

#: what is said where trading costs nothing
NONE = "There are no commissions and no slippage."


def cost_rules(costs: Costs) -> str:
    """Return what an agent has to know of the costs of its orders."""
    if costs == NO_COSTS:
        return NONE
    return " ".join((_commission(costs.commission), _slippage(costs.slippage), *_volume_limit(costs)))


def _commission(commission: Commission) -> str:
    rates = [
        f"{_plain(rate)} {unit}"
        for rate, unit in (
            (commission.per_order, "dollars"),
            (commission.per_share, "dollars per share"),
            (commission.basis_points, "basis points of what changes hands"),
        )
        if rate
    ]
    if not rates and not commission.minimum:
        return "There are no commissions."
    bounds = f", at least {_plain(commission.minimum)} dollars" if commission.minimum else ""
    if commission.maximum is not None:
        bounds += f", at most {_plain(commission.maximum)} dollars"
    return f"Each order costs a commission of {' and '.join(rates) or 'nothing'}{bounds}."


def _slippage(slippage: Slippage) -> str:
    parts = [f"{_plain(slippage.basis_points)} basis points"] if slippage.basis_points else []
    if slippage.volume_share:
        share = f"{_plain(slippage.volume_share)} times the square of your orders' part of the average daily volume"
        parts.append(share)
    if not parts:
        return "There is no slippage."
    return f"Purchases are filled above the opening price, sales below it: by {' and '.join(parts)}."


def _volume_limit(costs: Costs) -> Iterator[str]:
    if costs.max_volume_share is not None:
        share = f"{_plain(costs.max_volume_share * 100)} % of a symbol's average volume on its last {VOLUME_DAYS} dates"
        over = "filled in part" if costs.on_volume_limit is OnVolumeLimit.PARTIAL else "refused"
        yield f"Your orders of a day may take at most {share}; an order over that is {over}."


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"

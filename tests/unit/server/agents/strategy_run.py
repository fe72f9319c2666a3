"""Rule strategies as the tests of all of them run them."""

from collections.abc import Mapping
from pathlib import Path

from server.agents import TraderFactory
from server.engine.model_day import ModelDayResult, Parameter
from server.engine.prices import PriceTable
from tests.unit.server.engine.model_day_chain import run_chain

#: parameters under which each strategy trades often within a few dozen dates
BUSY: Mapping[str, Mapping[str, Parameter]] = {
    "rule/buy-and-hold": {},
    "rule/equal-weight": {"rebalance_days": 3, "drift_pct": 5},
    "rule/hold-cash": {},
    "rule/mean-reversion": {"lookback": 4, "threshold_pct": 1, "top": 4},
    "rule/momentum": {"lookback": 3, "top": 4, "rebalance_days": 2},
    "rule/random": {"seed": 5, "orders_per_day": 4},
}


def run_strategy(
    basemodel: str,
    prices: PriceTable,
    parameters: Mapping[str, Parameter],
    *,
    days: int | None = None,
    universe: tuple[str, ...] | None = None,
    model: str = "model",
) -> list[ModelDayResult]:
    """Run a strategy over the first `days` dates, whether they can be valued or not, with a trader of its own."""
    trader = TraderFactory(Path()).create(model, basemodel, parameters)
    return run_chain(trader, prices, prices.dates[:days], universe=universe)


def exported(results: list[ModelDayResult]) -> bytes:
    """Return every figure of a run, as bytes."""
    return "\n".join(map(repr, results)).encode()

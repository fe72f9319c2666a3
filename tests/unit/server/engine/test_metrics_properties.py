"""What holds of every series of values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.engine import metrics
from server.engine.metrics import Floats

RETURNS = st.lists(st.floats(-0.5, 0.5).map(lambda change: round(change, 6)), min_size=1, max_size=60)
VALUES = st.lists(st.floats(0.01, 1e6).map(lambda value: round(value, 2)), min_size=2, max_size=60)
SCALES = st.sampled_from([1e-3, 0.5, 2.0, 1e6])
FIGURES = (
    metrics.cum_returns_final,
    metrics.annual_return,
    metrics.annual_volatility,
    metrics.sharpe_ratio,
    metrics.sortino_ratio,
    metrics.calmar_ratio,
    metrics.max_drawdown,
    metrics.win_rate,
)


def close(figure: float | None) -> object:
    return None if figure is None else pytest.approx(figure, rel=1e-6, abs=1e-9)


@given(values=VALUES, scale=SCALES)
def test_returns_do_not_depend_on_the_size_of_the_portfolio(values: list[float], scale: float) -> None:
    scaled = metrics.daily_returns([value * scale for value in values])

    assert scaled == pytest.approx(metrics.daily_returns(values), rel=1e-9, abs=1e-12)


@given(returns=RETURNS)
def test_ratios_do_not_depend_on_the_size_of_the_bets(returns: list[float]) -> None:
    halved = np.array(returns) / 2

    assert metrics.sharpe_ratio(halved) == close(metrics.sharpe_ratio(returns))
    assert metrics.sortino_ratio(halved) == close(metrics.sortino_ratio(returns))
    assert metrics.win_rate(halved) == metrics.win_rate(returns)


@given(values=VALUES)
def test_drawdown_is_between_a_whole_loss_and_nothing(values: list[float]) -> None:
    fall = metrics.drawdown(values)

    assert -1 <= fall.depth <= 0
    if fall.peak is None or fall.trough is None:
        assert values == sorted(values)
        return
    assert fall.peak < fall.trough
    assert fall.depth == pytest.approx(values[fall.trough] / values[fall.peak] - 1)
    assert fall.depth == close(min(b / a - 1 for i, a in enumerate(values) for b in values[i:]))
    if fall.recovery is not None:
        assert values[fall.recovery] >= values[fall.peak]
        assert fall.recovery > fall.trough


@given(returns=RETURNS)
def test_figures_that_know_no_order_are_those_of_the_reversed_series(returns: list[float]) -> None:
    for figure in (
        metrics.cum_returns_final,
        metrics.annual_return,
        metrics.annual_volatility,
        metrics.sharpe_ratio,
        metrics.sortino_ratio,
        metrics.win_rate,
    ):
        assert figure(returns[::-1]) == close(figure(returns)), figure.__name__


@given(returns=RETURNS)
def test_no_figure_is_nan_or_infinite_and_ratios_go_with_the_mean(returns: list[float]) -> None:
    figures: dict[str, float | None] = {figure.__name__: figure(returns) for figure in FIGURES}

    assert all(value is None or math.isfinite(value) for value in figures.values())
    sharpe, sortino = figures["sharpe_ratio"], figures["sortino_ratio"]
    if sharpe is not None and sortino is not None:
        assert math.copysign(1, sharpe) == math.copysign(1, sortino)


@given(returns=RETURNS)
def test_portfolio_against_itself_has_beta_1_and_no_alpha(returns: list[float]) -> None:
    itself: Floats = np.array(returns)

    assert metrics.beta(itself, itself) in (None, close(1.0))
    assert metrics.alpha(itself, itself) in (None, close(0.0))

"""Figures against oracles worked out by hand, and what each says of series that are too short or flat."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from server.engine import metrics
from server.engine.performance import History, measure

#: 100 → 110 → 99 → 99 → 118.8: +10 %, -10 %, 0, +20 %
VALUES = (100.0, 110.0, 99.0, 99.0, 118.8)
RETURNS = (0.1, -0.1, 0.0, 0.2)
EXACT = pytest.approx

ANNUALISED = (
    metrics.annual_return,
    metrics.annual_volatility,
    metrics.sharpe_ratio,
    metrics.sortino_ratio,
    metrics.calmar_ratio,
)


def test_daily_returns_are_the_changes_over_the_values_before() -> None:
    assert metrics.daily_returns(VALUES) == EXACT(RETURNS, abs=1e-15)


def test_what_is_worth_nothing_does_not_change() -> None:
    assert list(metrics.daily_returns((10, 0, 0))) == [-1, 0]


def test_cum_returns_compound() -> None:
    assert metrics.cum_returns(RETURNS) == EXACT([0.1, -0.01, -0.01, 0.188], abs=1e-15)
    assert metrics.cum_returns_final(RETURNS) == EXACT(0.188, abs=1e-15)


def test_annual_return_compounds_to_252_days() -> None:
    assert metrics.annual_return(RETURNS) == EXACT(1.188**63 - 1, rel=1e-12)


def test_volatility_has_one_degree_of_freedom_less_than_days() -> None:
    by_hand = math.sqrt((0.05**2 + 0.15**2 + 0.05**2 + 0.15**2) / 3) * math.sqrt(252)

    assert metrics.annual_volatility(RETURNS) == EXACT(by_hand, rel=1e-12)
    assert metrics.sharpe_ratio(RETURNS) == EXACT(0.05 * 252 / by_hand, rel=1e-12)


def test_downside_of_sortino_is_over_all_days() -> None:
    assert metrics.sortino_ratio(RETURNS) == EXACT(0.05 / math.sqrt(0.01 / 4) * math.sqrt(252), rel=1e-12)


def test_calmar_is_the_annual_return_over_the_depth() -> None:
    assert metrics.calmar_ratio(RETURNS) == EXACT((1.188**63 - 1) / 0.1, rel=1e-12)


def test_drawdown_tells_peak_trough_and_recovery() -> None:
    fall = metrics.drawdown(VALUES)

    assert (fall.peak, fall.trough, fall.recovery) == (1, 2, 4)
    assert fall.depth == EXACT(-0.1, abs=1e-15)


def test_peak_is_the_last_moment_at_the_top_and_trough_the_first_at_the_bottom() -> None:
    fall = metrics.drawdown((5, 10, 10, 4, 4, 9))

    assert (fall.depth, fall.peak, fall.trough, fall.recovery) == (-0.6, 2, 3, None)


def test_fall_from_the_start_is_a_drawdown() -> None:
    assert metrics.drawdown((100, 80, 90)) == metrics.Drawdown(depth=-0.2, peak=0, trough=1, recovery=None)
    assert metrics.max_drawdown((-0.2, 0.125)) == EXACT(-0.2, abs=1e-15)


def test_portfolio_that_never_fell_has_a_drawdown_of_0_without_dates() -> None:
    assert metrics.drawdown((1, 2, 2, 3)) == metrics.Drawdown(depth=0.0)
    assert metrics.max_drawdown((0.1, 0.0)) == 0
    assert metrics.calmar_ratio((0.1, 0.0)) is None


def test_win_rate_leaves_out_days_that_did_not_move() -> None:
    assert metrics.win_rate(RETURNS) == EXACT(2 / 3)
    assert metrics.win_rate((0.0, 0.0)) is None


def test_beta_of_twice_the_benchmark_is_2_and_alpha_is_what_is_added_each_day() -> None:
    market = np.array([0.01, -0.02, 0.015, 0.0])

    assert metrics.beta(2 * market + 0.001, market) == EXACT(2, rel=1e-12)
    assert metrics.alpha(2 * market + 0.001, market) == EXACT(1.001**252 - 1, rel=1e-9)


@pytest.mark.parametrize("market", [(0.0, 0.0), (0.01, 0.01)])
def test_benchmark_that_does_not_vary_explains_nothing(market: tuple[float, float]) -> None:
    assert metrics.beta((0.1, 0.2), market) is None
    assert metrics.alpha((0.1, 0.2), market) is None


def test_exposure_is_the_mean_part_that_is_invested() -> None:
    assert metrics.exposure((100, 200), (100, 50)) == EXACT(0.375)
    assert metrics.exposure((100, 0), (100, 0)) is None


def test_turnover_is_what_was_traded_over_the_mean_value() -> None:
    assert metrics.turnover((100, 200), 75) == 0.5
    assert metrics.turnover((0, 0), 0) is None


@pytest.mark.parametrize("figure", ANNUALISED)
@pytest.mark.parametrize("returns", [(), (0.01,)], ids=["no day", "one day"])
def test_one_day_is_too_short_for_a_figure_by_the_year(
    figure: Callable[[Sequence[float]], float | None], returns: tuple[float, ...]
) -> None:
    assert figure(returns) is None


def test_one_day_has_a_return_and_a_drawdown() -> None:
    assert metrics.cum_returns_final((-0.25,)) == -0.25
    assert metrics.max_drawdown((-0.25,)) == -0.25
    assert metrics.win_rate((-0.25,)) == 0
    assert metrics.cum_returns_final(()) is None
    assert metrics.max_drawdown(()) is None


@pytest.mark.parametrize("level", [0.0, 0.01, -0.013])
def test_series_without_spread_has_no_sharpe_ratio(level: float) -> None:
    assert metrics.sharpe_ratio([level] * 30) is None
    assert metrics.annual_volatility([level] * 30) == 0


def test_series_without_a_loss_has_no_sortino_ratio() -> None:
    assert metrics.sortino_ratio((0.01, 0.02, 0.0)) is None


def test_series_of_losses_alone_has_figures() -> None:
    losses = (-0.01, -0.02, -0.03)

    assert metrics.win_rate(losses) == 0
    assert metrics.max_drawdown(losses) == EXACT(0.99 * 0.98 * 0.97 - 1, abs=1e-15)
    assert metrics.annual_return(losses) == EXACT((0.99 * 0.98 * 0.97) ** 84 - 1, rel=1e-12)
    for figure in (metrics.sharpe_ratio, metrics.sortino_ratio, metrics.calmar_ratio):
        told = figure(losses)
        assert told is not None
        assert told < 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize(
    "figure", [*ANNUALISED, metrics.cum_returns_final, metrics.max_drawdown, metrics.win_rate], ids=lambda f: f.__name__
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_no_figure_is_nan_or_infinite(figure: Callable[[Sequence[float]], float | None], bad: float) -> None:
    told = figure((0.01, bad, -0.02))

    assert told is None or math.isfinite(told)


def test_return_by_the_year_that_no_float_holds_is_not_told() -> None:
    assert metrics.annual_return((1000.0, 1000.0)) is None
    assert metrics.alpha((1000.0, 1000.0), (0.01, 0.02)) is None


def test_window_tells_every_figure_with_its_dates() -> None:
    told = measure(
        History(
            start_value=VALUES[0],
            dates=("2025-03-03", "2025-03-04", "2025-03-05", "2025-03-06"),
            values=VALUES[1:],
            cash=(110, 0, 49.5, 59.4),
            traded=106.7,
            benchmark=(50, 55, 55, 55, 60.5),
        ),
        with_intervals=True,
    )

    assert (told.start_date, told.end_date, told.trading_days) == ("2025-03-03", "2025-03-06", 4)
    assert (told.peak_date, told.trough_date, told.recovery_date) == ("2025-03-03", "2025-03-04", "2025-03-06")
    assert (told.best_day.date, told.worst_day.date) == ("2025-03-06", "2025-03-04")
    assert told.best_day.change == EXACT(0.2)
    assert told.exposure == EXACT((0 + 1 + 0.5 + 0.5) / 4)
    assert told.turnover == EXACT(106.7 / 106.7)
    assert told.benchmark_return == EXACT(0.21)
    assert told.sharpe_interval is None


def test_peak_before_the_window_has_no_date() -> None:
    told = measure(
        History(start_value=100, dates=("2025-03-03",), values=(90,), cash=(0,), traded=0), with_intervals=True
    )

    assert (told.peak_date, told.trough_date, told.recovery_date) == (None, "2025-03-03", None)
    assert (told.max_drawdown, told.total_return) == (EXACT(-0.1), EXACT(-0.1))
    assert (told.sharpe_ratio, told.alpha, told.benchmark_return) == (None, None, None)

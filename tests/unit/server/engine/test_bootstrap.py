"""Confidence intervals: the same each time, unset for few days, and as wide as theory says."""

import math

import numpy as np
import pytest

from server.engine import metrics
from server.engine.bootstrap import MIN_DAYS, intervals


def days(count: int, seed: int = 1) -> metrics.Floats:
    return np.random.default_rng(seed).normal(0.0005, 0.01, count)


def test_same_days_have_the_same_intervals() -> None:
    assert intervals(days(60)) == intervals(days(60))


def test_intervals_of_a_known_series_do_not_move_with_the_version_of_numpy() -> None:
    sharpe, _ = intervals(np.array([0.01, -0.01, 0.02, 0.0] * 10))

    assert sharpe is not None
    assert (sharpe.low, sharpe.high) == pytest.approx((4.189272013130682, 10.235178893467271), rel=1e-9)


def test_few_days_have_no_interval() -> None:
    assert intervals(days(MIN_DAYS - 1)) == (None, None)
    assert None not in intervals(days(MIN_DAYS))


def test_flat_series_has_an_interval_of_its_return_alone() -> None:
    sharpe, annual = intervals(np.zeros(30))

    assert sharpe is None
    assert annual is not None
    assert (annual.low, annual.high) == (0, 0)


def test_series_that_hardly_ever_moves_has_no_sharpe_interval() -> None:
    sharpe, _ = intervals(np.append(np.zeros(29), 0.1))

    assert sharpe is None


def test_interval_holds_the_figure_itself() -> None:
    sharpe, annual = intervals(days(250))
    figure, by_year = metrics.sharpe_ratio(days(250)), metrics.annual_return(days(250))

    assert sharpe is not None
    assert annual is not None
    assert figure is not None
    assert by_year is not None
    assert sharpe.low < figure < sharpe.high
    assert annual.low < by_year < annual.high


def test_interval_of_independent_days_is_as_wide_as_theory_says() -> None:
    """Lo (2002): the standard error of a daily Sharpe ratio is sqrt((1 + ratio ** 2 / 2) / n)."""
    sharpe, _ = intervals(days(1000))

    assert sharpe is not None
    assert sharpe.high - sharpe.low == pytest.approx(2 * 1.96 * math.sqrt(252 / 1000), rel=0.15)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    truth = 0.0005 / 0.01 * math.sqrt(252)

    covering = [i for i in (intervals(days(120, seed))[0] for seed in range(100)) if i and i.low <= truth <= i.high]

    assert 85 <= len(covering) <= 100

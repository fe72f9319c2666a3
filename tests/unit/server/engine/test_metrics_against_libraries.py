"""Our figures are those of empyrical-reloaded and quantstats wherever the conventions are the same."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from server.engine import metrics

#: both libraries' figures are ours to this
CLOSE = {"rel": 1e-9, "abs": 1e-12}


@pytest.fixture(scope="module")
def empyrical() -> ModuleType:
    import empyrical

    return empyrical


@pytest.fixture(scope="module")
def quantstats() -> ModuleType:
    import quantstats.stats

    return quantstats.stats


def series(days: int, seed: int, drift: float = 0.0005) -> metrics.Floats:
    return np.random.default_rng(seed).normal(drift, 0.02, days)


SERIES = {
    "two days": np.array([0.01, -0.02]),
    "a month": series(22, 2),
    "a year": series(252, 3),
    "ten years": series(2520, 4),
    "losses alone": -np.abs(series(60, 5)),
    "some days flat": series(120, 6) * (np.arange(120) % 3 > 0),
    "ruinous": series(40, 7, drift=-0.15),
}


@pytest.fixture(params=SERIES, ids=lambda name: name.replace(" ", "-"))
def returns(request: pytest.FixtureRequest) -> metrics.Floats:
    return SERIES[request.param]


@pytest.mark.parametrize(
    "name",
    [
        "cum_returns_final",
        "annual_return",
        "annual_volatility",
        "sharpe_ratio",
        "sortino_ratio",
        "max_drawdown",
        "calmar_ratio",
    ],
)
def test_figure_is_that_of_empyrical(empyrical: ModuleType, returns: metrics.Floats, name: str) -> None:
    expected = getattr(empyrical, name)(returns)

    assert getattr(metrics, name)(returns) == pytest.approx(expected, **CLOSE)


def test_alpha_and_beta_are_those_of_empyrical(empyrical: ModuleType, returns: metrics.Floats) -> None:
    market = 0.4 * returns + series(len(returns), 8)

    assert metrics.beta(returns, market) == pytest.approx(empyrical.beta(returns, market), **CLOSE)
    assert metrics.alpha(returns, market) == pytest.approx(empyrical.alpha(returns, market), **CLOSE)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("cum_returns_final", "comp"),
        ("annual_return", "cagr"),
        ("annual_volatility", "volatility"),
        ("sharpe_ratio", "sharpe"),
        ("sortino_ratio", "sortino"),
        ("max_drawdown", "max_drawdown"),
        ("calmar_ratio", "calmar"),
        ("win_rate", "win_rate"),
    ],
)
def test_figure_is_that_of_quantstats(quantstats: ModuleType, returns: metrics.Floats, name: str, theirs: str) -> None:
    expected = getattr(quantstats, theirs)(dated(returns))

    assert getattr(metrics, name)(returns) == pytest.approx(expected, **CLOSE)


def test_beta_is_that_of_quantstats(quantstats: ModuleType) -> None:
    returns, market = SERIES["a year"], series(252, 9)

    greeks = quantstats.greeks(dated(returns), dated(market))

    assert metrics.beta(returns, market) == pytest.approx(greeks["beta"], **CLOSE)


def test_alpha_is_compounded_as_in_empyrical_and_not_multiplied_as_in_quantstats(
    empyrical: ModuleType, quantstats: ModuleType
) -> None:
    returns, market = SERIES["a year"], series(252, 9)

    theirs = quantstats.greeks(dated(returns), dated(market))["alpha"]

    assert metrics.alpha(returns, market) == pytest.approx(empyrical.alpha(returns, market), **CLOSE)
    assert metrics.alpha(returns, market) == pytest.approx((1 + theirs / 252) ** 252 - 1, rel=1e-9)


def test_where_the_libraries_have_infinity_or_nan_we_have_none(empyrical: ModuleType) -> None:
    gains, flat = np.array([0.01, 0.02]), np.zeros(5)

    assert empyrical.sortino_ratio(gains) == np.inf
    assert metrics.sortino_ratio(gains) is None
    assert np.isnan(empyrical.sharpe_ratio(flat))
    assert metrics.sharpe_ratio(flat) is None
    assert np.isnan(empyrical.calmar_ratio(gains))
    assert metrics.calmar_ratio(gains) is None


def test_one_day_is_annualised_by_the_library_and_not_by_us(empyrical: ModuleType) -> None:
    assert empyrical.annual_return(np.array([0.01])) == pytest.approx(1.01**252 - 1)
    assert metrics.annual_return(np.array([0.01])) is None


def dated(returns: metrics.Floats) -> Any:
    import pandas

    return pandas.Series(returns, index=pandas.bdate_range("2015-01-01", periods=len(returns)))

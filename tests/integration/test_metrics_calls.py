"""GetMetrics: how good a portfolio was, against oracles worked out from the small market and from real files."""

import json
import math
import statistics
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import grpc
import pytest

from aitrader.v1.metrics_pb2 import GetMetricsRequest, PortfolioMetrics
from aitrader.v1.simulation_pb2 import GetPortfolioTimeseriesRequest
from tests.service import DATES, DEADLINE, Service, bar, config, model, refusal, scripted

EXPERIMENT = "measured"

#: what 100 shares of UP and 9,000 dollars are worth at each close
VALUES = [10_050 + 100 * n for n in range(10)]


@pytest.fixture(scope="module")
def measured(service: Service) -> Iterator[Service]:
    """Trader buys 100 UP at 10 on the first date and sells them at 19 on the last; idle keeps its cash."""
    orders = {DATES[0]: [("buy", "UP", 100)], DATES[9]: [("sell", "UP", 100)]}
    service.run(config(scripted("trader", orders), model("idle")), experiment=EXPERIMENT)
    return service


def metrics(service: Service, name: str = "trader", **fields: str) -> PortfolioMetrics:
    request = GetMetricsRequest(model=name, **{"experiment": EXPERIMENT, **fields})
    return service.stub.GetMetrics(request, timeout=DEADLINE).metrics


def returns(values: list[float]) -> list[float]:
    return [after / before - 1 for before, after in pairwise(values)]


def test_whole_life_is_told_against_the_initial_cash(measured: Service) -> None:
    told = metrics(measured)
    changes = returns([10_000, *VALUES[:9], 10_900])

    assert (told.start_date, told.end_date, told.trading_days) == (DATES[0], DATES[9], 10)
    assert told.total_return_pct == pytest.approx(9, abs=1e-9)
    assert told.annual_return_pct == pytest.approx((1.09**25.2 - 1) * 100, rel=1e-9)
    assert told.annual_volatility_pct == pytest.approx(statistics.stdev(changes) * math.sqrt(252) * 100, rel=1e-9)
    ratio = statistics.mean(changes) / statistics.stdev(changes) * math.sqrt(252)
    assert told.sharpe_ratio == pytest.approx(ratio, rel=1e-9)
    assert (told.best_day_date, told.best_day_pct) == (DATES[1], pytest.approx(100 / 10_050 * 100))


def test_turnover_counts_purchases_and_sales_and_exposure_the_days_in_holdings(measured: Service) -> None:
    told = metrics(measured)
    closes = [*VALUES[:9], 10_900]

    assert told.turnover == pytest.approx((1000 + 1900) / statistics.mean(closes), rel=1e-9)
    invested = [(10.5 + n) * 100 / value for n, value in enumerate(closes[:9])]
    assert told.exposure_pct == pytest.approx(sum(invested) / 10 * 100, rel=1e-9)


def test_window_takes_its_first_return_from_the_close_before_it(measured: Service) -> None:
    told = metrics(measured, start_date=DATES[3], end_date=DATES[5])

    assert (told.start_date, told.end_date, told.trading_days) == (DATES[3], DATES[5], 3)
    assert told.total_return_pct == pytest.approx((VALUES[5] / VALUES[2] - 1) * 100, rel=1e-9)
    assert told.turnover == 0


def test_window_of_weekends_at_both_ends_tells_the_trading_days_within(measured: Service) -> None:
    told = metrics(measured, start_date="2025-03-01", end_date="2025-03-09")

    assert (told.start_date, told.end_date, told.trading_days) == (DATES[0], DATES[4], 5)


def test_one_day_leaves_what_it_cannot_say_unset(measured: Service) -> None:
    told = metrics(measured, start_date=DATES[4], end_date=DATES[4], benchmark="UP")

    assert told.total_return_pct == pytest.approx(100 / VALUES[3] * 100, rel=1e-9)
    for field in ("annual_return_pct", "annual_volatility_pct", "sharpe_ratio", "sortino_ratio", "alpha_pct", "beta"):
        assert not told.HasField(field), field
    assert (told.max_drawdown_pct, told.win_rate_pct, told.trading_days) == (0, 100, 1)


def test_portfolio_that_never_moved_has_no_ratios(measured: Service) -> None:
    told = metrics(measured, "idle", benchmark="UP")

    assert (told.total_return_pct, told.annual_return_pct, told.annual_volatility_pct) == (0, 0, 0)
    assert (told.exposure_pct, told.turnover, told.beta, told.alpha_pct) == (0, 0, 0, 0)
    for field in ("sharpe_ratio", "sortino_ratio", "calmar_ratio", "win_rate_pct", "sharpe_ratio_interval"):
        assert not told.HasField(field), field


def test_benchmark_is_held_from_the_first_open_or_from_the_close_before_the_window(measured: Service) -> None:
    whole = metrics(measured, benchmark="up")
    window = metrics(measured, start_date=DATES[3], end_date=DATES[5], benchmark="UP")

    assert whole.benchmark == "UP"
    assert whole.benchmark_return_pct == pytest.approx((19.5 / 10 - 1) * 100, rel=1e-9)
    assert window.benchmark_return_pct == pytest.approx((15.5 / 12.5 - 1) * 100, rel=1e-9)


def test_benchmark_without_a_bar_keeps_its_latest_close(measured: Service) -> None:
    told = metrics(measured, start_date=DATES[1], benchmark="HALT")

    assert told.benchmark_return_pct == 0
    assert not told.HasField("beta")


@pytest.mark.parametrize(
    "fields",
    [{"model": "nobody"}, {"experiment": "empty"}, {"start_date": "2026-01-01"}, {"end_date": "2020-01-01"}],
    ids=str,
)
def test_nothing_in_the_range_is_not_found(measured: Service, fields: dict[str, str]) -> None:
    request = GetMetricsRequest(**{"model": "trader", "experiment": EXPERIMENT, **fields})

    refused = refusal(measured.stub.GetMetrics, request)

    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NO_DATA")


def test_benchmark_without_prices_is_not_found_by_its_name(measured: Service) -> None:
    request = GetMetricsRequest(model="trader", experiment=EXPERIMENT, benchmark="NONE")

    refused = refusal(measured.stub.GetMetrics, request)

    assert (refused.code, refused.info.metadata["benchmark"]) == (grpc.StatusCode.NOT_FOUND, "NONE")


def test_benchmark_whose_prices_begin_later_is_not_found(measured: Service) -> None:
    measured.import_market([bar("LATE", DATES[5], 5, 6)])

    refused = refusal(
        measured.stub.GetMetrics, GetMetricsRequest(model="trader", experiment=EXPERIMENT, benchmark="LATE")
    )

    assert (refused.code, refused.info.metadata["date"]) == (grpc.StatusCode.NOT_FOUND, DATES[0])


def test_every_wrong_field_is_named(measured: Service) -> None:
    request = GetMetricsRequest(experiment="a b", start_date="2025-03-05", end_date="2025-03-04", benchmark="X" * 21)

    refused = refusal(measured.stub.GetMetrics, request)

    assert refused.violations.keys() == {"model", "experiment", "end_date", "benchmark"}


def test_real_run_is_told_as_its_recorded_values_say(new_service: Callable[..., Service], real_data: Path) -> None:
    """The values are read back as a time series, the benchmark's closes from its file; figures are worked out here."""
    service = new_service(data_dir=real_data)
    service.import_files(real_data / "merged.jsonl", real_data / "benchmark_QQQ.json")
    service.run(
        config(model("gpt-5", "replay/agent_data/gpt-5/position/position.jsonl"), start="2025-10-01", end="2025-10-30"),
        experiment=EXPERIMENT,
    )
    request = GetPortfolioTimeseriesRequest(model="gpt-5", experiment=EXPERIMENT)
    points = service.stub.GetPortfolioTimeseries(request, timeout=DEADLINE).timeseries

    told = metrics(service, "gpt-5", benchmark="QQQ")

    bars = json.loads((real_data / "benchmark_QQQ.json").read_text())["Time Series (Daily)"]
    ours = returns([10_000, *(point.portfolio_value for point in points)])
    opening = float(bars["2025-10-01"]["1. open"])
    market = returns([opening, *(float(bars[point.date]["4. close"]) for point in points)])
    slope = statistics.covariance(ours, market) / statistics.variance(market)
    daily_alpha = statistics.mean(ours) - slope * statistics.mean(market)
    assert told.trading_days == len(points) == 22
    assert told.total_return_pct == pytest.approx((math.prod(1 + day for day in ours) - 1) * 100, rel=1e-9)
    assert told.total_return_pct == pytest.approx(points[-1].cumulative_return_pct, abs=1e-6)
    assert told.benchmark_return_pct == pytest.approx((626.05 / opening - 1) * 100, rel=1e-9)
    assert told.beta == pytest.approx(slope, rel=1e-9)
    assert told.alpha_pct == pytest.approx(((1 + daily_alpha) ** 252 - 1) * 100, rel=1e-9)
    assert told.sharpe_ratio_interval.low < told.sharpe_ratio < told.sharpe_ratio_interval.high

"""GetPortfolioTimeseries: the value of one portfolio by date."""

from collections.abc import Iterator

import grpc
import pytest

from aitrader.v1.simulation_pb2 import GetPortfolioTimeseriesRequest, GetPortfolioTimeseriesResponse
from tests.service import DATES, DEADLINE, Service, config, model, refusal, scripted

EXPERIMENT = "series"


@pytest.fixture(scope="module")
def stored(service: Service) -> Iterator[Service]:
    """A portfolio of two jobs; `flat` is another one."""
    path = service.write_config(config(scripted("m", {DATES[0]: [("buy", "UP", 100)]}), model("flat")))
    service.run(path, experiment=EXPERIMENT, end_date=DATES[4])
    service.run(path, experiment=EXPERIMENT)
    return service


def series(service: Service, **fields: object) -> GetPortfolioTimeseriesResponse:
    request = GetPortfolioTimeseriesRequest(**{"model": "m", "experiment": EXPERIMENT, **fields})
    return service.stub.GetPortfolioTimeseries(request, timeout=DEADLINE)


def test_every_trading_day_has_a_point_across_jobs(stored: Service) -> None:
    response = series(stored)

    assert (response.model, response.experiment, response.initial_cash) == ("m", EXPERIMENT, 10_000)
    assert [(point.date, point.portfolio_value) for point in response.timeseries] == [
        (date, 10_050 + 100 * n) for n, date in enumerate(DATES)
    ]


def test_point_tells_cash_profit_and_returns(stored: Service) -> None:
    first, second, *_ = series(stored).timeseries

    assert (first.cash, first.daily_profit, first.daily_return_pct) == (9000, 50, 0.5)
    assert (second.daily_profit, second.cumulative_profit, second.cumulative_return_pct) == (100, 150, 1.5)


def test_daily_profits_add_up_to_the_cumulative_one(stored: Service) -> None:
    points = series(stored).timeseries

    assert sum(point.daily_profit for point in points) == points[-1].cumulative_profit


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (DATES[2], DATES[4], DATES[2:5]),
        ("", DATES[1], DATES[:2]),
        (DATES[8], "", DATES[8:]),
        (DATES[3],) * 2 + (DATES[3:4],),
        ("2025-03-08", DATES[5], DATES[5:6]),
    ],
)
def test_range_includes_both_ends(stored: Service, first: str, last: str, expected: tuple[str, ...]) -> None:
    points = series(stored, start_date=first, end_date=last).timeseries

    assert [point.date for point in points] == [*expected]


@pytest.mark.parametrize("size", [1, 3, 10, 2**31 - 1])
def test_pages_add_up_to_the_whole(stored: Service, size: int) -> None:
    dates: list[str] = []
    token = ""
    while True:
        page = series(stored, page_size=size, page_token=token)
        dates += [point.date for point in page.timeseries]
        token = page.next_page_token
        if not token:
            break

    assert dates == [*DATES]


def test_token_of_another_model_is_refused(stored: Service) -> None:
    token = series(stored, page_size=1).next_page_token

    request = GetPortfolioTimeseriesRequest(model="flat", experiment=EXPERIMENT, page_token=token)
    refused = refusal(stored.stub.GetPortfolioTimeseries, request)

    assert list(refused.violations) == ["page_token"]


@pytest.mark.parametrize(
    "fields",
    [{"model": "nobody"}, {"experiment": "nothing"}, {"start_date": "2030-01-01"}, {"end_date": "2020-01-01"}],
    ids=str,
)
def test_series_of_nothing_is_not_found(stored: Service, fields: dict[str, str]) -> None:
    request = GetPortfolioTimeseriesRequest(**{"model": "m", "experiment": EXPERIMENT, **fields})

    refused = refusal(stored.stub.GetPortfolioTimeseries, request)

    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NO_DATA")
    assert refused.info.metadata["model"] == request.model

"""Metrics and sorted leaderboards: what the clients ask and what `ai-trader` prints."""

from typing import Any

import pytest
from click.testing import CliRunner

from aitrader.v1 import metrics_pb2
from aitrader.v1 import portfolio_pb2 as portfolio
from aitrader.v1 import simulation_pb2 as pb
from client.cli import main
from tests.integration.client.fake_service import FakeService
from tests.integration.client.job_story import DATES
from tests.integration.client.twin import answer


@pytest.fixture(autouse=True)
def filled(service: FakeService) -> None:
    service.metrics = measured()
    risk = metrics_pb2.PortfolioMetrics(sharpe_ratio=1.25, max_drawdown_pct=-7.5)
    service.leaderboard.leaderboard.add(rank=1, model="gpt-5", portfolio_value=10_900, metrics=risk)
    service.leaderboard.leaderboard.add(rank=2, model="idle", metrics=metrics_pb2.PortfolioMetrics())
    service.leaderboard.benchmark.CopyFrom(portfolio.LeaderboardEntry(model="QQQ", portfolio_value=10_484))


def measured() -> metrics_pb2.GetMetricsResponse:
    figures = metrics_pb2.PortfolioMetrics(
        start_date=DATES[0],
        end_date=DATES[2],
        trading_days=3,
        total_return_pct=9,
        sharpe_ratio=1.5,
        sharpe_ratio_interval=metrics_pb2.ConfidenceInterval(low=-1, high=4),
        max_drawdown_pct=-2.5,
        max_drawdown_trough_date=DATES[1],
        best_day_date=DATES[2],
        worst_day_date=DATES[1],
        benchmark="QQQ",
        benchmark_return_pct=4.84,
    )
    return metrics_pb2.GetMetricsResponse(model="gpt-5", experiment="default", metrics=figures)


def printed(target: str, *arguments: str) -> str:
    runner = CliRunner(env={"COLUMNS": "160"})
    return runner.invoke(main, ["--server", target, *arguments], catch_exceptions=False).stdout


def test_metrics_are_told_line_by_line_with_intervals_and_dates(target: str, service: FakeService) -> None:
    lines = printed(target, "metrics", "gpt-5", "--start", DATES[0], "--benchmark", "QQQ").splitlines()

    rows = {line[:20].strip(): line[20:].split("  ", 1)[-1].strip() for line in lines[2:]}
    assert lines[1] == f"{DATES[0]} to {DATES[2]}, 3 trading days"
    assert rows["sharpe ratio"].split() == ["1.50", "95", "%", "between", "-1.00", "and", "4.00"]
    assert rows["sortino ratio"] == rows["beta"] == "-"
    assert f"from before the window to {DATES[1]}, not back yet" in rows["max drawdown"]
    assert rows["QQQ"] == "+4.84 %"
    assert service.requests == [metrics_pb2.GetMetricsRequest(model="gpt-5", start_date=DATES[0], benchmark="QQQ")]


def test_leaderboard_tells_risk_and_the_benchmark_without_a_rank(target: str, service: FakeService) -> None:
    output = printed(target, "leaderboard", "--sort", "sharpe", "--benchmark", "QQQ", "--metrics")

    rows = [line.split() for line in output.splitlines()]
    assert ["1", "gpt-5", "10,900.00", "+0.00", "+0.00", "%", "1.25", "-7.50", "%"] in rows
    assert any(row[:3] == ["QQQ", "(benchmark)", "10,484.00"] for row in rows)
    assert any(row[:2] == ["2", "idle"] and row[6] == "-" for row in rows)
    (request,) = service.received(pb.GetLeaderboardRequest)
    assert (request.sort, request.benchmark, request.with_metrics) == (pb.LEADERBOARD_SORT_SHARPE, "QQQ", True)


async def test_both_clients_give_the_figures(client: Any, service: FakeService) -> None:
    figures = await answer(client.metrics("gpt-5", experiment="e", end_date=DATES[2]))

    assert figures == measured().metrics
    assert await answer(client.get_metrics("gpt-5")) == measured()
    asked = metrics_pb2.GetMetricsRequest(model="gpt-5", experiment="e", end_date=DATES[2])
    assert service.requests == [asked, metrics_pb2.GetMetricsRequest(model="gpt-5")]


async def test_leaderboard_is_asked_for_in_words(client: Any, service: FakeService) -> None:
    await answer(client.get_leaderboard(sort="drawdown"))
    await answer(client.get_leaderboard())

    assert [request.sort for request in service.requests] == [pb.LEADERBOARD_SORT_DRAWDOWN, 0]
    with pytest.raises(ValueError, match="'luck' is not one of value, return, sharpe, drawdown"):
        await answer(client.get_leaderboard(sort="luck"))

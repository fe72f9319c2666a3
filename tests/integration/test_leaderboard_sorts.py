"""GetLeaderboard by other figures than value, with metrics and with a benchmark."""

from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from aitrader.v1 import simulation_pb2 as pb
from aitrader.v1.metrics_pb2 import GetMetricsRequest
from tests.service import DATES, DEADLINE, Service, config, model, refusal, scripted

EXPERIMENT = "sorted"


@pytest.fixture(scope="module")
def race(service: Service) -> Iterator[Service]:
    """Bold and its twin, of ten times the cash, put half into UP; mixed also holds DOWN; rich and idle keep cash."""
    small = [
        scripted("bold", {DATES[0]: [("buy", "UP", 500)]}),
        scripted("mixed", {DATES[0]: [("buy", "UP", 300), ("buy", "DOWN", 100)]}),
        scripted("loser", {DATES[0]: [("buy", "DOWN", 150)]}),
        model("idle"),
    ]
    large = [scripted("twin", {DATES[0]: [("buy", "UP", 5000)]}), model("rich")]
    service.run(config(*small), experiment=EXPERIMENT)
    service.run(config(*large, cash=100_000.0), experiment=EXPERIMENT)
    return service


def board(service: Service, **fields: object) -> pb.GetLeaderboardResponse:
    request = pb.GetLeaderboardRequest(**{"experiment": EXPERIMENT, **fields})
    return service.stub.GetLeaderboard(request, timeout=DEADLINE)


def places(response: pb.GetLeaderboardResponse) -> list[tuple[int, str]]:
    return [(entry.rank, entry.model) for entry in response.leaderboard]


ORDERS = {
    pb.LEADERBOARD_SORT_UNSPECIFIED: ["twin", "rich", "bold", "mixed", "idle", "loser"],
    pb.LEADERBOARD_SORT_VALUE: ["twin", "rich", "bold", "mixed", "idle", "loser"],
    pb.LEADERBOARD_SORT_RETURN: ["bold", "twin", "mixed", "idle", "rich", "loser"],
    pb.LEADERBOARD_SORT_SHARPE: ["mixed", "bold", "twin", "loser", "idle", "rich"],
    pb.LEADERBOARD_SORT_DRAWDOWN: ["bold", "idle", "mixed", "rich", "twin", "loser"],
}
RANKS = {
    pb.LEADERBOARD_SORT_UNSPECIFIED: [1, 2, 3, 4, 5, 6],
    pb.LEADERBOARD_SORT_VALUE: [1, 2, 3, 4, 5, 6],
    pb.LEADERBOARD_SORT_RETURN: [1, 1, 3, 4, 4, 6],
    pb.LEADERBOARD_SORT_SHARPE: [1, 2, 2, 4, 5, 5],
    pb.LEADERBOARD_SORT_DRAWDOWN: [1, 1, 1, 1, 1, 6],
}


@pytest.mark.parametrize("sort", ORDERS, ids=pb.LeaderboardSort.Name)
@pytest.mark.parametrize("date", ["", DATES[9]])
def test_equals_share_a_rank_and_what_lacks_the_figure_comes_last(race: Service, sort: int, date: str) -> None:
    assert places(board(race, sort=sort, date=date)) == list(zip(RANKS[sort], ORDERS[sort], strict=True))


@pytest.mark.parametrize("sort", ORDERS, ids=pb.LeaderboardSort.Name)
@pytest.mark.parametrize("size", [1, 2, 5])
def test_pages_add_up_to_the_whole_with_the_same_ranks(race: Service, sort: int, size: int) -> None:
    whole = board(race, sort=sort, with_metrics=True)
    found: list[tuple[int, str]] = []
    page = board(race, sort=sort, with_metrics=True, page_size=size)
    while True:
        found += places(page)
        if not page.next_page_token:
            break
        page = board(race, sort=sort, with_metrics=True, page_size=size, page_token=page.next_page_token)

    assert found == places(whole)


def test_rank_uses_more_than_the_digits_that_are_told(service: Service) -> None:
    """A dollar more on nearly 100 million is less than the sixth digit of a percent that is told."""
    for name, cash in (("cent", 99_999_999.99), ("even", 99_999_999.0)):
        service.run(
            config(scripted(name, {DATES[0]: [("buy", "UP", 1)]}), end=DATES[0], cash=cash), experiment="precise"
        )

    response = board(service, experiment="precise", sort=pb.LEADERBOARD_SORT_RETURN)

    assert places(response) == [(1, "even"), (2, "cent")]
    assert len({entry.cumulative_return_pct for entry in response.leaderboard}) == 1


def test_token_of_another_sort_is_refused(race: Service) -> None:
    token = board(race, page_size=1, sort=pb.LEADERBOARD_SORT_RETURN).next_page_token
    request = pb.GetLeaderboardRequest(experiment=EXPERIMENT, sort=pb.LEADERBOARD_SORT_SHARPE, page_token=token)

    assert "page_token" in refusal(race.stub.GetLeaderboard, request).violations


def test_sort_that_is_none_and_benchmark_that_is_too_long_are_refused(race: Service) -> None:
    request = pb.GetLeaderboardRequest(experiment=EXPERIMENT, sort=99, benchmark="X" * 21)

    assert refusal(race.stub.GetLeaderboard, request).violations.keys() == {"sort", "benchmark"}


@pytest.mark.parametrize("date", ["", DATES[4]])
def test_metrics_of_an_entry_are_those_of_get_metrics_without_intervals(race: Service, date: str) -> None:
    for entry in board(race, with_metrics=True, benchmark="UP", date=date).leaderboard:
        request = GetMetricsRequest(model=entry.model, experiment=EXPERIMENT, benchmark="UP", end_date=date)
        alone = race.stub.GetMetrics(request, timeout=DEADLINE).metrics
        alone.ClearField("sharpe_ratio_interval")
        alone.ClearField("annual_return_pct_interval")

        assert entry.metrics == alone

    assert not board(race).leaderboard[0].HasField("metrics")


def test_benchmark_is_the_first_portfolios_cash_held_from_the_first_open(race: Service) -> None:
    benchmark = board(race, benchmark="up", curve_points=500, with_metrics=True).benchmark

    assert (benchmark.rank, benchmark.model, benchmark.date) == (0, "UP", DATES[9])
    assert (benchmark.initial_cash, benchmark.portfolio_value) == (10_000, 19_500)
    assert (benchmark.cumulative_profit, benchmark.cumulative_return_pct) == (9500, 95)
    assert list(benchmark.curve) == pytest.approx([10_500 + 1000 * n for n in range(10)])
    assert benchmark.metrics.exposure_pct == 100
    assert not board(race).HasField("benchmark")


def test_benchmark_holds_fractions_of_shares(race: Service) -> None:
    benchmark = board(race, benchmark="DOWN", date=DATES[2]).benchmark

    assert (benchmark.date, benchmark.trading_days) == (DATES[2], 3)
    assert benchmark.portfolio_value == 9600


def test_benchmark_is_the_same_on_every_page(race: Service) -> None:
    first = board(race, benchmark="UP", page_size=2)
    second = board(race, benchmark="UP", page_size=2, page_token=first.next_page_token)

    assert first.benchmark == second.benchmark


def test_benchmark_without_prices_is_not_found(race: Service) -> None:
    refused = refusal(race.stub.GetLeaderboard, pb.GetLeaderboardRequest(experiment=EXPERIMENT, benchmark="NONE"))

    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NO_DATA")


def test_leaderboard_shows_what_has_changed_since(service: Service) -> None:
    service.run(config(model("first"), end=DATES[0]), experiment="fresh")
    before = board(service, experiment="fresh", sort=pb.LEADERBOARD_SORT_RETURN)
    service.run(config(model("second"), end=DATES[0]), experiment="fresh")

    assert places(before) == [(1, "first")]
    assert len(board(service, experiment="fresh", sort=pb.LEADERBOARD_SORT_RETURN).leaderboard) == 2


def test_index_fund_stands_beside_real_runs(new_service: Callable[..., Service], real_data: Path) -> None:
    service = new_service(data_dir=real_data)
    service.import_files(real_data / "merged.jsonl", real_data / "benchmark_QQQ.json")
    runs = [model(name, f"replay/agent_data/{name}/position/position.jsonl") for name in ("gpt-5", "claude-3.7-sonnet")]
    service.run(config(*runs, start="2025-10-01", end="2025-10-30"), experiment=EXPERIMENT)

    benchmark = board(service, benchmark="QQQ").benchmark

    assert (benchmark.date, benchmark.trading_days) == ("2025-10-30", 22)
    assert benchmark.portfolio_value == pytest.approx(10_000 * 626.05 / 597.17, abs=1e-6)

"""`db cleanup` beside a running server: what is left goes on, and every answer says from when on it knows."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner, Result

from aitrader.v1 import metrics_pb2, portfolio_pb2, simulation_pb2
from client.cli import main
from server.__main__ import cli
from server.upkeep.command import db
from tests.service import (
    DATES,
    DEADLINE,
    BackgroundLoop,
    Service,
    config,
    refusal,
    scripted,
    start_service,
    wait_until,
)

ORDERS = {
    DATES[0]: [("buy", "UP", 10), ("buy", "FLAT", 5)],
    DATES[3]: [("sell", "UP", 4)],
    DATES[6]: [("buy", "FLAT", 2), ("sell", "UP", 1)],
}


def upkeep(service: Service, *arguments: str) -> Result:
    return CliRunner().invoke(db, [*arguments, "--db", str(service.settings.db)])


def trading(**more: object) -> dict[str, object]:
    logs = {"log_path": "./data/agent_data", "write": True}
    return config(scripted("m", ORDERS), cash=1000.0, **more) | {"log_config": logs}


def days(service: Service, experiment: str) -> list[portfolio_pb2.DayResult]:
    """Return what the days from the sixth on left, without what names the job."""
    found = service.results(experiment=experiment, start_date=DATES[5])
    for day in found:
        day.ClearField("job_id")
        day.ClearField("experiment")
    return found


@dataclass(frozen=True)
class Cleaned:
    """A service whose first job, of five days, was removed, and whose second went on; `twin` had both jobs stay."""

    service: Service
    removed: str
    second: simulation_pb2.TriggerResponse
    twin: list[portfolio_pb2.DayResult]


@pytest.fixture(scope="module")
def cleaned(loop: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cleaned]:
    service = start_service(loop, tmp_path_factory.mktemp("cleaned"))
    try:
        for experiment in ("twin", "default"):
            first = service.run(trading(end=DATES[4]), experiment=experiment).job_id
        service.run(trading(), experiment="twin")
        twin = days(service, "twin")
        written = ((files(service)[0], DATES[4]), (files(service)[1], DATES[9]))
        wait_until(lambda: all(file.exists() and date in file.read_text() for file, date in written), "the files")
        result = upkeep(service, "cleanup", "--older-than", "0h")
        assert result.exit_code == 0, result.output
        service.restart()
        second = service.trigger(trading())
        service.ended(second.job_id)
        yield Cleaned(service, first, second, twin)
    finally:
        service.close()


def files(service: Service) -> list[Path]:
    return [service.data / folder / "m/position/position.jsonl" for folder in ("agent_data", "agent_data-twin")]


def test_job_after_a_cleanup_goes_on_with_the_same_cash_and_shares(cleaned: Cleaned, tmp_path: Path) -> None:
    service, backup = cleaned.service, str(tmp_path / "backup.db")

    assert days(service, "default") == cleaned.twin
    checked = upkeep(service, "check")
    assert checked.exit_code == 0, checked.output
    verified = service.stub.VerifyJob(simulation_pb2.VerifyJobRequest(job_id=cleaned.second.job_id), timeout=DEADLINE)
    assert verified.equal, verified
    assert upkeep(service, "backup", backup).exit_code == 0
    assert CliRunner().invoke(db, ["check", "--db", backup]).exit_code == 0
    wait_until(lambda: files(service)[0].read_bytes() == files(service)[1].read_bytes(), "the files")


def test_answers_say_from_when_on_they_know(cleaned: Cleaned) -> None:
    stub = cleaned.service.stub

    series = stub.GetPortfolioTimeseries(simulation_pb2.GetPortfolioTimeseriesRequest(model="m"), timeout=DEADLINE)
    ranking = simulation_pb2.GetLeaderboardRequest(with_metrics=True, benchmark="UP")
    board = stub.GetLeaderboard(ranking, timeout=DEADLINE)
    metrics = stub.GetMetrics(metrics_pb2.GetMetricsRequest(model="m"), timeout=DEADLINE)
    results = stub.GetResults(simulation_pb2.GetResultsRequest(), timeout=DEADLINE)

    (entry,), first, last = board.leaderboard, series.timeseries[0], series.timeseries[-1]
    assert [told.removed_through for told in (series, board, entry, metrics, results)] == [DATES[4]] * 5
    assert first.date == metrics.metrics.start_date == DATES[5]
    assert last.cumulative_profit == pytest.approx(last.portfolio_value - 1000)
    assert (entry.cumulative_profit, entry.trading_days) == (last.cumulative_profit, 10)
    before = first.portfolio_value - first.daily_profit
    assert metrics.metrics.total_return_pct == pytest.approx((last.portfolio_value / before - 1) * 100)
    assert board.benchmark.trading_days == 10


def test_commands_say_so_too(cleaned: Cleaned, tmp_path: Path) -> None:
    service = cleaned.service
    where = ["--out", str(tmp_path), "--db", str(service.settings.db)]

    series = CliRunner().invoke(main, ["--server", f"127.0.0.1:{service.port}", "timeseries", "m"])
    tables = CliRunner().invoke(cli, ["export", "--format", "csv", *where])

    assert series.stdout.splitlines()[-1] == f"a cleanup removed trading days up to {DATES[4]}"
    told = f"a cleanup removed trading days of the experiment up to {DATES[4]}; they are in no file"
    assert tables.output.splitlines()[-1] == told
    assert (tmp_path / "trading_days.csv").read_text().count("\n") == 6


def test_portfolio_without_a_day_left_is_ranked_by_what_was_carried(cleaned: Cleaned) -> None:
    last = cleaned.twin[-1]
    ranking = simulation_pb2.GetLeaderboardRequest(
        experiment="twin",
        date=DATES[9],
        sort=simulation_pb2.LEADERBOARD_SORT_SHARPE,
        with_metrics=True,
        curve_points=5,
        benchmark="UP",
    )

    board = cleaned.service.stub.GetLeaderboard(ranking, timeout=DEADLINE)
    ranking.date = DATES[8]
    earlier = refusal(cleaned.service.stub.GetLeaderboard, ranking)

    (entry,) = board.leaderboard
    assert (entry.date, entry.trading_days, entry.removed_through) == (DATES[9], 10, DATES[9])
    assert entry.cumulative_profit == pytest.approx(last.cumulative_profit)
    assert not entry.HasField("metrics")
    assert not entry.curve
    assert board.benchmark.trading_days == 10
    assert earlier.info.metadata["removed_through"] == DATES[9]


def test_what_was_removed_is_refused_by_name(cleaned: Cleaned, tmp_path: Path) -> None:
    service, stub = cleaned.service, cleaned.service.stub
    removed = f"a cleanup removed the trading days of 'm' up to {DATES[4]}"
    path = service.write_config(trading())

    replacing = refusal(stub.Trigger, simulation_pb2.TriggerRequest(config_path=path, replace_existing=True))
    early = simulation_pb2.GetPortfolioTimeseriesRequest(model="m", end_date=DATES[2])
    arguments = ["export", "--format", "jsonl", "--out", str(tmp_path), "--db", str(service.settings.db)]
    exported = CliRunner().invoke(cli, arguments)

    assert replacing.violations == {"start_date": f"{removed}; only later ones can be replaced, not {DATES[0]}"}
    assert refusal(stub.GetPortfolioTimeseries, early).info.metadata["removed_through"] == DATES[4]
    gone = refusal(stub.GetStatus, simulation_pb2.GetStatusRequest(job_id=cleaned.removed))
    assert gone.code is grpc.StatusCode.NOT_FOUND
    assert f"'m': 5 date(s) left out: a cleanup removed the trading days up to {DATES[4]}" in cleaned.second.warnings
    assert exported.exit_code == 1
    assert f"a cleanup removed its trading days up to {DATES[4]}" in exported.output


def test_dry_run_tells_the_same_and_changes_nothing(new_service: Callable[..., Service]) -> None:
    service = new_service()
    service.run(trading())
    before = service.contents()

    counted = json.loads(upkeep(service, "cleanup", "--older-than", "0h", "--json", "--dry-run").output)
    unchanged = service.contents()
    removed = json.loads(upkeep(service, "cleanup", "--older-than", "0h", "--json").output)

    assert unchanged == before
    assert (counted["dry_run"], removed["dry_run"]) == (True, False)
    assert counted["rows"] == removed["rows"]
    assert removed["rows"]["trading_days"] == 10
    lines = upkeep(service, "cleanup", "--older-than", "12w").output.splitlines()
    assert lines[0].endswith(": 0 removed, 0 kept")


@pytest.mark.parametrize("age", ["", "90", "soon", "2999-01-01", "2025-02-30", "999999w"])
def test_age_that_is_none_is_refused(age: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(db, ["cleanup", "--older-than", age, "--db", str(tmp_path / "jobs.db")])

    assert result.exit_code == 2
    assert "Invalid value for '--older-than'" in result.output

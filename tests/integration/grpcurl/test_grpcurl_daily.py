"""daily.sh: what it prints, and the exit code for each way that a day can end."""

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from aitrader.v1 import job_pb2
from aitrader.v1.simulation_pb2 import ListJobsRequest
from tests.integration.grpcurl.script import FOLDER, run_script
from tests.service import DATES, DEADLINE, Service, config, model, scripted, wait_until

DAILY = FOLDER / "daily.sh"

Follow = Callable[..., "Future[subprocess.CompletedProcess[str]]"]


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Run daily.sh beside the test."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda *arguments, **more: pool.submit(run_script, DAILY, *arguments, **more)


def test_completed_job_prints_the_leaderboard_and_exits_with_0(service: Service, experiment: str) -> None:
    rising = model("rising", "rule/buy-and-hold")
    path = service.write_config(config(rising, model("flat"), experiment=experiment, universe=["UP"]))

    done = run_script(DAILY, service, path)

    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(rank, name, date) for rank, name, _, _, date in rows] == [
        ("1", "rising", DATES[-1]),
        ("2", "flat", DATES[-1]),
    ]
    assert [line.split()[1] for line in done.stderr.splitlines() if line.endswith("job_ended")] == ["job_ended"]
    assert f"model_day_completed {DATES[0]} flat" in done.stderr


def test_up_to_date_portfolios_print_the_leaderboard_and_exit_with_0(service: Service, experiment: str) -> None:
    path = service.write_config(config(model("m"), experiment=experiment))
    service.run(path)

    done = run_script(DAILY, service, path)

    assert (done.returncode, done.stdout.split("\t")[:2]) == (0, ["1", "m"])
    assert "up to date" in done.stderr


def test_partial_job_prints_the_leaderboard_and_exits_with_3(service: Service, experiment: str) -> None:
    path = service.write_config(config(scripted("m", raise_on=DATES[1]), experiment=experiment))

    done = run_script(DAILY, service, path)

    assert (done.returncode, done.stdout.split("\t")[:2]) == (3, ["1", "m"])
    assert f"model_day_failed {DATES[1]} m" in done.stderr
    assert "the trader gave up" in done.stderr


def test_failed_job_without_any_portfolio_exits_with_4(service: Service, experiment: str) -> None:
    path = service.write_config(config(scripted("m", raise_on=DATES[0]), end=DATES[0], experiment=experiment))

    done = run_script(DAILY, service, path)

    assert (done.returncode, done.stdout) == (4, "")


def test_job_in_the_way_exits_with_75_and_its_own_job_is_followed(
    service: Service, experiment: str, tmp_path: Path, follow: Follow
) -> None:
    waiting = scripted("w", wait_on=DATES[0], wait_for=str(tmp_path / "go"))
    path = service.write_config(config(waiting, end=DATES[1], experiment=experiment))
    other = service.write_config(config(waiting, end=DATES[5], experiment=experiment))
    job_id = service.trigger(path).job_id

    refused = run_script(DAILY, service, other)
    following = follow(service, path)
    (tmp_path / "go").touch()

    assert refused.returncode == 75
    assert "JOB_CONFLICT" in refused.stderr
    assert following.result(DEADLINE).returncode == 0
    assert service.status(job_id).status == job_pb2.JOB_STATUS_COMPLETED


def test_cancelled_job_exits_with_4(service: Service, experiment: str, tmp_path: Path, follow: Follow) -> None:
    waiting = scripted("w", wait_on=DATES[0], wait_for=str(tmp_path / "go"))
    path = service.write_config(config(waiting, experiment=experiment))
    following = follow(service, path)
    wait_until((tmp_path / "go.reached").exists, "the first model-day")

    run_script(
        FOLDER / "cancel-job.sh", service, service.stub.ListJobs(ListJobsRequest(experiment=experiment)).jobs[0].job_id
    )

    assert following.result(DEADLINE).returncode == 4


def test_restart_of_the_service_is_lived_through(
    new_service: Callable[..., Service], tmp_path: Path, follow: Follow
) -> None:
    service = new_service()
    waiting = scripted("w", wait_on=DATES[1], wait_for=str(tmp_path / "go"))
    path = service.write_config(config(waiting))
    following = follow(service, path, settings={"DAILY_LOOKS": "1000"})
    wait_until((tmp_path / "go.reached").exists, "the second model-day")
    port = service.port

    service.stop()
    service.settings = service.settings.model_copy(update={"port": port})
    service.start()
    (tmp_path / "go").touch()

    done = following.result(DEADLINE)
    assert done.returncode == 0, done.stderr
    assert "job_ended" in done.stderr


def test_service_that_is_away_exits_with_75() -> None:
    done = run_script(DAILY, "127.0.0.1:1", "demo.json")

    assert done.returncode == 75
    assert "Failed to dial" in done.stderr


def test_wrong_config_exits_with_1_and_wrong_usage_with_2(service: Service) -> None:
    assert run_script(DAILY, service, "nowhere.json").returncode == 1
    assert run_script(DAILY, service).returncode == 2

"""Both forms of the daily simulation, step by step, for every way that a day can end."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aitrader.v1.control_pb2 import CancelJobRequest
from aitrader.v1.simulation_pb2 import ListJobsRequest
from tests.integration.gateway.gateway_server import Gateway
from tests.integration.windmill.flow_run import FlowRun, StepFailedError
from tests.integration.windmill.windmill_server import WindmillServer
from tests.service import DATES, DEADLINE, Service, config, model, scripted, wait_until

POLLED, RESUMED = "daily_simulation", "daily_simulation_callback"

Start = Callable[..., FlowRun]


@pytest.fixture(params=[POLLED, RESUMED])
def new_run(
    request: pytest.FixtureRequest, service: Service, gateway: Gateway, windmill: WindmillServer, experiment: str
) -> Start:
    """Prepare a run of one form of the flow, for a config of some models."""

    def prepare(*models: Mapping[str, Any], end: str = DATES[-1], **flow_input: Any) -> FlowRun:
        path = service.write_config(config(*models, experiment=experiment, end=end))
        asked = {"service": {"base_url": gateway.url}, "config_path": path, **flow_input}
        return FlowRun(name=request.param, flow_input=asked, windmill=windmill)

    return prepare


def test_completed_day_is_stored_and_tells_who_leads(new_run: Start, windmill: WindmillServer) -> None:
    run = new_run(model("m", "rule/buy-and-hold"), folder="results/")

    result = run.run()

    assert (result["status"], result["completed"], result["failed"]) == ("completed", len(DATES), 0)
    assert [entry["model"] for entry in result["leaderboard"]] == ["m"]
    lines = windmill.files[f"results/{result['job_id']}.jsonl"].splitlines()
    assert [json.loads(line)["date"] for line in lines] == list(DATES)
    assert list(dict.fromkeys(run.trail)) == (
        ["trigger", "poll", "performance", "store"] if run.name == POLLED else ["trigger", "performance", "store"]
    )
    if run.name == RESUMED:
        assert run.resumed_with["data"]["job_id"] == result["job_id"]


def test_partial_day_goes_on_and_names_what_failed(new_run: Start) -> None:
    result = new_run(scripted("m", raise_on=DATES[1]), end=DATES[3]).run()

    assert (result["status"], result["completed"], result["failed"]) == ("partial", 3, 1)
    assert [(day["date"], day["model"]) for day in result["failures"]] == [(DATES[1], "m")]
    assert result["file"] is None


def test_failed_day_fails_the_flow_with_the_reason(new_run: Start) -> None:
    run = new_run(scripted("m", raise_on=DATES[0]), end=DATES[0])

    with pytest.raises(StepFailedError, match=r"job .* failed: .*the trader gave up"):
        run.run()

    assert run.trail[-1] == "store"


def test_current_portfolios_stop_the_flow_early(new_run: Start, service: Service) -> None:
    run = new_run(model("m"))
    service.run(run.flow_input["config_path"])

    result = run.run()

    assert (result["status"], result["job_id"], run.trail) == ("current", None, ["trigger"])


def test_conflict_is_tried_again_and_then_fails_the_flow(new_run: Start, service: Service, tmp_path: Path) -> None:
    waiting = scripted("w", wait_on=DATES[0], wait_for=str(tmp_path / "go"))
    running = service.trigger(new_run(waiting, end=DATES[1]).flow_input["config_path"]).job_id
    run = new_run(waiting)

    with pytest.raises(StepFailedError, match=f"conflict: job {running} of {DATES[0]} to {DATES[1]} is in the way"):
        run.run()

    (tmp_path / "go").touch()
    assert run.trail == ["trigger"] * 6
    assert service.ended(running).progress.completed == 2


def test_queued_day_waits_for_the_job_in_its_way(new_run: Start, service: Service, tmp_path: Path) -> None:
    waiting = scripted("w", wait_on=DATES[0], wait_for=str(tmp_path / "go"))
    first = service.trigger(new_run(waiting, end=DATES[1]).flow_input["config_path"]).job_id
    run = new_run(waiting, conflict_policy="queue")

    with ThreadPoolExecutor(1) as pool:
        flow = pool.submit(run.run)
        wait_until(lambda: "trigger" in run.results, "the trigger")
        (tmp_path / "go").touch()
        result = flow.result(DEADLINE)

    assert (result["status"], result["completed"]) == ("completed", len(DATES) - 2)
    assert result["job_id"] != first


def test_cancelled_day_fails_the_flow(new_run: Start, service: Service, experiment: str, tmp_path: Path) -> None:
    run = new_run(scripted("w", wait_on=DATES[1], wait_for=str(tmp_path / "go")))

    with ThreadPoolExecutor(1) as pool:
        flow = pool.submit(run.run)
        wait_until((tmp_path / "go.reached").exists, "the second model-day")
        (job,) = service.stub.ListJobs(ListJobsRequest(experiment=experiment)).jobs
        service.stub.CancelJob(CancelJobRequest(job_id=job.job_id))
        with pytest.raises(StepFailedError, match="cancelled"):
            flow.result(DEADLINE)


def test_resuming_by_hand_does_not_pass_for_an_end(
    service: Service, gateway: Gateway, windmill: WindmillServer, experiment: str, tmp_path: Path
) -> None:
    """The payload is not believed: the service is asked."""
    waiting = scripted("w", wait_on=DATES[0], wait_for=str(tmp_path / "go"))
    path = service.write_config(config(waiting, experiment=experiment))
    job_id = service.trigger(path).job_id
    asked = {"service": {"base_url": gateway.url}, "config_path": path}
    run = FlowRun(name=RESUMED, flow_input=asked, windmill=windmill)

    with ThreadPoolExecutor(1) as pool:
        flow = pool.submit(run.run)
        wait_until(lambda: "trigger" in run.results, "the trigger")
        url = service.rows("SELECT url FROM callbacks WHERE job_id = ?", job_id)[0][0]
        gateway.http.post(url, json={"data": {"status": "completed"}})
        with pytest.raises(StepFailedError, match=f"job {job_id} has not ended: it is running"):
            flow.result(DEADLINE)

    (tmp_path / "go").touch()
    service.ended(job_id)

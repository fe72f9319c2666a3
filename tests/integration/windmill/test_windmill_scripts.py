"""Each script for itself, against a live gateway."""

from typing import Any

import pytest

from tests.callback_receiver import Receiver
from tests.integration.gateway.gateway_server import Gateway
from tests.integration.windmill.flow_run import StepFailedError, run_step
from tests.integration.windmill.windmill_server import WindmillServer
from tests.service import DATES, Service, config, model


@pytest.fixture
def asked(gateway: Gateway) -> dict[str, Any]:
    """The argument that every script takes."""
    return {"service": {"base_url": f"{gateway.url}/", "api_key": "a-key"}}


def test_trigger_tells_the_job_and_what_was_left_out(
    service: Service, windmill: WindmillServer, asked: dict[str, Any], experiment: str
) -> None:
    path = service.write_config(config(model("a"), model("b"), experiment="other"))

    told = run_step(
        windmill,
        "f/ai_trader/trigger_simulation",
        {**asked, "config_path": path, "experiment": experiment, "models": ["b"], "end_date": DATES[1]},
    )

    assert told["status"] == "accepted"
    assert told["experiment"] == experiment
    assert service.ended(told["job_id"]).progress.completed == 2


def test_same_step_asked_twice_starts_one_job(
    service: Service, windmill: WindmillServer, asked: dict[str, Any], experiment: str
) -> None:
    arguments = {**asked, "config_path": service.write_config(config(model("m"), experiment=experiment))}

    first, second = (run_step(windmill, "f/ai_trader/trigger_simulation", arguments, "step-1") for _ in range(2))

    assert first["job_id"] == second["job_id"]


def test_poll_tells_how_far_a_job_is(service: Service, windmill: WindmillServer, asked: dict[str, Any]) -> None:
    job_id = service.run(config(model("m"), end=DATES[0], experiment="polled")).job_id

    told = run_step(windmill, "f/ai_trader/poll_simulation_status", {**asked, "job_id": job_id})

    assert (told["status"], told["ended"], told["completed"], told["total_model_days"]) == ("completed", True, 1, 1)


def test_performance_and_timeseries_are_those_of_the_service(
    service: Service, windmill: WindmillServer, asked: dict[str, Any], experiment: str
) -> None:
    service.run(config(model("m", "rule/buy-and-hold"), model("c"), experiment=experiment))
    arguments = {**asked, "experiment": experiment}

    best = run_step(windmill, "f/ai_trader/get_latest_performance", arguments)["leaderboard"][0]
    values = run_step(windmill, "f/ai_trader/get_timeseries", {**arguments, "model": best["model"]})

    assert [value["date"] for value in values] == list(DATES)
    assert values[-1]["portfolio_value"] == best["portfolio_value"]


def test_performance_before_the_first_day_is_empty(windmill: WindmillServer, asked: dict[str, Any]) -> None:
    told = run_step(windmill, "f/ai_trader/get_latest_performance", {**asked, "experiment": "nobody"})

    assert told == {"experiment": "nobody", "leaderboard": []}


def test_refusal_is_told_in_the_words_of_the_service(windmill: WindmillServer, asked: dict[str, Any]) -> None:
    with pytest.raises(StepFailedError, match=r"ServiceError: not_found: job_id 'nobody' was not found"):
        run_step(windmill, "f/ai_trader/poll_simulation_status", {**asked, "job_id": "nobody"})


def test_unreachable_gateway_is_an_error(windmill: WindmillServer) -> None:
    arguments = {"service": {"base_url": "http://127.0.0.1:1"}, "job_id": "x"}

    with pytest.raises(StepFailedError, match="ConnectError"):
        run_step(windmill, "f/ai_trader/poll_simulation_status", arguments)


def test_refusal_of_a_proxy_that_speaks_no_json_is_told(windmill: WindmillServer) -> None:
    with Receiver() as proxy:  # it knows POST alone
        arguments = {"service": {"base_url": f"http://127.0.0.1:{proxy.port}"}, "job_id": "x"}

        with pytest.raises(StepFailedError, match="ServiceError: http_501: <"):
            run_step(windmill, "f/ai_trader/poll_simulation_status", arguments)

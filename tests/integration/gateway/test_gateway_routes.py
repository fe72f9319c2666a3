"""Every route against a live service over real HTTP: codes, exact keys, the shapes that users know."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.gateway import model_metrics, model_sessions, model_verify, models
from tests.integration.gateway.gateway_server import Gateway, running_gateway
from tests.service import DATES, Service, config, model, scripted, wait_until

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
STATUS_KEYS = {
    *("job_id", "status", "config_path", "experiment", "date_range", "models", "progress", "created_at", "started_at"),
    *("updated_at", "completed_at", "total_duration_seconds", "error", "warnings", "last_sequence", "next_page_token"),
    *("spending", "budget", "queue_position", "price_digests", "revaluations"),
}


@pytest.fixture
def ended(service: Service, experiment: str) -> str:
    """A job of two models over three dates, one of which fails once."""
    buyer = scripted("buyer", {DATES[0]: [("buy", "UP", 10), ("sell", "DOWN", 1)], DATES[1]: [("sell", "UP", 4)]})
    return service.run(config(buyer, scripted("failer", raise_on=DATES[1]), end=DATES[2]), experiment=experiment).job_id


def waiting(service: Service, experiment: str, tmp_path: Path) -> tuple[str, str, Path]:
    """Trigger a job that waits for a file; give its config, its id and the file."""
    gate = tmp_path / "gate"
    path = service.write_config(config(scripted("m", wait_on=DATES[0], wait_for=str(gate)), end=DATES[1]))
    job_id = service.trigger(path, experiment=experiment).job_id
    wait_until((tmp_path / "gate.reached").exists, "the first day")
    return path, job_id, gate


def test_new_job_is_accepted(gateway: Gateway, service: Service, experiment: str) -> None:
    path = service.write_config(config(model("m"), end=DATES[1]))

    response = gateway.post("/simulate/trigger", {"config_path": path, "experiment": experiment})

    body = response.json()
    assert response.status_code == 202
    assert set(body) == {
        *("job_id", "status", "date_range", "models", "created_at", "message"),
        *("experiment", "total_model_days", "warnings", "done_model_days", "queue_position"),
    }
    assert (body["status"], body["date_range"], body["models"]) == ("accepted", list(DATES[:2]), ["m"])
    assert TIME.fullmatch(body["created_at"])
    assert response.headers["location"] == f"/simulate/status/{body['job_id']}"
    assert service.ended(body["job_id"]).progress.completed == 2


def test_job_that_waits_is_accepted_with_its_place_and_a_failed_one_is_run_again(
    gateway: Gateway, service: Service, experiment: str, tmp_path: Path
) -> None:
    path, job_id, gate = waiting(service, experiment, tmp_path)
    body = {"config_path": path, "experiment": experiment, "end_date": DATES[2], "conflict_policy": "queue"}

    queued = models.Accepted.model_validate(gateway.post("/simulate/trigger", body).json())
    running = gateway.post(f"/simulate/{job_id}/retry", {})
    gate.touch()
    status = service.ended(queued.job_id)
    failed = service.run(
        config(scripted("m", raise_on=DATES[1], raise_once=str(tmp_path / "once"))), experiment=f"{experiment}-failing"
    )
    retried = gateway.post(f"/simulate/{failed.job_id}/retry", {"models": ["m"]})

    assert (queued.queue_position, list(status.date_range)) == (1, [DATES[2]])
    assert (running.status_code, running.json()["error"]) == (400, "job_state")
    assert retried.json() == {"job_id": failed.job_id, "status": "running", "pending_model_days": 1}
    assert service.ended(failed.job_id).progress.failed == 0


def test_same_job_that_runs_already_is_told_with_its_progress(
    gateway: Gateway, service: Service, experiment: str, tmp_path: Path
) -> None:
    path, job_id, gate = waiting(service, experiment, tmp_path)

    response = gateway.post("/simulate/trigger", {"config_path": path, "experiment": experiment})
    gate.touch()

    body = models.Existing.model_validate(response.json())
    assert (response.status_code, body.job_id, body.status) == (200, job_id, "running")
    assert body.progress.total_model_days == 2
    assert body.progress.current == models.DayKey(date=DATES[0], model="m")
    service.ended(job_id)


def test_nothing_to_do_is_current(gateway: Gateway, service: Service, experiment: str) -> None:
    path = service.write_config(config(model("m"), end=DATES[4]))  # a Friday
    service.run(path, experiment=experiment)

    response = gateway.post("/simulate/trigger", {"config_path": path, "experiment": experiment})

    body = response.json()
    models.Current.model_validate(body)
    assert response.status_code == 200
    assert {key: body[key] for key in ("status", "last_simulation_date", "next_trading_day")} == {
        "status": "current",
        "last_simulation_date": "2025-03-07",
        "next_trading_day": "2025-03-10",
    }


def test_job_in_the_way_is_a_conflict(gateway: Gateway, service: Service, experiment: str, tmp_path: Path) -> None:
    _, job_id, gate = waiting(service, experiment, tmp_path)
    other = service.write_config(config(scripted("m", wait_on=DATES[0], wait_for=str(gate)), end=DATES[3]))

    response = gateway.post("/simulate/trigger", {"config_path": other, "experiment": experiment})
    gate.touch()

    body = response.json()
    assert response.status_code == 409
    assert set(body) == {"error", "message", "current_job_id", "current_date_range", "details"}
    assert (body["error"], body["current_job_id"], body["current_date_range"]) == ("conflict", job_id, list(DATES[:2]))
    service.ended(job_id)


def test_request_id_with_other_content_is_refused(gateway: Gateway, service: Service, experiment: str) -> None:
    body = {"config_path": service.write_config(config(model("m"))), "experiment": experiment, "request_id": experiment}
    first = gateway.post("/simulate/trigger", body)
    again = gateway.post("/simulate/trigger", body)
    other = gateway.post("/simulate/trigger", body | {"end_date": DATES[2]})

    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert again.json()["job_id"] == first.json()["job_id"]
    assert other.json()["error"] == "request_id_reused"
    service.ended(first.json()["job_id"])


def test_status_has_the_keys_that_users_know(gateway: Gateway, ended: str) -> None:
    response = gateway.get(f"/simulate/status/{ended}")

    body = response.json()
    models.JobStatus.model_validate(body)
    assert set(body) == STATUS_KEYS
    assert (response.status_code, body["status"], body["error"]) == (200, "partial", None)
    assert {key: body["progress"][key] for key in ("total_model_days", "completed", "failed", "current")} == {
        "total_model_days": 6,
        "completed": 5,
        "failed": 1,
        "current": None,
    }
    failed = body["progress"]["details"][3]
    assert (failed["date"], failed["model"], failed["status"]) == (DATES[1], "failer", "failed")
    assert "the trader gave up" in failed["error"]
    assert failed["duration_seconds"] >= 0
    for key in ("created_at", "started_at", "updated_at", "completed_at"):
        assert TIME.fullmatch(body[key])


def test_status_comes_in_pages(gateway: Gateway, ended: str) -> None:
    days: list[Any] = []
    token = ""
    while True:
        page = gateway.get(f"/simulate/status/{ended}", page_size=4, **({"page_token": token} if token else {})).json()
        days += page["progress"]["details"]
        token = page["next_page_token"]
        if not token:
            break

    assert days == gateway.get(f"/simulate/status/{ended}").json()["progress"]["details"]


def test_unknown_job_is_not_found(gateway: Gateway) -> None:
    response = gateway.get("/simulate/status/nobody")

    assert response.status_code == 404
    assert response.json() == {
        "error": "not_found",
        "message": "job_id 'nobody' was not found",
        "details": {"job_id": "nobody"},
    }


def test_results_have_the_keys_that_users_know(gateway: Gateway, ended: str, experiment: str) -> None:
    response = gateway.get("/results", date=DATES[0], experiment=experiment, model="buyer", detail="full")

    body = response.json()
    models.Results.model_validate(body)
    (day,) = body["results"]
    assert (response.status_code, body["date"]) == (200, DATES[0])
    assert day["positions"] == {"UP": 10, "CASH": 9900.0}
    assert day["daily_pnl"] == {"profit": 5.0, "return_pct": 0.05, "portfolio_value": 10005.0}
    assert day["cumulative_pnl"] == {"profit": 5.0, "return_pct": 0.05}
    trade = {"id": 1, "action": "buy", "symbol": "UP", "amount": 10, "price": 10.0, "total": 100.0}
    assert day["trades"] == [{**trade, "commission": 0.0, "slippage": 0.0}]
    assert [rejection["reason"] for rejection in day["rejections"]] == ["insufficient_holdings"]
    assert [position["action"] for position in day["position_history"]] == ["no_trade", "buy"]
    assert day["ai_reasoning"] is None


def test_minimal_results_leave_out_what_only_full_ones_tell(gateway: Gateway, ended: str, experiment: str) -> None:
    body = gateway.get("/results", job_id=ended, start_date=DATES[0], end_date=DATES[1]).json()

    models.Results.model_validate(body)
    assert body["date"] is None
    assert [(day["date"], day["model"]) for day in body["results"]] == [
        (DATES[0], "buyer"),
        (DATES[0], "failer"),
        (DATES[1], "buyer"),
    ]
    assert set(body["results"][0]) == {
        *("date", "model", "experiment", "job_id", "positions", "daily_pnl", "cumulative_pnl", "trades"),
        *("superseded_by_job_id", "superseded_at", "corporate_actions"),
    }


def test_results_of_a_day_without_any_are_no_data(gateway: Gateway, ended: str, experiment: str) -> None:
    response = gateway.get("/results", date="2024-01-02", experiment=experiment)

    assert (response.status_code, response.json()["error"]) == (404, "no_data")


@pytest.mark.parametrize("path", ["/results", "/leaderboard"])
@pytest.mark.parametrize("date", ["2025-02-30", "2025-13-01", "02/03/2025", "yesterday", "2025-1-1"])
def test_date_that_is_none_is_an_invalid_date(gateway: Gateway, path: str, date: str) -> None:
    response = gateway.get(path, date=date)

    assert (response.status_code, response.json()["error"]) == (400, "invalid_date")
    assert "date" in response.json()["details"]["fields"]


def test_timeseries_tells_the_values_by_date(gateway: Gateway, ended: str, experiment: str) -> None:
    response = gateway.get("/portfolio/timeseries", model="buyer", experiment=experiment, start_date=DATES[1])

    body = models.Timeseries.model_validate(response.json())
    assert (response.status_code, body.model, body.initial_cash) == (200, "buyer", 10_000)
    assert [(point.date, point.portfolio_value) for point in body.timeseries] == [
        (DATES[1], 10013.0),
        (DATES[2], 10019.0),
    ]


def test_leaderboard_ranks_the_models(gateway: Gateway, ended: str, experiment: str) -> None:
    response = gateway.get("/leaderboard", experiment=experiment, curve_points=10)

    body = model_metrics.Leaderboard.model_validate(response.json())
    assert response.status_code == 200
    assert [(entry.rank, entry.model, len(entry.curve)) for entry in body.leaderboard] == [
        (1, "buyer", 3),
        (2, "failer", 2),
    ]
    assert body.benchmark is body.leaderboard[0].metrics is None


def test_leaderboard_ranks_by_another_figure_beside_a_benchmark(gateway: Gateway, ended: str, experiment: str) -> None:
    response = gateway.get("/leaderboard", experiment=experiment, sort="sharpe", benchmark="UP", with_metrics=True)

    body = model_metrics.Leaderboard.model_validate(response.json())
    assert [entry.model for entry in body.leaderboard] == ["buyer", "failer"]
    assert body.benchmark is not None
    assert (body.benchmark.rank, body.benchmark.model) == (0, "UP")
    assert all(entry.metrics for entry in body.leaderboard)


def test_metrics_tell_what_the_window_can_say_and_null_for_the_rest(
    gateway: Gateway, ended: str, experiment: str
) -> None:
    response = gateway.get("/portfolio/metrics", model="buyer", experiment=experiment, benchmark="UP")

    body = model_metrics.Metrics.model_validate(response.json())
    assert (response.status_code, body.model, body.metrics.trading_days) == (200, "buyer", 3)
    assert body.metrics.total_return_pct == pytest.approx(0.19)
    assert body.metrics.sharpe_ratio_interval is None
    assert gateway.get("/portfolio/metrics", model="nobody", experiment=experiment).status_code == 404


def test_jobs_are_listed_newest_first(gateway: Gateway, service: Service, ended: str, experiment: str) -> None:
    newer = service.run(config(model("other"), end=DATES[0]), experiment=experiment).job_id

    listed = gateway.get("/simulate/jobs", experiment=experiment)
    partial = gateway.get("/simulate/jobs", experiment=experiment, status=["partial", "failed"])

    assert [job.job_id for job in models.Jobs.model_validate(listed.json()).jobs] == [newer, ended]
    assert [job["job_id"] for job in partial.json()["jobs"]] == [ended]


def test_current_job_is_the_running_one_or_else_the_newest(
    gateway: Gateway, service: Service, experiment: str, tmp_path: Path
) -> None:
    _, running, gate = waiting(service, experiment, tmp_path)
    newest = service.trigger(config(model("quick"), end=DATES[0]), experiment=experiment).job_id

    while_running = gateway.get("/simulate/current").json()
    gate.touch()
    service.ended(running)
    service.ended(newest)
    afterwards = gateway.get("/simulate/current").json()

    assert while_running["status"] == "running"
    assert set(while_running) == STATUS_KEYS
    assert (afterwards["job_id"], afterwards["status"]) == (newest, "completed")


def test_reasoning_of_a_rule_strategy_is_no_data(gateway: Gateway, ended: str) -> None:
    response = gateway.get("/reasoning", job_id=ended, date=DATES[0], model="buyer")

    assert (response.status_code, response.json()["error"]) == (404, "no_data")


def test_job_that_is_verified_is_equal(gateway: Gateway, ended: str) -> None:
    response = gateway.post(f"/simulate/{ended}/verify")

    found = model_verify.Verification.model_validate(response.json())
    assert (response.status_code, found.equal, found.difference) == (200, True, None)
    assert found.model_days > 0


def test_audit_of_a_job_without_agents_is_clean(gateway: Gateway, ended: str) -> None:
    response = gateway.get(f"/audit/{ended}")

    assert (response.status_code, model_sessions.Audit.model_validate(response.json()).violation_count) == (200, 0)


def test_done_dates_are_replaced_when_asked_for(gateway: Gateway, service: Service, experiment: str) -> None:
    path = service.write_config(config(model("m"), end=DATES[1]))
    service.run(path, experiment=experiment)

    response = gateway.post(
        "/simulate/trigger", {"config_path": path, "experiment": experiment, "replace_existing": True}
    )

    assert (response.status_code, response.json()["total_model_days"]) == (202, 2)
    assert service.ended(response.json()["job_id"]).progress.completed == 2


def test_health_tells_every_part_and_the_free_disk(gateway: Gateway) -> None:
    response = gateway.get("/health")

    body = models.Health.model_validate(response.json())
    assert (response.status_code, body.status) == (200, "healthy")
    assert list(body.services) == [
        *("grpc_server", "database", "market_data", "disk", "worker_pool"),
        *("math", "search", "trade", "price"),
    ]
    assert body.services["grpc_server"].status == "healthy"
    assert body.free_disk_bytes


def test_health_without_prices_is_unhealthy_and_says_so(new_service: Callable[..., Service]) -> None:
    service = new_service()
    for table in ("price_bars", "price_imports"):
        service.db.execute_sql(f"DELETE FROM {table}")

    with running_gateway(f"127.0.0.1:{service.port}") as gateway:
        response = gateway.get("/health")

    body = models.Health.model_validate(response.json())
    assert (response.status_code, body.status) == (503, "unhealthy")
    assert body.services["market_data"].status == "unhealthy"
    assert body.services["database"].status == "healthy"

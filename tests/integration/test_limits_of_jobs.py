"""Time limits, freezing, attempts in GetStatus, and turns at the pool."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aitrader.v1 import job_pb2
from tests.service import DATES, Service, config, model, scripted, wait_until

STARTED = job_pb2.EVENT_TYPE_MODEL_DAY_STARTED


def limited(*models: dict[str, Any], on_failure: str = "continue", **limits: object) -> dict[str, Any]:
    """Return a config of three dates with limits in its agent_config."""
    content = config(*models, end=DATES[2], on_failure=on_failure)
    content["agent_config"] |= limits
    return content


def states(service: Service, job_id: str, signature: str) -> list[str]:
    days = [day for day in service.status(job_id).progress.details if day.model == signature]
    return [job_pb2.ModelDayStatus.Name(day.status).removeprefix("MODEL_DAY_STATUS_").lower() for day in days]


def test_worker_that_hangs_is_killed_after_the_time_of_a_model_day(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = new_service()
    before = service.app.pool.workers.pids
    hanging = scripted("m", wait_on=",".join(DATES), wait_for=str(tmp_path / "never"))

    status = service.run(limited(hanging, model_day_timeout=0.3))

    failed = status.progress.details[0]
    assert status.status == job_pb2.JOB_STATUS_FAILED
    assert failed.error == "timeout: the model-day took more than 0.3 seconds"
    assert (failed.error_kind, failed.attempt) == (job_pb2.FAILURE_KIND_TIMEOUT, 1)
    assert service.run(config(model("n"), end=DATES[0])).status == job_pb2.JOB_STATUS_COMPLETED
    assert set(service.app.pool.workers.pids).isdisjoint(before)


def test_job_whose_time_is_spent_skips_the_rest_with_the_reason(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = new_service(cancel_grace=0.1)
    hanging = scripted("m", wait_on=DATES[0], wait_for=str(tmp_path / "never"))

    status = service.run(limited(hanging, job_timeout=3.0))

    told = "the job took more than 3 seconds"
    assert (status.status, status.error) == (job_pb2.JOB_STATUS_FAILED, told)
    assert states(service, status.job_id, "m") == ["failed", "skipped", "skipped"]
    assert [day.error for day in status.progress.details] == [f"timeout: {told}", told, told]
    assert service.run(config(model("m"), end=DATES[0]), experiment="next").status == job_pb2.JOB_STATUS_COMPLETED


def test_frozen_model_skips_its_later_dates_and_no_other(service: Service, experiment: str) -> None:
    content = limited(scripted("m", raise_on=DATES[1]), model("n"), on_failure="freeze")

    status = service.run(content, experiment=experiment)

    assert status.status == job_pb2.JOB_STATUS_PARTIAL
    assert states(service, status.job_id, "m") == ["completed", "failed", "skipped"]
    assert states(service, status.job_id, "n") == ["completed"] * 3
    assert status.progress.details[4].error == f"frozen: 'm' failed on {DATES[1]}"
    skipped = [event for event in service.events(status.job_id) if event.type == job_pb2.EVENT_TYPE_MODEL_DAY_SKIPPED]
    assert [(event.date, event.model) for event in skipped] == [(DATES[2], "m")]


def test_model_stays_frozen_over_a_restart(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service()
    gate = tmp_path / "gate"
    other = scripted("n", wait_on=DATES[1], wait_for=str(gate))
    job_id = service.trigger(limited(scripted("m", raise_on=DATES[0]), other, on_failure="freeze")).job_id
    wait_until((tmp_path / "gate.reached").exists, "the second day")

    service.restart()
    gate.touch()
    service.ended(job_id)

    assert states(service, job_id, "m") == ["failed", "skipped", "skipped"]
    assert states(service, job_id, "n") == ["completed"] * 3


def test_attempts_are_shown_where_there_were_several(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service()
    dying = scripted("m", die_on=DATES[0], once=str(tmp_path / "died"))

    first, second, _ = service.run(limited(dying, base_delay=0.0)).progress.details

    died, worked = first.attempts
    assert (first.status, first.attempt, first.error) == (job_pb2.MODEL_DAY_STATUS_COMPLETED, 2, "")
    assert (died.number, died.outcome, died.error_kind) == (
        1,
        job_pb2.ATTEMPT_OUTCOME_FAILED,
        job_pb2.FAILURE_KIND_WORKER_DIED,
    )
    assert "worker process ended" in died.message
    assert (worked.number, worked.outcome, worked.message) == (2, job_pb2.ATTEMPT_OUTCOME_SUCCEEDED, "")
    assert died.started_time.ToDatetime() <= died.ended_time.ToDatetime() <= worked.started_time.ToDatetime()
    assert not second.attempts


def test_small_job_does_not_wait_for_all_of_a_large_one(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service()
    gate = tmp_path / "gate"
    first = scripted("a-first", wait_on=DATES[0], wait_for=str(gate))
    large = config(first, *(model(f"m{n}") for n in range(40)), end=DATES[0], experiment="large")
    large_id = service.trigger(large).job_id
    wait_until((tmp_path / "gate.reached").exists, "the first model-day of the large job")
    small_id = service.trigger(config(model("n"), end=DATES[0], experiment="small")).job_id
    wait_until(lambda: small_id in service.app.pool.workers._turns._waiting, "the small job's wait for its turn")

    gate.touch()
    started = [event for job_id in (large_id, small_id) for event in service.events(job_id) if event.type == STARTED]
    started.sort(key=lambda event: event.event_time.ToDatetime())

    assert [event.job_id for event in started].index(small_id) <= 3
    assert len(started) == 42

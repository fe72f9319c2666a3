"""The worker pool: a worker that dies takes only its attempt with it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aitrader.v1 import job_pb2
from tests.service import DATES, Service, config, model, scripted, wait_until


def attempts(status: object) -> dict[tuple[str, str], int]:
    return {(day.date, day.model): day.attempt for day in status.progress.details}  # type: ignore[attr-defined]


@pytest.mark.parametrize("workers", [1, 2])
def test_worker_that_dies_takes_only_its_attempt(
    new_service: Callable[..., Service], tmp_path: Path, workers: int
) -> None:
    service = new_service(worker_processes=workers)
    dying = scripted("m", {DATES[1]: [("buy", "FLAT", 1)]}, die_on=DATES[1], once=str(tmp_path / "died"))

    status = service.run(config(dying, model("n"), end=DATES[2]))

    assert status.status == job_pb2.JOB_STATUS_COMPLETED
    assert {key: number for key, number in attempts(status).items() if number > 1} == {(DATES[1], "m"): 2}
    assert [day.cash for day in service.results(model="m")] == [10_000, 9900, 9900]
    retried = [event for event in service.events(status.job_id) if event.type == job_pb2.EVENT_TYPE_MODEL_DAY_RETRIED]
    assert [(event.date, event.model, event.attempt) for event in retried] == [(DATES[1], "m", 1)]
    assert "worker process ended" in retried[0].error


def test_worker_that_dies_every_time_fails_its_model_day_and_no_other(new_service: Callable[..., Service]) -> None:
    service = new_service()

    status = service.run(config(scripted("m", die_on=DATES[1]), model("n"), end=DATES[2]))

    assert status.status == job_pb2.JOB_STATUS_PARTIAL
    failed = [day for day in status.progress.details if day.status == job_pb2.MODEL_DAY_STATUS_FAILED]
    assert [(day.date, day.model, day.attempt) for day in failed] == [(DATES[1], "m", 2)]
    assert "worker_died" in failed[0].error
    assert status.progress.completed == 5


def test_trader_that_raises_is_not_tried_again(new_service: Callable[..., Service]) -> None:
    service = new_service()

    status = service.run(config(scripted("m", raise_on=DATES[0]), end=DATES[0]))

    assert attempts(status) == {(DATES[0], "m"): 1}


def test_workers_killed_while_idle_are_replaced(new_service: Callable[..., Service]) -> None:
    service = new_service()
    path = service.write_config(config(model("m")))
    service.run(path, end_date=DATES[0])
    before = service.app.pool.workers.pids

    service.kill_workers()
    status = service.run(path, end_date=DATES[1])

    assert status.status == job_pb2.JOB_STATUS_COMPLETED
    assert set(service.app.pool.workers.pids).isdisjoint(before)


def test_workers_killed_in_the_middle_of_a_day_cost_one_attempt(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = new_service()
    gate = tmp_path / "gate"
    job_id = service.trigger(config(scripted("m", wait_on=DATES[1], wait_for=str(gate)), end=DATES[2])).job_id
    wait_until((tmp_path / "gate.reached").exists, "the second day")

    gate.touch()
    service.kill_workers()
    status = service.ended(job_id)

    assert status.status == job_pb2.JOB_STATUS_COMPLETED
    assert attempts(status)[DATES[2], "m"] == 1


def test_no_more_workers_than_sessions_are_allowed(new_service: Callable[..., Service]) -> None:
    service = new_service(worker_processes=8, max_parallel_sessions=2)

    assert len(service.app.pool.workers.pids) == 2


def test_models_of_a_date_run_at_the_same_time_and_dates_in_order(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = new_service(worker_processes=2)
    gates = [tmp_path / "first", tmp_path / "second"]
    waiting = [scripted(gate.name, wait_on=DATES[0], wait_for=str(gate)) for gate in gates]
    job_id = service.trigger(config(*waiting, end=DATES[1])).job_id

    wait_until(lambda: all(gate.with_name(f"{gate.name}.reached").exists() for gate in gates), "both at once")
    status = service.status(job_id)
    for gate in gates:
        gate.touch()

    assert (status.progress.running, status.progress.pending) == (2, 2)
    events = service.events(job_id)
    started = [event.date for event in events if event.type == job_pb2.EVENT_TYPE_MODEL_DAY_STARTED]
    assert started == sorted(started)


def test_one_model_that_waits_holds_up_no_other_on_its_date(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = new_service(worker_processes=2)
    gate = tmp_path / "gate"
    models = [scripted("slow", wait_on=DATES[0], wait_for=str(gate)), *(model(f"m{n}") for n in range(5))]
    job_id = service.trigger(config(*models, end=DATES[0])).job_id

    wait_until(lambda: service.status(job_id).progress.completed == 5, "the others' day")

    assert service.status(job_id).progress.running == 1
    gate.touch()
    service.ended(job_id)

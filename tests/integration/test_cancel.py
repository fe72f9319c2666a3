"""CancelJob: stored first, nothing committed after it, slots free within the grace period."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from aitrader.v1 import control_pb2, job_pb2
from tests.service import DATES, DEADLINE, Service, config, model, refusal, scripted, wait_until

#: a job on many dates of two models, one of which trades every day
ORDERS = {date: [("buy", "FLAT", 1)] for date in DATES}

ENDINGS = {job_pb2.EVENT_TYPE_MODEL_DAY_COMPLETED, job_pb2.EVENT_TYPE_MODEL_DAY_STARTED}


def cancel(service: Service, job_id: str, reason: str = "") -> control_pb2.CancelJobResponse:
    return service.stub.CancelJob(control_pb2.CancelJobRequest(job_id=job_id, reason=reason), timeout=DEADLINE)


def cancelled(service: Service, job_id: str) -> bool:
    """Cancel a job that may have ended by now; tell whether it had not."""
    try:
        cancel(service, job_id)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:  # type: ignore[attr-defined]
            raise
        return False
    return True


def assert_consistent(service: Service, job_id: str) -> None:
    """Check that nothing of a cancelled job happened after the cancel and that nothing of it is left behind."""
    status, events = service.ended(job_id), service.events(job_id)
    kinds = [event.type for event in events]
    assert status.status == job_pb2.JOB_STATUS_CANCELLED
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert kinds[-1] == job_pb2.EVENT_TYPE_JOB_ENDED
    assert not ENDINGS & set(kinds[kinds.index(job_pb2.EVENT_TYPE_JOB_CANCELLING) :])
    days = {day.status for day in status.progress.details}
    assert days <= {job_pb2.MODEL_DAY_STATUS_COMPLETED, job_pb2.MODEL_DAY_STATUS_CANCELLED}
    assert status.progress.completed + status.progress.cancelled == status.progress.total_model_days
    assert kinds.count(job_pb2.EVENT_TYPE_MODEL_DAY_COMPLETED) == status.progress.completed
    count = "SELECT COUNT(*) FROM {} WHERE job_id = ?"
    assert service.rows(count.format("trading_days"), job_id) == [(status.progress.completed,)]
    assert service.rows("SELECT COUNT(*) FROM portfolios WHERE claimed_by = ?", job_id) == [(0,)]
    open_attempts = "SELECT COUNT(*) FROM attempts WHERE job_id = ? AND ended_at IS NULL"
    assert service.rows(open_attempts, job_id) == [(0,)]


def test_cancelled_job_keeps_what_was_committed_and_frees_its_portfolios(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = new_service(cancel_grace=0.2)
    gate = tmp_path / "gate"
    path = service.write_config(config(scripted("m", ORDERS, wait_on=DATES[2], wait_for=str(gate)), model("n")))
    job_id = service.trigger(path).job_id
    wait_until((tmp_path / "gate.reached").exists, "the third day")

    answer = cancel(service, job_id, "too dear")
    status = service.ended(job_id)

    # the grace period may be over when the answer is written
    assert answer.status in (job_pb2.JOB_STATUS_RUNNING, job_pb2.JOB_STATUS_CANCELLED)
    assert (answer.job_id, answer.reason) == (job_id, "too dear")
    assert status.progress.completed in (4, 5)  # the other model may have had its third day
    assert_consistent(service, job_id)
    again = cancel(service, job_id, "another")
    assert (again.status, again.reason) == (job_pb2.JOB_STATUS_CANCELLED, "too dear")
    assert again.cancel_requested_time == answer.cancel_requested_time
    gate.touch()
    assert service.run(path).status == job_pb2.JOB_STATUS_COMPLETED
    assert service.rows("SELECT COUNT(*) FROM trading_days") == [(2 * len(DATES),)]


def test_worker_that_hangs_is_gone_after_the_grace_period(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service(cancel_grace=0.1)
    before = service.app.pool.workers.pids
    hanging = scripted("m", wait_on=DATES[0], wait_for=str(tmp_path / "never"))
    job_id = service.trigger(config(hanging)).job_id
    wait_until((tmp_path / "never.reached").exists, "the first day")

    cancel(service, job_id)
    assert_consistent(service, job_id)

    kinds = [event.type for event in service.events(job_id)]
    assert job_pb2.EVENT_TYPE_MODEL_DAY_CANCELLED in kinds
    assert service.run(config(model("n"), experiment="next")).status == job_pb2.JOB_STATUS_COMPLETED
    assert set(service.app.pool.workers.pids).isdisjoint(before)


def test_model_days_that_wait_for_a_place_end_at_once(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service(cancel_grace=30.0)
    gate = tmp_path / "gate"
    holder = service.trigger(config(scripted("m", wait_on=DATES[0], wait_for=str(gate)), experiment="holder")).job_id
    wait_until((tmp_path / "gate.reached").exists, "the first day")
    job_id = service.trigger(config(model("n"), experiment="waiting")).job_id

    cancel(service, job_id)
    assert_consistent(service, job_id)

    assert service.status(holder).status == job_pb2.JOB_STATUS_RUNNING
    gate.touch()
    assert service.ended(holder).status == job_pb2.JOB_STATUS_COMPLETED


def test_attempt_that_waits_for_its_retry_ends_at_once(new_service: Callable[..., Service]) -> None:
    service = new_service()
    content = config(scripted("m", die_on=DATES[0]))
    content["agent_config"] |= {"max_retries": 50, "base_delay": 3600.0}
    job_id = service.trigger(content).job_id
    wait_until(lambda: service.status(job_id).progress.details[0].attempt >= 1, "the first attempt")
    retried = job_pb2.EVENT_TYPE_MODEL_DAY_RETRIED
    wait_until(lambda: service.rows("SELECT 1 FROM job_events WHERE event_type = 'model_day_retried'"), "the end of it")

    cancel(service, job_id)

    kinds = [event.type for event in service.events(job_id)]
    assert kinds.count(retried) >= 1
    assert service.status(job_id).status == job_pb2.JOB_STATUS_CANCELLED


def test_cancel_survives_a_death_of_the_server(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service(cancel_grace=3600.0)
    gate = tmp_path / "gate"
    job_id = service.trigger(config(scripted("m", ORDERS, wait_on=DATES[2], wait_for=str(gate)))).job_id
    wait_until((tmp_path / "gate.reached").exists, "the third day")
    cancel(service, job_id)

    service.restart()

    assert_consistent(service, job_id)
    assert service.status(job_id).progress.completed == 2


def test_ended_job_cannot_be_cancelled(service: Service, experiment: str) -> None:
    job_id = service.run(config(model("m"), end=DATES[0]), experiment=experiment).job_id

    refused = refusal(service.stub.CancelJob, control_pb2.CancelJobRequest(job_id=job_id))

    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_STATE")
    assert dict(refused.info.metadata) == {"job_id": job_id, "status": "completed"}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (control_pb2.CancelJobRequest(job_id="no such job"), grpc.StatusCode.NOT_FOUND),
        (control_pb2.CancelJobRequest(), grpc.StatusCode.INVALID_ARGUMENT),
        (control_pb2.CancelJobRequest(job_id="x", reason="y" * 501), grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_wrong_cancel_is_refused(
    service: Service, request_: control_pb2.CancelJobRequest, code: grpc.StatusCode
) -> None:
    assert refusal(service.stub.CancelJob, request_).code == code


def test_cancel_at_a_hundred_random_moments_under_load_leaves_every_state_consistent(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = new_service(cancel_grace=0.05, worker_processes=2)
    chance = random.Random(7)
    models = [scripted(f"m{n}", ORDERS) for n in range(3)] + [model("random", "rule/random", seed=1)]
    path = service.write_config(config(*models))
    waiting = scripted("load", wait_on=DATES[0], wait_for=str(tmp_path / "gate"))
    load = service.trigger(config(waiting), experiment="load")

    for n in range(100):
        job_id = service.trigger(path, experiment=f"e{n % 5}").job_id
        if not job_id:  # the portfolios of the experiment have every date by now
            job_id = service.trigger(path, experiment=f"more-{n}").job_id
        moment = time.monotonic() + chance.random() * 0.15
        wait_until(lambda moment=moment: time.monotonic() >= moment, "the moment")
        if cancelled(service, job_id):
            assert_consistent(service, job_id)

    (tmp_path / "gate").touch()
    assert service.ended(load.job_id).status == job_pb2.JOB_STATUS_COMPLETED
    last = service.run(path, experiment="last")
    assert (last.status, last.progress.completed) == (job_pb2.JOB_STATUS_COMPLETED, 4 * len(DATES))
    assert len(service.app.pool.workers.pids) == 2
    assert service.rows("SELECT COUNT(*) FROM portfolios WHERE claimed_by IS NOT NULL") == [(0,)]

"""Several jobs: who is in the way, who waits, and whose turn it is."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from pydantic import SecretStr

from aitrader.v1 import job_pb2, simulation_pb2
from aitrader.v1.simulation_pb2 import (
    CONFLICT_POLICY_FAIL,
    CONFLICT_POLICY_QUEUE,
    CONFLICT_POLICY_USE_EXISTING,
    TriggerRequest,
)
from storage.cancelling import request_cancel
from tests.callback_receiver import Receiver
from tests.service import DATES, Service, config, model, refusal, scripted, wait_until


class Gate:
    """A model that waits on the first date until it is let go."""

    def __init__(self, folder: Path, name: str = "m") -> None:
        self._file = folder / f"gate-{name}"
        self.model = scripted(name, wait_on=DATES[0], wait_for=str(self._file))

    def reached(self) -> None:
        wait_until(self._file.with_name(f"{self._file.name}.reached").exists, "the first day")

    def open(self) -> None:
        self._file.touch()


def queue(service: Service, content: Any, **fields: Any) -> simulation_pb2.TriggerResponse:
    return service.trigger(content, conflict_policy=CONFLICT_POLICY_QUEUE, **fields)


def holding(service: Service, gate: Gate, **fields: Any) -> tuple[str, str]:
    """Trigger a job that holds its portfolio until its gate opens; return its config and id."""
    path = service.write_config(config(gate.model))
    job_id = service.trigger(path, **fields).job_id
    gate.reached()
    return path, job_id


def test_policy_says_what_becomes_of_a_request_that_another_job_is_in_the_way_of(
    service: Service, experiment: str, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    path, holder = holding(service, gate, experiment=experiment, end_date=DATES[3])
    request = TriggerRequest(config_path=path, experiment=experiment, conflict_policy=CONFLICT_POLICY_FAIL)

    failed = refusal(service.stub.Trigger, request)
    used = service.trigger(path, experiment=experiment, conflict_policy=CONFLICT_POLICY_USE_EXISTING)
    queued = queue(service, path, experiment=experiment)
    again = queue(service, path, experiment=experiment)
    waiting = service.status(queued.job_id)
    gate.open()
    status = service.ended(queued.job_id)

    assert (failed.code, failed.info.metadata["current_job_id"]) == (grpc.StatusCode.ABORTED, holder)
    assert (used.outcome, used.job_id) == (simulation_pb2.TRIGGER_OUTCOME_EXISTING, holder)
    assert (queued.outcome, queued.queue_position) == (simulation_pb2.TRIGGER_OUTCOME_ACCEPTED, 1)
    assert (again.outcome, again.job_id, again.queue_position) == (
        simulation_pb2.TRIGGER_OUTCOME_EXISTING,
        queued.job_id,
        1,
    )
    assert (waiting.status, waiting.queue_position) == (job_pb2.JOB_STATUS_PENDING, 1)
    assert (status.status, status.queue_position) == (job_pb2.JOB_STATUS_COMPLETED, 0)
    # what the holder had done meanwhile is not done again
    assert list(status.date_range) == list(DATES[4:])
    kinds = [event.type for event in service.events(queued.job_id)]
    assert kinds[:3] == [
        job_pb2.EVENT_TYPE_JOB_ACCEPTED,
        job_pb2.EVENT_TYPE_JOB_QUEUED,
        job_pb2.EVENT_TYPE_JOB_STARTED,
    ]


def test_job_that_has_nothing_left_to_do_when_its_turn_comes_ends_completed(
    service: Service, experiment: str, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    path, _ = holding(service, gate, experiment=experiment)
    queued = queue(service, path, experiment=experiment, start_date=DATES[2])
    gate.open()

    status = service.ended(queued.job_id)

    assert (status.status, status.progress.total_model_days) == (job_pb2.JOB_STATUS_COMPLETED, 0)


def test_repeat_of_a_request_names_the_job_it_was_answered_with_after_that_one_has_ended(
    service: Service, experiment: str, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    path, holder = holding(service, gate, experiment=experiment, end_date=DATES[3])
    other = {"experiment": experiment, "request_id": experiment, "conflict_policy": CONFLICT_POLICY_USE_EXISTING}
    same = {"experiment": experiment, "request_id": f"{experiment}-same", "end_date": DATES[3]}
    first = [service.trigger(path, **fields).job_id for fields in (other, same)]
    gate.open()
    service.ended(holder)

    again = [service.trigger(path, **fields) for fields in (other, same)]
    reused = refusal(service.stub.Trigger, TriggerRequest(config_path=path, **{**other, "end_date": DATES[4]}))

    assert [*first, *(answer.job_id for answer in again)] == [holder] * 4
    assert {answer.outcome for answer in again} == {simulation_pb2.TRIGGER_OUTCOME_EXISTING}
    assert (reused.reason, reused.info.metadata["job_id"]) == ("REQUEST_ID_REUSED", holder)


def test_jobs_start_in_the_order_in_which_they_came(new_service: Any, tmp_path: Path) -> None:
    service = new_service(max_concurrent_jobs=1)
    gate = Gate(tmp_path)
    holding(service, gate)
    queued = [queue(service, config(model(f"m{n}"))).job_id for n in range(3)]
    places = [service.status(job_id).queue_position for job_id in queued]
    gate.open()

    for job_id in queued:
        service.ended(job_id)

    started = service.rows("SELECT job_id FROM jobs ORDER BY started_at")
    assert places == [1, 2, 3]
    assert [job_id for (job_id,) in started][1:] == queued


def test_who_waits_is_not_overtaken_at_the_door(new_service: Any, tmp_path: Path) -> None:
    service = new_service(max_concurrent_jobs=2)
    gate = Gate(tmp_path)
    path, _ = holding(service, gate)
    queued = queue(service, path, end_date=DATES[5]).job_id

    other = refusal(service.stub.Trigger, TriggerRequest(config_path=service.write_config(config(model("other")))))
    gate.open()
    service.ended(queued)

    assert other.code is grpc.StatusCode.ABORTED
    assert "limit of 2" in other.message


def test_full_queue_is_refused_with_its_length(new_service: Any, tmp_path: Path) -> None:
    service = new_service(max_queued_jobs=1)
    gate = Gate(tmp_path)
    path, holder = holding(service, gate)
    queued = queue(service, path, end_date=DATES[5]).job_id

    request = TriggerRequest(config_path=path, end_date=DATES[6], conflict_policy=CONFLICT_POLICY_QUEUE)
    full = refusal(service.stub.Trigger, request)
    gate.open()
    service.ended(queued)

    assert (full.code, full.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
    assert dict(full.info.metadata) == {"current_job_id": holder, "queued_jobs": "1"}


def test_queue_survives_a_restart_in_its_order(new_service: Any, tmp_path: Path) -> None:
    service = new_service(max_concurrent_jobs=1)
    gate = Gate(tmp_path)
    holding(service, gate)
    queued = [queue(service, config(model(f"m{n}"))).job_id for n in range(3)]

    service.restart()
    places = [service.status(job_id).queue_position for job_id in queued]
    gate.open()
    for job_id in queued:
        service.ended(job_id)

    assert places == [1, 2, 3]
    started = [job_id for (job_id,) in service.rows("SELECT job_id FROM jobs ORDER BY started_at")]
    assert started[1:] == queued


def test_cancelled_job_leaves_the_queue_and_lets_the_next_one_move_up(new_service: Any, tmp_path: Path) -> None:
    from aitrader.v1.control_pb2 import CancelJobRequest

    service = new_service(max_concurrent_jobs=1)
    gate = Gate(tmp_path)
    holding(service, gate)
    first, second = (queue(service, config(model(name))).job_id for name in ("a", "b"))

    service.stub.CancelJob(CancelJobRequest(job_id=first))
    place = service.status(second).queue_position
    gate.open()
    service.ended(second)

    assert place == 1
    assert service.ended(first).status == job_pb2.JOB_STATUS_CANCELLED
    assert service.ended(second).status == job_pb2.JOB_STATUS_COMPLETED


def test_end_of_a_job_that_found_nothing_left_to_do_is_told_and_the_next_one_starts(
    new_service: Any, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    with Receiver() as receiver:
        service = new_service(
            max_concurrent_jobs=1,
            callback_hosts=f"127.0.0.1:{receiver.port}",
            callback_secret=SecretStr("whsec_" + b64encode(bytes(32)).decode()),
        )
        path, _ = holding(service, gate)
        nothing = queue(service, path, start_date=DATES[2], callback_urls=[receiver.url]).job_id
        following = queue(service, config(model("other"))).job_id
        gate.open()

        statuses = [service.ended(job_id).status for job_id in (nothing, following)]
        wait_until(lambda: receiver.received, "the callback")

    told = json.loads(receiver.received[0].body)["data"]
    assert statuses == [job_pb2.JOB_STATUS_COMPLETED] * 2
    assert (told["job_id"], told["start_date"], told["total_model_days"]) == (nothing, "", 0)


def test_job_whose_cancel_was_accepted_before_a_crash_does_not_wait_for_its_turn(
    new_service: Any, tmp_path: Path
) -> None:
    service = new_service(max_concurrent_jobs=1)
    gate = Gate(tmp_path)
    _, holder = holding(service, gate)
    queued = queue(service, config(model("other"))).job_id
    service.stop()
    with service.db.atomic():  # all that CancelJob stores before it ends the job
        request_cancel(service.db, queued, "", datetime.now(UTC))
    service.start()

    assert service.ended(queued).status == job_pb2.JOB_STATUS_CANCELLED
    assert service.status(holder).status == job_pb2.JOB_STATUS_RUNNING
    gate.open()
    service.ended(holder)


@pytest.mark.parametrize("replace", [True, False])
def test_queued_replacement_replaces_what_is_there_when_its_turn_comes(
    service: Service,
    experiment: str,
    tmp_path: Path,
    replace: bool,  # noqa: FBT001
) -> None:
    gate = Gate(tmp_path)
    path, holder = holding(service, gate, experiment=experiment, end_date=DATES[4])
    queued = queue(
        service, path, experiment=experiment, start_date=DATES[2], end_date=DATES[3], replace_existing=replace
    )
    gate.open()
    service.ended(queued.job_id)

    days = [(day.date, day.job_id) for day in service.results(experiment=experiment)]

    replaced = list(DATES[2:5]) if replace else []
    assert days == [(date, queued.job_id if date in replaced else holder) for date in DATES[:5]]

"""GetStatus: state, counts and model-days of a job."""

import json
from collections.abc import Callable
from pathlib import Path

import grpc

from aitrader.v1 import job_pb2
from aitrader.v1.simulation_pb2 import GetStatusRequest, GetStatusResponse, StreamProgressRequest
from tests.service import DATES, DEADLINE, Service, config, model, refusal, scripted, wait_until

MAX_RESPONSE = 4 * 1024 * 1024


def counts(status: GetStatusResponse) -> dict[str, int]:
    progress = status.progress
    names = ("completed", "failed", "running", "pending", "skipped", "cancelled")
    return {name: count for name in names if (count := getattr(progress, name))}


def test_completed_job_is_told_in_full(service: Service, experiment: str) -> None:
    status = service.run(config(model("m"), model("n"), end=DATES[1]), experiment=experiment)

    assert status.status == job_pb2.JOB_STATUS_COMPLETED
    assert (counts(status), status.progress.total_model_days) == ({"completed": 4}, 4)
    assert not status.progress.HasField("current")
    assert status.created_time.ToNanoseconds() <= status.started_time.ToNanoseconds()
    assert status.started_time.ToNanoseconds() <= status.completed_time.ToNanoseconds()
    assert status.updated_time == status.completed_time
    assert status.total_duration_seconds > 0
    assert status.last_sequence == len(service.events(status.job_id))
    assert [(day.date, day.model) for day in status.progress.details] == [
        (date, signature) for date in DATES[:2] for signature in ("m", "n")
    ]
    assert {(day.status, day.attempt, day.error) for day in status.progress.details} == {
        (job_pb2.MODEL_DAY_STATUS_COMPLETED, 1, "")
    }
    assert all(day.HasField("duration_seconds") for day in status.progress.details)


def test_job_with_some_failures_is_partial_and_names_them(service: Service, experiment: str) -> None:
    status = service.run(config(scripted("m", raise_on=DATES[1]), model("n"), end=DATES[2]), experiment=experiment)

    assert status.status == job_pb2.JOB_STATUS_PARTIAL
    assert counts(status) == {"completed": 5, "failed": 1}
    (failed,) = [day for day in status.progress.details if day.status == job_pb2.MODEL_DAY_STATUS_FAILED]
    assert (failed.date, failed.model, failed.attempt) == (DATES[1], "m", 1)
    assert "RuntimeError: the trader gave up" in failed.error


def test_job_whose_every_day_fails_is_failed(service: Service, experiment: str) -> None:
    status = service.run(config(scripted("m", raise_on=",".join(DATES[:2])), end=DATES[1]), experiment=experiment)

    assert (status.status, counts(status)) == (job_pb2.JOB_STATUS_FAILED, {"failed": 2})


def test_running_job_tells_the_model_day_it_is_at(service: Service, experiment: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job_id = service.trigger(
        config(scripted("m", wait_on=DATES[2], wait_for=str(gate)), end=DATES[3]), experiment=experiment
    ).job_id
    wait_until(lambda: service.status(job_id).progress.current.date == DATES[2], "the third day")

    status = service.status(job_id)
    page = service.status(job_id, page_size=1)

    gate.touch()
    assert status.status == job_pb2.JOB_STATUS_RUNNING
    assert counts(status) == {"completed": 2, "running": 1, "pending": 1}
    assert (status.progress.current.date, status.progress.current.model) == (DATES[2], "m")
    assert page.progress.current == status.progress.current
    assert not status.HasField("completed_time")
    assert not status.HasField("total_duration_seconds")
    service.ended(job_id)


def test_status_is_never_older_than_an_event_that_was_streamed(service: Service, experiment: str) -> None:
    job_id = service.trigger(config(model("m"), model("n")), experiment=experiment).job_id

    for message in service.stub.StreamProgress(StreamProgressRequest(job_id=job_id), timeout=DEADLINE):
        status = service.status(job_id)

        assert status.last_sequence >= message.last_sequence
        done = [event.completed for event in message.events]
        assert status.progress.completed >= max(done, default=0)


def test_pages_add_up_to_the_whole(service: Service, experiment: str) -> None:
    whole = service.run(config(model("a"), model("b"), model("c"), end=DATES[4]), experiment=experiment)

    details, token = [], ""
    while True:
        page = service.status(whole.job_id, page_size=4, page_token=token)
        details.extend(page.progress.details)
        assert len(page.progress.details) <= 4
        assert page.progress.total_model_days == 15
        token = page.next_page_token
        if not token:
            break

    assert details == list(whole.progress.details)


def test_token_of_another_job_is_refused(service: Service, experiment: str) -> None:
    path = service.write_config(config(model("m"), model("n"), end=DATES[1]))
    one = service.run(path, experiment=experiment)
    other = service.run(path, experiment=f"{experiment}-other")
    token = service.status(one.job_id, page_size=1).next_page_token

    refused = refusal(service.stub.GetStatus, GetStatusRequest(job_id=other.job_id, page_token=token))

    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert "page_token" in refused.violations


def test_token_is_good_for_another_page_size(service: Service, experiment: str) -> None:
    whole = service.run(config(model("m"), end=DATES[3]), experiment=experiment)
    token = service.status(whole.job_id, page_size=1).next_page_token

    rest = service.status(whole.job_id, page_size=100, page_token=token)

    assert list(rest.progress.details) == list(whole.progress.details)[1:]


def test_status_of_a_large_job_stays_under_4_mib(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service()
    gate = tmp_path / "gate"
    names = [f"{n:04}" + "\N{PILE OF POO}" * 124 for n in range(999)]
    content = config(
        scripted("0", wait_on=DATES[0], wait_for=str(gate)), *(model(name) | {"name": ""} for name in names)
    )
    answer = service.trigger(service.write_config(json.dumps(content, ensure_ascii=False)))
    request = GetStatusRequest(job_id=answer.job_id, page_size=10_000)

    seen, sizes = 0, []
    while True:
        page = service.stub.GetStatus(request, timeout=DEADLINE)
        seen += len(page.progress.details)
        sizes.append(page.ByteSize())
        request.page_token = page.next_page_token
        if not request.page_token:
            break

    assert max(sizes) < MAX_RESPONSE
    assert answer.ByteSize() < MAX_RESPONSE
    assert seen == answer.total_model_days == 10_000

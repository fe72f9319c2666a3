"""RetryJob: what failed is run again with what followed from it, and nothing else is touched."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc

from aitrader.v1 import job_pb2, simulation_pb2
from aitrader.v1.control_pb2 import CancelJobRequest, RetryJobRequest, RetryJobResponse
from aitrader.v1.simulation_pb2 import TriggerRequest
from tests.service import DATES, DEADLINE, Refusal, Service, config, model, refusal, scripted, wait_until

STORED = "SELECT job_id FROM jobs WHERE request_id = ?"
BUYS = {date: [("buy", "UP", 1)] for date in DATES}


def retry(service: Service, job_id: str, **fields: Any) -> RetryJobResponse:
    return service.stub.RetryJob(RetryJobRequest(job_id=job_id, **fields), timeout=DEADLINE)


def refused(service: Service, job_id: str, **fields: Any) -> Refusal:
    return refusal(service.stub.RetryJob, RetryJobRequest(job_id=job_id, **fields))


def flaky(name: str, once: Path, **parameters: Any) -> dict[str, Any]:
    """Return a model that raises on the third date, the first time."""
    return scripted(name, BUYS, raise_on=DATES[2], raise_once=str(once), **parameters)


def rows_of(service: Service, name: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row that is about a model, byte for byte."""
    tables = {
        table: service.rows(f"SELECT * FROM {table} WHERE model = ?", name)
        for table in ("positions", "rejections", "job_details", "sessions", "portfolios")
    }
    tables["holdings"] = service.rows(
        "SELECT h.* FROM holdings h JOIN positions p ON p.id = h.position_id WHERE p.model = ?", name
    )
    tables["trading_days"] = service.rows(
        "SELECT t.* FROM trading_days t JOIN portfolios p ON p.id = t.portfolio_id WHERE p.model = ?", name
    )
    return tables


def test_failed_day_and_what_followed_from_it_are_run_again_and_nothing_else(
    service: Service, experiment: str, tmp_path: Path
) -> None:
    content = config(flaky("m", tmp_path / "once"), model("other", "rule/momentum"), experiment=experiment)
    job_id = service.run(content).job_id
    before, last = rows_of(service, "other"), service.status(job_id).last_sequence
    assert service.status(job_id).status == job_pb2.JOB_STATUS_PARTIAL

    answer = retry(service, job_id)
    status = service.ended(job_id)

    assert (answer.job_id, answer.status, answer.pending_model_days) == (job_id, job_pb2.JOB_STATUS_RUNNING, 1)
    assert status.status == job_pb2.JOB_STATUS_COMPLETED
    assert (status.progress.completed, status.progress.failed) == (20, 0)
    assert rows_of(service, "other") == before
    attempts = {day.date: day.attempt for day in status.progress.details if day.model == "m"}
    assert attempts == {date: 1 if date < DATES[2] else 2 for date in DATES}
    closing = service.results(experiment=experiment, model="m")[-1]
    assert (closing.positions["UP"], len(service.results(job_id=job_id))) == (10, 20)
    kinds = [event.type for event in service.events(job_id, last)]
    assert kinds[:2] == [job_pb2.EVENT_TYPE_JOB_RETRIED, job_pb2.EVENT_TYPE_JOB_STARTED]
    assert kinds.count(job_pb2.EVENT_TYPE_MODEL_DAY_SUPERSEDED) == 7
    assert kinds[-1] == job_pb2.EVENT_TYPE_JOB_ENDED


def test_days_that_a_job_replaced_itself_are_told_when_they_are_asked_for(
    service: Service, experiment: str, tmp_path: Path
) -> None:
    job_id = service.run(config(flaky("m", tmp_path / "once"), model("n"), experiment=experiment)).job_id
    first = [day for day in service.results(job_id=job_id) if day.model == "m" and day.date > DATES[2]]
    retry(service, job_id)
    service.ended(job_id)
    counting = service.results(job_id=job_id)

    days = service.results(job_id=job_id, include_superseded=True, page_size=3)
    alone = refusal(service.stub.GetResults, simulation_pb2.GetResultsRequest(include_superseded=True))

    replaced = [day for day in days if day.superseded_by_job_id]
    assert [day for day in days if not day.superseded_by_job_id] == counting
    assert {day.superseded_by_job_id for day in replaced} == {job_id}
    places = [(day.date, day.model, day.superseded_time.ToNanoseconds()) for day in days]
    assert places == sorted(places)
    for day in replaced:
        day.ClearField("superseded_by_job_id")
        day.ClearField("superseded_time")
    assert replaced == first
    assert list(alone.violations) == ["include_superseded"]


def test_retried_portfolio_is_that_of_a_run_that_never_failed(
    service: Service, experiment: str, tmp_path: Path
) -> None:
    job_id = service.run(config(flaky("m", tmp_path / "once"), experiment=experiment)).job_id
    retry(service, job_id)
    service.ended(job_id)
    service.run(config(scripted("m", BUYS), experiment=f"{experiment}-steady"))

    def told(name: str) -> list[Any]:
        days = service.results(experiment=name)
        for day in days:
            day.ClearField("job_id")
            day.ClearField("experiment")
        return days

    assert told(experiment) == told(f"{experiment}-steady")


def test_history_of_a_retried_job_is_streamed_to_its_last_end(
    service: Service, experiment: str, tmp_path: Path
) -> None:
    job_id = service.run(config(flaky("m", tmp_path / "once"), experiment=experiment)).job_id
    retry(service, job_id)

    events = service.events(job_id)

    ends = [event.sequence for event in events if event.type == job_pb2.EVENT_TYPE_JOB_ENDED]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert len(ends) == 2
    assert ends[-1] == events[-1].sequence
    assert events[-1].status == job_pb2.JOB_STATUS_COMPLETED


def test_day_that_fails_again_leaves_the_later_ones_as_they_were(service: Service, experiment: str) -> None:
    job_id = service.run(config(scripted("m", BUYS, raise_on=DATES[2]), experiment=experiment)).job_id
    days = service.rows("SELECT * FROM trading_days WHERE job_id = ?", job_id)

    retry(service, job_id)
    status = service.ended(job_id)

    assert status.status == job_pb2.JOB_STATUS_PARTIAL
    assert service.rows("SELECT * FROM trading_days WHERE job_id = ?", job_id) == days
    assert [day.attempt for day in status.progress.details] == [1, 1, 2, 1, 1, 1, 1, 1, 1, 1]


def test_named_model_alone_is_retried(service: Service, experiment: str, tmp_path: Path) -> None:
    content = config(flaky("a", tmp_path / "a"), flaky("b", tmp_path / "b"), experiment=experiment)
    job_id = service.run(content).job_id
    before = rows_of(service, "b")

    retry(service, job_id, models=["a"])
    status = service.ended(job_id)

    assert status.status == job_pb2.JOB_STATUS_PARTIAL
    assert {day.model for day in status.progress.details if day.status == job_pb2.MODEL_DAY_STATUS_FAILED} == {"b"}
    assert rows_of(service, "b") == before


def test_cancelled_job_of_which_one_model_was_retried_is_partial_until_the_others_are(
    service: Service, experiment: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    waiting = [scripted(name, wait_on=DATES[0], wait_for=str(gate)) for name in ("a", "b")]
    job_id = service.trigger(config(*waiting, experiment=experiment)).job_id
    wait_until((tmp_path / "gate.reached").exists, "the first day")
    service.stub.CancelJob(CancelJobRequest(job_id=job_id), timeout=DEADLINE)
    service.ended(job_id)
    gate.touch()

    retry(service, job_id, models=["a"])
    one = service.ended(job_id)
    retry(service, job_id)
    both = service.ended(job_id)

    assert (one.status, one.progress.completed) == (job_pb2.JOB_STATUS_PARTIAL, 10)
    assert (both.status, both.progress.completed) == (job_pb2.JOB_STATUS_COMPLETED, 20)


def test_job_that_is_cancelled_and_retried_while_it_is_accepted_is_run_by_one_runner(
    service: Service, experiment: str
) -> None:
    for number in range(10):
        name = f"{experiment}-{number}"
        request = TriggerRequest(config_path=service.write_config(config(model("m"), experiment=name)), request_id=name)
        accepting = service.stub.Trigger.future(request, timeout=DEADLINE)
        wait_until(lambda name=name: service.rows(STORED, name), "the acceptance")
        job_id = service.rows(STORED, name)[0][0]
        with suppress(grpc.RpcError):  # it may have been faster, or not have ended yet
            service.stub.CancelJob(CancelJobRequest(job_id=job_id), timeout=DEADLINE)
            retry(service, job_id)
        accepting.result(DEADLINE)
        events = service.events(job_id)
        begun = [(event.date, event.attempt) for event in events if event.type == job_pb2.EVENT_TYPE_MODEL_DAY_STARTED]
        assert len(begun) == len(set(begun))
        assert not service.status(job_id).error


def test_repeat_with_the_same_request_id_tells_the_job_and_changes_nothing(
    service: Service, experiment: str, tmp_path: Path
) -> None:
    job_id = service.run(config(flaky("m", tmp_path / "once"), experiment=experiment)).job_id
    retry(service, job_id, request_id=experiment)
    last = service.ended(job_id).last_sequence

    again = retry(service, job_id, request_id=experiment)
    other = refused(service, job_id, request_id=experiment, models=["m"])

    assert (again.status, again.pending_model_days) == (job_pb2.JOB_STATUS_COMPLETED, 0)
    assert service.status(job_id).last_sequence == last
    assert (other.code, other.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


def test_retry_of_what_cannot_be_retried_is_refused_with_the_reason(
    service: Service, experiment: str, tmp_path: Path
) -> None:
    path = service.write_config(config(flaky("m", tmp_path / "once"), model("n"), experiment=experiment))
    job_id = service.ended(service.trigger(path, end_date=DATES[3]).job_id).job_id
    unknown = refused(service, job_id, models=["m", "x"])
    nothing = refused(service, job_id, models=["n"])
    later = service.run(path).job_id
    extended, completed = refused(service, job_id), refused(service, later)
    missing = refused(service, "no-job")

    assert (unknown.code, list(unknown.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, ["models[1]"])
    assert {nothing.reason, extended.reason, completed.reason} == {"JOB_STATE"}
    assert later in extended.message
    assert completed.info.metadata["status"] == "completed"
    assert missing.reason == "JOB_NOT_FOUND"


def test_retry_waits_for_nobody_who_holds_the_portfolio(service: Service, experiment: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    path = service.write_config(
        config(
            flaky("m", tmp_path / "once", wait_on=DATES[5], wait_for=str(gate)),
            experiment=experiment,
        )
    )
    job_id = service.ended(service.trigger(path, end_date=DATES[3]).job_id).job_id
    holder = service.trigger(path).job_id
    wait_until((tmp_path / "gate.reached").exists, "the sixth day")

    conflict, active = refused(service, job_id), refused(service, holder)
    gate.touch()
    service.ended(holder)

    assert conflict.reason in ("JOB_CONFLICT", "JOB_STATE")
    assert holder in conflict.message
    assert active.reason == "JOB_STATE"


def test_status_that_was_asked_for_before_the_retry_is_told_anew(
    service: Service, experiment: str, tmp_path: Path
) -> None:
    job_id = service.run(config(flaky("m", tmp_path / "once"), experiment=experiment)).job_id
    before = service.status(job_id)
    retry(service, job_id)

    after = service.ended(job_id)
    fresh = service.stub.GetStatus(simulation_pb2.GetStatusRequest(job_id=job_id, page_size=999), timeout=DEADLINE)

    assert before.progress.failed == 1
    assert after == fresh

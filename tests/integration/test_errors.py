"""Errors in general: their form, deadlines, and what happens while the service stops."""

from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from aitrader.v1.simulation_pb2 import TRIGGER_OUTCOME_EXISTING, GetResultsRequest, GetStatusRequest, TriggerRequest
from tests.service import DATES, Refusal, Service, config, model, refusal, scripted, wait_until


def test_error_carries_the_request_id_of_the_caller(service: Service) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        service.stub.GetStatus(GetStatusRequest(job_id="x"), metadata=[("x-request-id", "mine-1")], timeout=30)

    assert dict(caught.value.trailing_metadata())["x-request-id"] == "mine-1"  # type: ignore[attr-defined]


def test_error_of_a_call_without_request_id_carries_a_new_one(service: Service) -> None:
    ids = set()
    for _ in range(2):
        with pytest.raises(grpc.RpcError) as caught:
            service.stub.GetStatus(GetStatusRequest(job_id="x"), timeout=30)
        ids.add(dict(caught.value.trailing_metadata())["x-request-id"])  # type: ignore[attr-defined]

    assert len(ids) == 2
    assert all(ids)


def test_message_and_details_agree(service: Service) -> None:
    refused = refusal(service.stub.GetStatus, GetStatusRequest(job_id="nobody"))

    assert refused.message == "job_id 'nobody' was not found"
    assert dict(refused.info.metadata) == {"job_id": "nobody"}


def test_unforeseen_error_is_internal_with_an_id_and_tells_nothing(new_service: Callable[..., Service]) -> None:
    service = new_service()
    status = service.run(config(model("m"), end=DATES[0]))
    service.db.execute_sql("UPDATE positions SET action_type = 'buy', amount = 99999999999")

    refused = refusal(service.stub.GetResults, GetResultsRequest(detail=2))

    assert (refused.code, refused.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert refused.message == "internal error"
    assert len(refused.info.metadata["error_id"]) == 8
    assert service.status(status.job_id).job_id == status.job_id


def test_database_that_another_process_locks_is_unavailable_and_recovers(
    new_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.database.BUSY_TIMEOUT", 0.05)
    service = new_service()
    request = TriggerRequest(config_path=service.write_config(config(model("m"), end=DATES[0])))
    service.db.execute_sql("BEGIN IMMEDIATE")

    refused = refusal(service.stub.Trigger, request)

    service.db.execute_sql("ROLLBACK")
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "STORAGE_BUSY")
    assert service.run(request.config_path).progress.completed == 1


def test_deadline_is_respected_and_what_was_asked_for_is_done_nevertheless(new_service: Callable[..., Service]) -> None:
    service = new_service()
    request = TriggerRequest(config_path=service.write_config(config(model("m"), end=DATES[0])), request_id="mine")
    service.db.execute_sql("BEGIN IMMEDIATE")

    with pytest.raises(grpc.RpcError) as caught:
        service.stub.Trigger(request, timeout=0.1)

    service.db.execute_sql("ROLLBACK")
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED  # type: ignore[attr-defined]
    wait_until(lambda: service.rows("SELECT 1 FROM jobs WHERE status = 'completed'"), "the end of the job")
    assert service.stub.Trigger(request, timeout=30).outcome == TRIGGER_OUTCOME_EXISTING


def test_trigger_while_the_service_stops_is_draining(new_service: Callable[..., Service], tmp_path: Path) -> None:
    service = new_service(shutdown_grace=60.0)
    gate = tmp_path / "gate"
    service.trigger(config(scripted("m", wait_on=DATES[0], wait_for=str(gate))))
    wait_until((tmp_path / "gate.reached").exists, "the first day")
    request = TriggerRequest(config_path=service.write_config(config(model("n"))), experiment="other")
    stopping = service.begin_stop()

    wait_until(lambda: _refused_as(service, request) == "DRAINING", "draining")

    gate.touch()
    stopping.result(60)
    assert service.rows("SELECT COUNT(*) FROM jobs WHERE experiment = 'other'") in ([(0,)], [(1,)])
    service.start()


def _refused_as(service: Service, request: TriggerRequest) -> str:
    try:
        service.stub.Trigger(request, timeout=30)
    except grpc.RpcError as error:
        return Refusal(error).reason
    return ""


def test_job_outlasts_a_lock_of_the_database(
    new_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("storage.database.BUSY_TIMEOUT", 0.02)
    service = new_service()
    gate, second = tmp_path / "gate", tmp_path / "second"
    waiting = [
        scripted("m", wait_on=DATES[1], wait_for=str(gate)),
        scripted("n", wait_on=DATES[1], wait_for=str(second)),
    ]
    job_id = service.trigger(config(*waiting, end=DATES[3])).job_id
    wait_until((tmp_path / "gate.reached").exists, "the second day")
    service.db.execute_sql("BEGIN IMMEDIATE")

    gate.touch()
    wait_until((tmp_path / "second.reached").exists, "the second model's day")
    second.touch()
    other = TriggerRequest(config_path=service.write_config(config(model("m"))), experiment="other")
    refusals = [refusal(service.stub.Trigger, other).reason for _ in range(5)]
    service.db.execute_sql("ROLLBACK")

    assert refusals == ["STORAGE_BUSY"] * 5
    status = service.ended(job_id)
    assert (status.progress.completed, status.error) == (8, "")

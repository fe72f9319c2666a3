"""A database that another process locks: reads go on, writes wait for a moment and are refused, jobs wait."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from aitrader.v1 import job_pb2, simulation_pb2
from tests.database_lock import locked
from tests.security.test_bad_input import GOOD, REQUESTS, Stored
from tests.service import DATES, DEADLINE, BackgroundLoop, Refusal, config, scripted, start_service, wait_until

#: in WAL mode the lock of a writer that wants to be alone keeps other writers out, and no reader
LOCKS = ("BEGIN IMMEDIATE", "BEGIN EXCLUSIVE")

#: how the names of calls begin that write nothing
READS = ("Get", "List", "Stream", "Audit", "Verify")


@pytest.fixture
def stored(loop: BackgroundLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stored]:
    """A service with a job that has ended, that waits for locks for a moment only."""
    monkeypatch.setattr("storage.database.BUSY_TIMEOUT", 0.2)
    service = start_service(loop, tmp_path / "service")
    yield Stored(service)
    service.close()


def answer(stored: Stored, rpc: str) -> str:
    """Make a call that is in order, and return the reason of its refusal, or OK."""
    try:
        told = stored.call(rpc)(REQUESTS[rpc](**GOOD[rpc](stored)), timeout=DEADLINE)
        if isinstance(told, Iterator):
            list(told)
    except grpc.RpcError as error:
        return Refusal(error).reason or str(error)
    return "OK"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_read_goes_on_and_every_write_is_refused_while_another_process_holds_the_lock(
    stored: Stored, lock: str
) -> None:
    with locked(stored.service.settings.db, lock):
        answers = {rpc: answer(stored, rpc) for rpc in REQUESTS}

    assert answers == {rpc: "OK" if rpc.startswith(READS) else "STORAGE_BUSY" for rpc in REQUESTS}
    assert stored.service.contents() == stored.contents


def test_job_whose_end_cannot_be_stored_ends_when_the_lock_is_gone(stored: Stored, tmp_path: Path) -> None:
    service, gate = stored.service, tmp_path / "gate"
    path = service.write_config(config(scripted("x", wait_on=DATES[1], wait_for=str(gate)), end=DATES[1]))
    job_id = service.trigger(path).job_id
    wait_until((tmp_path / "gate.reached").exists, "the last day")

    with locked(service.settings.db):
        gate.touch()
        refused = [answer(stored, "Trigger") for _ in range(2)]
        status = service.status(job_id).status
    ended = service.ended(job_id)

    assert refused == ["STORAGE_BUSY"] * 2
    assert status == job_pb2.JOB_STATUS_RUNNING
    assert ended.status == job_pb2.JOB_STATUS_COMPLETED
    assert service.trigger(path).outcome == simulation_pb2.TRIGGER_OUTCOME_UP_TO_DATE


def test_server_stops_in_order_while_another_process_holds_the_lock(stored: Stored, tmp_path: Path) -> None:
    service, gate = stored.service, tmp_path / "gate"
    job_id = service.trigger(config(scripted("x", wait_on=DATES[1], wait_for=str(gate)), end=DATES[1])).job_id
    wait_until((tmp_path / "gate.reached").exists, "the last day")

    with locked(service.settings.db):
        gate.touch()
        service.stop()
    service.start()

    assert service.ended(job_id).status == job_pb2.JOB_STATUS_COMPLETED

"""Storage under stress: a disk that is full, a database that another process locks, files that are damaged."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message

from aitrader.v1 import job_pb2, simulation_pb2
from aitrader.v1.control_pb2 import CancelJobRequest, RetryJobRequest
from storage.checks.check import check
from storage.database import open_database, open_existing
from tests.e2e.process import run
from tests.service import DATES, BackgroundLoop, Service, config, model, refusal, scripted, start_service, wait_until

BUYS = {date: [("buy", "UP", 1)] * 5 for date in DATES}

#: holds a lock of the database until its standard input ends
HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def full_filesystem(folder: Path) -> Iterator[None]:
    """Take all space of the file system, and give it back."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(b"\0" * size)
            except OSError:
                size //= 2
    yield
    ballast.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little space, where one may be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no file system may be mounted here; the file limit stands for it")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def locked(service: Service, statement: str) -> Iterator[None]:
    """Let another process hold a lock of the database."""
    command = [sys.executable, "-c", HOLDER, str(service.settings.db), statement]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.stdin.close()
        holder.wait(60)


def assert_goes_on(loop: BackgroundLoop, folder: Path, full: Callable[[Path], AbstractContextManager[None]]) -> None:
    service = start_service(loop, folder)
    gate = folder.parent / f"{folder.name}-gate"
    try:
        once = {"initial_cash": 10_000.0, "max_retries": 0}
        waiting = scripted("m", BUYS, wait_on=DATES[3], wait_for=str(gate))
        job_id = service.trigger(config(waiting, agent_config=once)).job_id
        wait_until(gate.with_name(f"{gate.name}.reached").exists, "the fourth day")
        other = service.write_config(config(model("other"), end=DATES[0]))
        with full(folder):
            gate.touch()
            refused = refusal(service.stub.Trigger, simulation_pb2.TriggerRequest(config_path=other, experiment="x"))
            assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL")
            assert service.status(job_id).status == job_pb2.JOB_STATUS_RUNNING
            assert len(service.results(job_id=job_id)) == 3
        status = service.ended(job_id)
        failed = [day for day in status.progress.details if day.status == job_pb2.MODEL_DAY_STATUS_FAILED]
        assert [day.date for day in failed] == [DATES[3]]
        assert failed[0].error.startswith("storage_error: the disk took no more: ")
        assert status.progress.completed == 9
        assert service.run(other, experiment="x").progress.completed == 1
        service.stub.RetryJob(RetryJobRequest(job_id=job_id), timeout=60)
        assert service.ended(job_id).progress.completed == 10
    finally:
        service.close()
    with closing(open_existing(folder / "jobs.db")) as db:
        assert [row for row in check(db) if row.broken] == []


def test_model_day_fails_on_a_full_disk_and_the_job_goes_on_when_there_is_space(
    loop: BackgroundLoop, small_disk: Path
) -> None:
    assert_goes_on(loop, small_disk, full_filesystem)


READS = (
    ("GetStatus", simulation_pb2.GetStatusRequest(job_id="{job}")),
    ("GetResults", simulation_pb2.GetResultsRequest()),
    ("GetLeaderboard", simulation_pb2.GetLeaderboardRequest()),
    ("GetPortfolioTimeseries", simulation_pb2.GetPortfolioTimeseriesRequest(model="m")),
    ("ListJobs", simulation_pb2.ListJobsRequest()),
)


@pytest.fixture
def busy(loop: BackgroundLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Service, str]]:
    """A service with a job that has ended in part, that waits for locks for a moment only."""
    monkeypatch.setattr("storage.database.BUSY_TIMEOUT", 0.2)
    service = start_service(loop, tmp_path / "busy")
    yield service, service.run(config(scripted("m", raise_on=DATES[1]), end=DATES[2])).job_id
    service.close()


def test_reads_go_on_and_writes_are_refused_while_another_process_writes(busy: tuple[Service, str]) -> None:
    service, job_id = busy
    writes = (
        ("Trigger", simulation_pb2.TriggerRequest(config_path=service.write_config(config(model("n"))))),
        ("RetryJob", RetryJobRequest(job_id=job_id)),
        ("CancelJob", CancelJobRequest(job_id=job_id)),
    )
    with locked(service, "BEGIN IMMEDIATE"):
        for name, request in READS:
            getattr(service.stub, name)(_for(request, job_id), timeout=60)
        refusals = {name: refusal(getattr(service.stub, name), request) for name, request in writes}

    assert {(refused.code.name, refused.reason) for refused in refusals.values()} == {("UNAVAILABLE", "STORAGE_BUSY")}
    service.stub.RetryJob(writes[1][1], timeout=60)
    assert service.ended(job_id).progress.failed == 1


def test_every_call_is_answered_while_another_process_holds_an_exclusive_lock(busy: tuple[Service, str]) -> None:
    """In WAL mode the lock of a writer that wants to be alone keeps other writers out, and no reader."""
    service, job_id = busy
    with locked(service, "BEGIN EXCLUSIVE"):
        for name, request in READS:
            getattr(service.stub, name)(_for(request, job_id), timeout=60)
        request = simulation_pb2.TriggerRequest(config_path=service.write_config(config(model("n"))))
        assert refusal(service.stub.Trigger, request).reason == "STORAGE_BUSY"


def _for(request: Message, job_id: str) -> Message:
    if isinstance(request, simulation_pb2.GetStatusRequest):
        return simulation_pb2.GetStatusRequest(job_id=job_id)
    return request


def _flipped_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"XXXX")


def _flipped_page(path: Path) -> None:
    """Spoil the root of the jobs' table."""
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'jobs'").fetchone()
    with path.open("r+b") as file:
        file.seek(4096 * (root - 1))
        file.write(os.urandom(4096))


def _truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _something_else(path: Path) -> None:
    path.write_text("not a database, but long enough to be looked at\n" * 100)


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO schema_migrations (name, applied) VALUES ('9999_later', '2030-01-01')")


@pytest.mark.parametrize("spoil", [_flipped_header, _flipped_page, _truncated, _something_else])
def test_damaged_database_is_refused_with_the_way_to_restore_it(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    open_database(path).close()
    spoil(path)

    served = run(["ai-trader-server", "serve", "--port", "0", "--db", str(path)])

    assert served.returncode == 1
    (line,) = served.stderr.splitlines()
    assert line.startswith("Error: ")
    assert f"restore a backup with: ai-trader-server db restore BACKUP --db {path}" in line
    assert str(tmp_path / "backups") in line
    assert run(["ai-trader-server", "db", "check", "--db", str(path)]).returncode == 1


def test_database_of_a_newer_version_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    open_database(path).close()
    _newer(path)

    served = run(["ai-trader-server", "serve", "--port", "0", "--db", str(path)])

    assert (served.returncode, served.stdout) == (1, "")
    assert served.stderr == "Error: the database was written by a newer version: it has 9999_later\n"

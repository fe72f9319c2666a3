"""Storage under stress: a disk that is full, and files that are damaged."""

import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import grpc
import pytest
from structlog.testing import capture_logs

from aitrader.v1 import job_pb2, simulation_pb2
from aitrader.v1.control_pb2 import RetryJobRequest
from storage.checks.check import check
from storage.database import open_database, open_existing
from tests.e2e.process import run
from tests.service import (
    DATES,
    DEADLINE,
    BackgroundLoop,
    Service,
    config,
    model,
    refusal,
    scripted,
    start_service,
    wait_until,
)

BUYS = {date: [("buy", "UP", 1)] * 5 for date in DATES}


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


@contextmanager
def file_limit(folder: Path) -> Iterator[None]:
    """Let no file of this process grow, as with a quota."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (folder / "jobs.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


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


def running_on(service: Service, job_id: str, date: str) -> bool:
    """Tell whether an attempt at a date is stored as running."""
    days = service.status(job_id).progress.details
    return any(day.date == date and day.status == job_pb2.MODEL_DAY_STATUS_RUNNING for day in days)


def assert_goes_on(loop: BackgroundLoop, folder: Path, full: Callable[[Path], AbstractContextManager[None]]) -> None:
    """Fill the disk while the first of three models trades, with one worker for all.

    The second one begins and ends while its start waits for space. When the third has begun, the outcomes of both are
    on their way to the writer, which answers in order.
    """
    service = start_service(loop, folder)
    gates = [folder.parent / "first", folder.parent / "third"]
    first, third = (scripted(gate.name, BUYS, wait_on=DATES[3], wait_for=str(gate)) for gate in gates)
    try:
        once = {"initial_cash": 10_000.0, "max_retries": 0}
        job_id = service.trigger(config(first, scripted("second", BUYS), third, agent_config=once)).job_id
        wait_until(lambda: running_on(service, job_id, DATES[3]), "the fourth day")
        other = service.write_config(config(model("other"), end=DATES[0]))
        with full(folder):
            gates[0].touch()
            wait_until(gates[1].with_name(f"{gates[1].name}.reached").exists, "the third model")
            for _ in range(2):
                refused = refusal(
                    service.stub.Trigger, simulation_pb2.TriggerRequest(config_path=other, experiment="x")
                )
                assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL")
            assert service.status(job_id).status == job_pb2.JOB_STATUS_RUNNING
            assert len(service.results(job_id=job_id)) == 9
        gates[1].touch()
        status = service.ended(job_id)
        failed = [day for day in status.progress.details if day.status == job_pb2.MODEL_DAY_STATUS_FAILED]
        assert (failed[0].date, failed[0].model) == (DATES[3], "first")
        assert failed[0].error.startswith("storage_error: the disk took no more: ")
        assert (len(failed), status.progress.completed) == (1, 29)
        assert service.run(other, experiment="x").progress.completed == 1
        service.stub.RetryJob(RetryJobRequest(job_id=job_id), timeout=DEADLINE)
        assert service.ended(job_id).progress.completed == 30
    finally:
        service.close()
    with closing(open_existing(folder / "jobs.db")) as db:
        assert [row for row in check(db) if row.broken] == []


def test_model_day_fails_on_a_full_disk_and_the_job_goes_on_when_there_is_space(
    loop: BackgroundLoop, small_disk: Path
) -> None:
    assert_goes_on(loop, small_disk, full_filesystem)


def test_model_day_fails_where_files_may_not_grow_and_the_job_goes_on_when_they_may(
    loop: BackgroundLoop, tmp_path: Path
) -> None:
    assert_goes_on(loop, tmp_path / "service", file_limit)


REFUSE_ENDS = """
    CREATE TRIGGER refuse_ends BEFORE UPDATE OF completed_at ON jobs WHEN NEW.completed_at IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'not now'); END
"""


def test_end_of_a_job_that_the_database_refuses_is_tried_until_it_is_stored(
    new_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.jobs.job_end.END_WAITS", (0.01,))
    service = new_service()
    service.db.execute_sql(REFUSE_ENDS)
    path = service.write_config(config(model("m"), end=DATES[0]))

    with capture_logs() as logs:
        job_id = service.trigger(path).job_id
        wait_until(lambda: [log["event"] for log in logs].count("job_end_not_stored") > 2, "refused ends")
    status = service.status(job_id)
    service.db.execute_sql("DROP TRIGGER refuse_ends")

    assert (status.status, status.progress.completed) == (job_pb2.JOB_STATUS_RUNNING, 1)
    assert service.ended(job_id).status == job_pb2.JOB_STATUS_COMPLETED
    assert service.trigger(path).outcome == simulation_pb2.TRIGGER_OUTCOME_UP_TO_DATE


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

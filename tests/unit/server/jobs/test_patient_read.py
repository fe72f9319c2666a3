"""A running job whose reads fail for a while: another process really holds the file that is read."""

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from peewee import OperationalError, SqliteDatabase

from server.jobs.credentials import CredentialStore
from server.jobs.halt import Halt, HaltedError
from server.jobs.journal import Journal
from server.jobs.model_day_runner import RunnerParts
from server.jobs.patient_read import read_patiently
from server.jobs.progress import ProgressLogs
from server.jobs.recordings import RecordedSessions
from server.jobs.runner import DateWork, JobRunner
from server.jobs.spec import JobSpec
from server.pool.local import LocalPool
from server.pool.worker import Setup
from server.settings import Settings
from storage.database import open_database
from storage.jobs import find_job
from storage.writer import Writer
from tests.database_lock import locked
from tests.service import DEADLINE
from tests.unit.storage.stored_job import accepted

#: keeps readers out of a file without a write-ahead log
LOCK = "BEGIN EXCLUSIVE"


class Source:
    """A file without a write-ahead log, of which each read is counted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tried = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        sqlite3.connect(path).execute("CREATE TABLE days (date)")

    def read(self, table: str = "days") -> int:
        db = SqliteDatabase(str(self.path), timeout=0.01)
        try:
            return int(db.execute_sql(f"SELECT count(*) FROM {table}").fetchone()[0])
        finally:
            self._loop.call_soon_threadsafe(self.tried.set)
            db.close()

    async def failed(self) -> None:
        """Wait until a read was tried that the lock refused."""
        self.tried.clear()
        await asyncio.wait_for(self.tried.wait(), DEADLINE)


async def test_read_is_tried_again_until_the_lock_is_gone(tmp_path: Path) -> None:
    source = Source(tmp_path / "source.db")

    with locked(source.path, LOCK):
        read = asyncio.create_task(read_patiently(source.read, Halt()))
        await source.failed()
        await source.failed()

    assert await asyncio.wait_for(read, DEADLINE) == 0


async def test_wait_for_the_lock_ends_with_the_job(tmp_path: Path) -> None:
    source, halt = Source(tmp_path / "source.db"), Halt()

    with locked(source.path, LOCK):
        read = asyncio.create_task(read_patiently(source.read, halt))
        await source.failed()
        halt.stop()
        with pytest.raises(HaltedError):
            await asyncio.wait_for(read, DEADLINE)


async def test_fault_that_does_not_pass_is_told_at_once(tmp_path: Path) -> None:
    source = Source(tmp_path / "source.db")

    with pytest.raises(OperationalError, match="no such table"):
        await read_patiently(lambda: source.read("months"), Halt())


@pytest.fixture
def db(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = open_database(tmp_path / "jobs.db")
    yield database
    database.close()


@pytest.fixture
def writer(db: SqliteDatabase) -> Iterator[Writer]:
    started = Writer(db)
    started.start()
    yield started
    started.stop()


def runner(db: SqliteDatabase, writer: Writer, source: Source) -> JobRunner:
    """Return the runner of a stored job that reads its work from a source, where there is none."""
    job = replace(accepted(db), spec=JobSpec(models=(), universe=None, max_retries=0).to_json())
    logs = ProgressLogs(lambda _: b"", lambda *_: b"")
    logs.open(job.job_id, job.last_sequence)
    parts = RunnerParts(
        journal=Journal(writer, logs),
        pool=LocalPool(1, Setup(snapshots=Path(), data_dir=Path())),
        clock=lambda: datetime.now(UTC),
        credentials=CredentialStore(Settings()),
        recordings=RecordedSessions(db),
        cancel_grace=0.0,
    )

    def work(_after: str) -> DateWork:
        source.read()
        return DateWork(days=(), states={})

    return JobRunner(job, work=work, failed={}, spent={}, snapshot="prices", parts=parts)


async def test_job_goes_on_when_what_it_reads_was_locked_for_a_while(
    db: SqliteDatabase, writer: Writer, tmp_path: Path
) -> None:
    source = Source(tmp_path / "source.db")
    job = runner(db, writer, source)

    with locked(source.path, LOCK):
        running = asyncio.create_task(job.run())
        await source.failed()
    await asyncio.wait_for(running, DEADLINE)

    assert job.over
    assert find_job(db, "job-1").error is None


async def test_job_that_waits_for_the_lock_is_stopped_and_left_unfinished(
    db: SqliteDatabase, writer: Writer, tmp_path: Path
) -> None:
    source = Source(tmp_path / "source.db")
    job = runner(db, writer, source)

    with locked(source.path, LOCK):
        running = asyncio.create_task(job.run())
        await source.failed()
        job.stop()
        await asyncio.wait_for(running, DEADLINE)

    assert not job.over
    assert find_job(db, "job-1").status == "running"


async def test_job_that_waits_for_the_lock_is_cancelled(db: SqliteDatabase, writer: Writer, tmp_path: Path) -> None:
    source = Source(tmp_path / "source.db")
    job = runner(db, writer, source)

    with locked(source.path, LOCK):
        running = asyncio.create_task(job.run())
        await source.failed()
        job.cancel()
        await asyncio.wait_for(running, DEADLINE)

    assert job.over

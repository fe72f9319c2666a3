"""What each kind of schedule does when it is due. A new kind is a class in `schedule.py` and a case here."""

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from peewee import SqliteDatabase

from server.jobs.request import TriggerCommand
from server.jobs.service import JobService, Triggered
from server.schedules.schedule import BackupSchedule, JobSchedule, Schedule, VacuumSchedule
from storage.acceptance import ConflictPolicy
from storage.backup import backups_of, write_backup
from storage.jobs import active_jobs
from storage.restore import compact_file
from storage.schedule_runs import run_with_active_job


class NotNowError(Exception):
    """What is due would overlap with what goes on, so it is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done, as words, and the job that was triggered."""

    message: str
    job_id: str | None = None


class Work:
    """Does what is due; upkeep of one database is done one after the other."""

    def __init__(self, db: SqliteDatabase, jobs: JobService) -> None:
        self._db = db
        self._jobs = jobs
        self._upkeep = asyncio.Lock()

    async def perform(self, schedule: Schedule, due: datetime) -> Done:
        """Do what a schedule says for a time that was due; doing it again for the same time does no harm.

        Raises:
            NotNowError: it would overlap.
            JobError, StorageError, OSError: it could not be done.
        """
        if isinstance(schedule, JobSchedule):
            return await self._trigger(schedule, due)
        async with self._upkeep:
            return await asyncio.to_thread(self._keep_up, schedule, due)

    def _keep_up(self, schedule: BackupSchedule | VacuumSchedule, due: datetime) -> Done:
        match schedule:
            case BackupSchedule():
                return back_up(Path(self._db.database), schedule, due)
            case VacuumSchedule():
                return self._vacuum()

    async def _trigger(self, schedule: JobSchedule, due: datetime) -> Done:
        before = await asyncio.to_thread(run_with_active_job, self._db, schedule.name)
        if before is not None and before.due != due:
            raise NotNowError(f"job '{before.job_id}', due {before.due_at}, has not ended")
        command = TriggerCommand(
            config_path=schedule.config,
            request_id=f"schedule:{schedule.name}:{_compact(due)}",
            models=(),
            start_date=None,
            end_date=None,
            experiment=schedule.experiment,
            policy=ConflictPolicy.QUEUE,
        )
        triggered = await self._jobs.trigger(command)
        return Done(message=_words(triggered), job_id=None if triggered.job is None else triggered.job.job_id)

    def _vacuum(self) -> Done:
        if active_jobs(self._db):
            raise NotNowError("jobs run, and would wait for it")
        before, after = compact_file(Path(self._db.database))
        return Done(message=f"{before:,} bytes before, {after:,} after")


def back_up(database: Path, schedule: BackupSchedule, due: datetime) -> Done:
    """Copy the database, and remove the oldest copies that the same schedule made; others are left alone."""
    folder = schedule.folder or backups_of(database)
    target = folder / f"{schedule.name}-{_compact(due)}.db"
    size = write_backup(database, target)
    own = re.compile(rf"{re.escape(schedule.name)}-\d{{8}}T\d{{6}}Z\.db")
    oldest = sorted(path for path in folder.iterdir() if own.fullmatch(path.name))[: -schedule.keep]
    for path in oldest:
        path.unlink()
    removed = f"; {len(oldest)} older removed" if oldest else ""
    return Done(message=f"{target}: {size:,} bytes, sound{removed}")


def _words(triggered: Triggered) -> str:
    if triggered.job is None:
        return "everything was up to date"
    if not triggered.accepted:
        return "the same job was there already"
    return "the job was accepted" + (" and waits for its turn" if triggered.queue_position else "")


def _compact(due: datetime) -> str:
    return f"{due.astimezone(UTC):%Y%m%dT%H%M%SZ}"

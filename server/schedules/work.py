"""What is done when a schedule is due: a job is triggered, or upkeep is done in a thread."""

import asyncio
from datetime import UTC, datetime

from peewee import SqliteDatabase

from server.jobs.request import TriggerCommand
from server.jobs.service import JobService, Triggered
from server.schedules.outcome import Done, NotNowError
from server.schedules.schedule import JobSchedule, Schedule
from server.schedules.upkeep import Upkeep
from storage.acceptance import ConflictPolicy
from storage.schedule_runs import run_with_active_job


class Work:
    """Does what is due; upkeep of different schedules is done one after the other."""

    def __init__(self, db: SqliteDatabase, jobs: JobService, upkeep: Upkeep) -> None:
        self._db = db
        self._jobs = jobs
        self._upkeep = upkeep
        self._turn = asyncio.Lock()

    async def perform(self, schedule: Schedule, due: datetime) -> Done:
        """Do what a schedule says for a time that was due; doing it again for the same time does no harm.

        Raises:
            NotNowError: it would overlap.
            DrainingError: the service stops.
            JobError, MarketError, StorageError, OSError: it could not be done.
        """
        if isinstance(schedule, JobSchedule):
            return await self._trigger(schedule, due)
        async with self._turn:
            return await asyncio.to_thread(self._upkeep.perform, schedule, due)

    def stop(self) -> None:
        """Let upkeep come to its end as soon as it can."""
        self._upkeep.stop()

    async def _trigger(self, schedule: JobSchedule, due: datetime) -> Done:
        before = await asyncio.to_thread(run_with_active_job, self._db, schedule.name)
        if before is not None and before.due != due:
            raise NotNowError(f"job '{before.job_id}', due {before.due_at}, has not ended")
        command = TriggerCommand(
            config_path=schedule.config,
            request_id=f"schedule:{schedule.name}:{due.astimezone(UTC):%Y%m%dT%H%M%SZ}",
            models=(),
            start_date=None,
            end_date=None,
            experiment=schedule.experiment,
            policy=ConflictPolicy.QUEUE,
        )
        triggered = await self._jobs.trigger(command)
        return Done(message=_words(triggered), job_id=None if triggered.job is None else triggered.job.job_id)


def _words(triggered: Triggered) -> str:
    if triggered.job is None:
        return "everything was up to date"
    if not triggered.accepted:
        return "the same job was there already"
    return "the job was accepted" + (" and waits for its turn" if triggered.queue_position else "")

"""The queue of jobs, which lives in the database; here those whose turn has come are started."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from peewee import SqliteDatabase

from server.jobs.errors import JobError
from server.jobs.job_planner import JobPlanner
from server.jobs.model_day_runner import RunnerParts
from server.jobs.progress import ProgressLogs
from server.jobs.request import ResolvedRequest
from server.market.snapshots import Snapshot, Snapshots
from server.settings import Settings
from storage.acceptance import QueuedJob, queued_jobs, start_queued
from storage.database import passes
from storage.jobs import JobRow, end_job
from storage.writer import Patience

#: seconds until the queue is looked at again after the database was not ready
ADMISSION_WAIT = 2.0

#: runs a job that has started on the prices it was planned on
RunJob = Callable[[JobRow, Snapshot], Awaitable[None]]

logger = structlog.get_logger(__name__)


class JobQueue:
    """Starts the jobs that wait; `reviving` is held meanwhile, by whoever brings a stored job to life."""

    def __init__(
        self,
        settings: Settings,
        db: SqliteDatabase,
        *,
        snapshots: Snapshots,
        logs: ProgressLogs,
        parts: RunnerParts,
        reviving: asyncio.Lock,
        run: RunJob,
    ) -> None:
        self._settings = settings
        self._db = db
        self._snapshots = snapshots
        self._logs = logs
        self._journal = parts.journal
        self._clock = parts.clock
        self._reviving = reviving
        self._run = run
        self._stopped = False
        self._admissions: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Start nothing more."""
        self._stopped = True

    async def admit(self) -> None:
        """Start the jobs that wait and whose turn has come; again later when the database is not ready."""
        try:
            async with self._reviving:
                for waiting in await asyncio.to_thread(queued_jobs, self._db):
                    if not self._stopped:
                        await self._start(waiting)
        except Exception as error:
            if not passes(error):
                raise
            # not waited for with the lock, which retries need
            logger.warning("queue_not_admitted", error=str(error))
            asyncio.get_running_loop().call_later(ADMISSION_WAIT, self.admit_soon)

    def admit_soon(self) -> None:
        """Have the queue looked at, without waiting for it."""
        if not self._stopped:
            admission = asyncio.create_task(self.admit())
            self._admissions.add(admission)
            admission.add_done_callback(self._admitted)

    async def end(self, job_id: str, reason: str | None = None) -> None:
        """End a job that waits, as cancelled when there is no reason.

        Raises:
            JobStateError: it has ended.
            StorageNotReadyError: the database takes no writes now.
        """
        await self._journal.record(lambda db: end_job(db, job_id, self._clock(), reason), patience=Patience.NONE)

    async def _start(self, waiting: QueuedJob) -> None:
        """Start a job that waits, if its turn has come; what it is to do is worked out anew."""
        snapshot = await asyncio.to_thread(self._snapshots.current)
        request, today = ResolvedRequest.from_json(waiting.content), self._clock().date()
        model_days, jobs = self._settings.max_job_model_days, self._settings.max_concurrent_jobs
        try:
            planner = await asyncio.to_thread(JobPlanner, request, snapshot, model_days, today)
            started = await self._journal.write(lambda db: start_queued(db, waiting, planner, jobs, self._clock()))
        except JobError as error:
            await self.end(waiting.job_id, f"the job could not start: {error}")
            self.admit_soon()
            return
        if isinstance(started, JobRow):
            await self._run(started, snapshot)
        elif started is not None:
            self._logs.publish(started)
            self.admit_soon()  # somebody may have begun to wait for it meanwhile

    def _admitted(self, done: "asyncio.Task[None]") -> None:
        self._admissions.discard(done)
        if not done.cancelled() and (error := done.exception()) is not None:
            logger.error("queue_not_admitted", exc_info=error)

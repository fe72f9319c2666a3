"""Jobs as callers see them: trigger one, and keep those that were accepted going."""

import asyncio
import uuid
from contextlib import suppress
from dataclasses import dataclass

import structlog
from peewee import SqliteDatabase

from server.agents.registry import TraderFactory
from server.jobs.adjusted_prices import refuse_mixed
from server.jobs.callback_check import CallbackCheck
from server.jobs.credentials import CredentialStore
from server.jobs.errors import DrainingError, InvalidRequestError, Violation
from server.jobs.exchange import next_trading_day
from server.jobs.halt import Halt, HaltedError
from server.jobs.job_planner import JobPlanner
from server.jobs.job_queue import JobQueue
from server.jobs.job_runners import JobRunners
from server.jobs.model_day_runner import RunnerParts
from server.jobs.patient_read import read_patiently
from server.jobs.preparation import Preparations, Runner
from server.jobs.progress import ProgressLogs
from server.jobs.request import ResolvedRequest, TriggerCommand, resolve
from server.market.snapshots import Snapshot, Snapshots
from server.settings import Settings
from storage import acceptance, attempts, jobs, retries
from storage.acceptance import Acceptance, AcceptedJob, JobRequest
from storage.cancelling import CancelRow, find_cancel, request_cancel
from storage.errors import JobNotFoundError, JobStateError, StorageError, StorageNotReadyError, TooManyCallbacksError
from storage.events import EventRow
from storage.jobs import JobRow
from storage.retries import RetryRequest
from storage.writer import Patience

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """What became of a request: a job, new or existing, or none when everything is done already.

    `queue_position` is from 1 for a job that waits; `done` is how many model-days asked for were left alone.
    `next_trading_day` follows `last_simulation_date` on the exchange.
    """

    job: JobRow | None
    accepted: bool
    experiment: str
    warnings: tuple[str, ...]
    last_simulation_date: str | None = None
    queue_position: int = 0
    done: int = 0
    next_trading_day: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A job that was reopened, and how many of its model-days are to be run."""

    job: JobRow
    pending: int


class JobService:
    """Accepts jobs and runs them on the pool."""

    def __init__(
        self,
        settings: Settings,
        db: SqliteDatabase,
        *,
        snapshots: Snapshots,
        traders: TraderFactory,
        credentials: CredentialStore,
        logs: ProgressLogs,
        callbacks: CallbackCheck,
        parts: RunnerParts,
    ) -> None:
        self._settings = settings
        self._db = db
        self._snapshots = snapshots
        self._traders = traders
        self._credentials = credentials
        self._logs = logs
        self._callbacks = callbacks
        self._parts = parts
        self._preparations = Preparations(settings, db, snapshots, parts)
        self._runners = JobRunners(db, self._preparations, parts)
        self._running: dict[str, tuple[Runner, asyncio.Task[None]]] = {}
        self._draining = False
        self._halt = Halt()
        #: held by whoever brings a stored job to life, so that no two do it with the same one
        self._reviving = asyncio.Lock()
        self._queue = JobQueue(
            settings, db, snapshots=snapshots, logs=logs, parts=parts, reviving=self._reviving, run=self._run
        )

    @property
    def draining(self) -> bool:
        """Whether the service is stopping and takes no new work."""
        return self._draining

    async def resume(self) -> None:
        """Go on with the jobs that a former process left unfinished, and with its queue."""
        async with self._reviving:  # a job that ends meanwhile must not let one begin whose log is still to be opened
            waiting = {job.job_id for job in await asyncio.to_thread(acceptance.queued_jobs, self._db)}
            for job in await asyncio.to_thread(jobs.active_jobs, self._db):
                self._logs.open(job.job_id, job.last_sequence)
                if job.job_id not in waiting:
                    lost = await self._reset(job.job_id)
                    logger.info("job_resumed", job_id=job.job_id, model_days_reset=lost)
                    await self._run(job, await asyncio.to_thread(self._snapshots.current))
        await self._queue.admit()

    async def trigger(self, command: TriggerCommand) -> Triggered:
        """Accept a job for the request and start it, or tell which job there is, or that nothing is left to do.

        Raises:
            JobError, JobConflictError, RequestIdReusedError: as they say.
        """
        if self._draining:
            raise DrainingError
        known = await asyncio.to_thread(self._known, command)
        if known is not None:
            return known
        self._callbacks.check(command.callback_urls)
        request = await asyncio.to_thread(resolve, command, self._settings.configs, self._traders, self._credentials)
        await asyncio.to_thread(refuse_mixed, self._db, request)
        await asyncio.to_thread(self._preparations.check, request)
        snapshot = await asyncio.to_thread(self._snapshots.current)
        return await self._accept(command, request, snapshot)

    async def cancel(self, job_id: str, reason: str) -> CancelRow:
        """Stop a job: nothing of it is committed from now on, and it ends within the grace period.

        Raises:
            JobNotFoundError, JobStateError: as they say.
        """
        journal, clock = self._parts.journal, self._parts.clock
        await journal.record(lambda db: request_cancel(db, job_id, reason, clock()), patience=Patience.NONE)
        running = self._running.get(job_id)
        if running is not None:
            running[0].cancel()
        elif not (await self._cancel_of(job_id)).status.final:
            # its runner was about to start, and has ended it; or the database is not ready, and the queue ends it later
            with suppress(JobStateError, StorageNotReadyError):
                await self._queue.end(job_id)
            self._queue.admit_soon()
        return await self._cancel_of(job_id)

    async def _cancel_of(self, job_id: str) -> CancelRow:
        cancel = await asyncio.to_thread(find_cancel, self._db, job_id)
        if cancel is None:
            raise JobNotFoundError(job_id)
        return cancel

    async def retry(self, job_id: str, models: tuple[str, ...], request_id: str | None) -> Retried:
        """Run again what did not complete of a job, of all models when none is named; a repeat changes nothing.

        Raises:
            JobError, JobNotFoundError, JobStateError, JobConflictError, RequestIdReusedError: as they say.
        """
        if self._draining:
            raise DrainingError
        limit = self._settings.max_concurrent_jobs
        request = RetryRequest(job_id=job_id, models=models, request_id=request_id, max_concurrent_jobs=limit)
        async with self._reviving:
            before = await asyncio.to_thread(jobs.find_job, self._db, request.job_id)
            _refuse_unknown(request.models, before.models)
            event = await self._reopen(request, before)
            job = await asyncio.to_thread(jobs.find_job, self._db, request.job_id)
            if event is not None:
                logger.info("job_retried", job_id=job.job_id, models=request.models)
                await self._run(job, await asyncio.to_thread(self._snapshots.current))
        counts = await asyncio.to_thread(jobs.status_counts, self._db, [job.job_id])
        return Retried(job=job, pending=counts[job.job_id].get("pending", 0))

    async def _reopen(self, request: RetryRequest, job: JobRow) -> EventRow | None:
        """Store a retry; the job's log is there before anybody can know of it."""
        event, opened = None, self._logs.get(job.job_id) is None
        if opened:
            self._logs.open(job.job_id, job.last_sequence)
        try:
            event = await self._parts.journal.write(lambda db: retries.retry_job(db, request, self._parts.clock()))
        finally:
            if opened and event is None:
                self._logs.drop(job.job_id)
        if event is not None:
            self._logs.publish(event)
        return event

    async def stop(self, grace: float) -> None:
        """Start nothing more, let running model-days finish within `grace` seconds, put the rest back to pending."""
        self._draining = True
        self._halt.stop()
        self._queue.stop()
        tasks = [task for _, task in self._running.values()]
        for runner, _ in self._running.values():
            runner.stop()
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for job_id, (_, task) in list(self._running.items()):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            with suppress(StorageError):  # the next start does it as well
                await self._reset(job_id)

    def _known(self, command: TriggerCommand) -> Triggered | None:
        if command.request_id is None:
            return None
        job = jobs.find_request(self._db, command.request_id, command.digest)
        if job is None:
            return None
        return _told(job, accepted=False, queue_position=acceptance.queue_position(self._db, job.job_id))

    async def _accept(self, command: TriggerCommand, request: ResolvedRequest, snapshot: Snapshot) -> Triggered:
        job_id = str(uuid.uuid4())
        limit, today = self._settings.max_job_model_days, self._parts.clock().date()
        planner = await asyncio.to_thread(JobPlanner, request, snapshot, limit, today)
        accepted = await self._store(self._job_request(job_id, command, request), planner)
        if isinstance(accepted, AcceptedJob):
            job = accepted.job
            logger.info("job_accepted", job_id=job_id, experiment=job.experiment, model_days=job.total_model_days)
            for event in accepted.events:
                self._logs.publish(event)
            if not accepted.queue_position:
                await self._run(job, snapshot)
            done, position = planner.plan.done, accepted.queue_position
            return _told(job, accepted=True, queue_position=position, done=done)
        if accepted is not None:
            return _told(accepted.job, accepted=False, queue_position=accepted.queue_position)
        last_day = planner.plan.last_simulation_date
        return Triggered(
            job=None,
            accepted=False,
            experiment=request.experiment,
            warnings=request.warnings + planner.plan.warnings,
            last_simulation_date=last_day,
            next_trading_day=await asyncio.to_thread(next_trading_day, request.calendar, last_day, today),
            done=planner.plan.done,
        )

    async def _store(self, request: JobRequest, planner: JobPlanner) -> Acceptance:
        """Store a job; its log is there before anybody can know of it."""
        if self._draining:  # it began while the request was looked at
            raise DrainingError
        accepted: Acceptance = None
        self._logs.open(request.job_id, 0)
        try:
            accepted = await self._parts.journal.write(
                lambda db: acceptance.accept_job(db, request, planner, self._parts.clock())
            )
        except TooManyCallbacksError as error:
            raise InvalidRequestError.of("callback_urls", str(error)) from error
        finally:
            if not isinstance(accepted, AcceptedJob):
                self._logs.drop(request.job_id)
        return accepted

    def _job_request(self, job_id: str, command: TriggerCommand, request: ResolvedRequest) -> JobRequest:
        return JobRequest(
            job_id=job_id,
            request_id=command.request_id,
            request_digest=command.digest,
            config_digest=request.digest,
            config_path=request.config_path,
            experiment=request.experiment,
            models=tuple(model.signature for model in request.spec.models),
            max_concurrent_jobs=self._settings.max_concurrent_jobs,
            callback_urls=command.callback_urls,
            first_date=request.dates.first,
            may_replace=request.replace,
            policy=command.policy,
            max_queued_jobs=self._settings.max_queued_jobs,
            content=request.to_json(),
        )

    async def _run(self, job: JobRow, snapshot: Snapshot) -> None:
        try:
            runner = await read_patiently(lambda: self._runners.runner(job, snapshot), self._halt)
        except HaltedError:  # the next start goes on with it
            return
        former = self._running.get(job.job_id)
        if former is not None and not former[0].over:  # cancelled and retried before it had begun
            return
        task = asyncio.create_task(runner.run(), name=f"job {job.job_id}")
        self._running[job.job_id] = runner, task
        task.add_done_callback(lambda done: self._ended(job.job_id, done))
        if self._draining:
            runner.stop()

    async def _reset(self, job_id: str) -> int:
        return await self._parts.journal.write(lambda db: attempts.reset_running(db, job_id, self._parts.clock()))

    def _ended(self, job_id: str, done: "asyncio.Task[None]") -> None:
        if self._running[job_id][1] is done:  # a retry may have put the next one there
            del self._running[job_id]
        self._queue.admit_soon()
        if not done.cancelled() and (error := done.exception()) is not None:
            logger.error("job_left_unfinished", job_id=job_id, exc_info=error)


def _told(job: JobRow, *, accepted: bool, queue_position: int = 0, done: int = 0) -> Triggered:
    return Triggered(
        job=job,
        accepted=accepted,
        experiment=job.experiment,
        warnings=job.warnings,
        queue_position=queue_position,
        done=done,
    )


def _refuse_unknown(asked: tuple[str, ...], known: tuple[str, ...]) -> None:
    unknown = [
        Violation(field=f"models[{i}]", description=f"'{model}' is not a model of the job")
        for i, model in enumerate(asked)
        if model not in known
    ]
    if unknown:
        raise InvalidRequestError(unknown)

"""Jobs as callers see them: trigger one, and keep those that were accepted going."""

import asyncio
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog
from peewee import SqliteDatabase

from server.agents.registry import TraderFactory
from server.jobs.callback_check import CallbackCheck
from server.jobs.credentials import CredentialStore
from server.jobs.errors import DrainingError, InvalidRequestError
from server.jobs.model_day_runner import RunnerParts
from server.jobs.planner import Market, Plan, make_plan
from server.jobs.progress import ProgressLogs
from server.jobs.request import ResolvedRequest, TriggerCommand, resolve
from server.jobs.runner import JobRunner
from server.market.snapshots import Snapshot, Snapshots
from server.settings import Settings
from storage import attempts, jobs, model_days, portfolios, sessions
from storage.cancelling import CancelRow, find_cancel, request_cancel
from storage.errors import JobNotFoundError, JobStateError, StorageError, TooManyCallbacksError
from storage.jobs import Acceptance, AcceptedJob, JobRequest, JobRow, NewJob
from storage.portfolios import NewPortfolio, PortfolioRow

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """What became of a request: a job, new or existing, or none when everything is done already."""

    job: JobRow | None
    accepted: bool
    experiment: str
    warnings: tuple[str, ...]
    last_simulation_date: str | None = None


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
        self._running: dict[str, tuple[JobRunner, asyncio.Task[None]]] = {}
        self._draining = False

    @property
    def draining(self) -> bool:
        """Whether the service is stopping and takes no new work."""
        return self._draining

    async def resume(self) -> None:
        """Go on with the jobs that a former process left unfinished."""
        for job in await asyncio.to_thread(jobs.active_jobs, self._db):
            lost = await self._reset(job.job_id)
            logger.info("job_resumed", job_id=job.job_id, model_days_reset=lost)
            self._logs.open(job.job_id, job.last_sequence)
            await self._run(job, await asyncio.to_thread(self._snapshots.current))

    async def trigger(self, command: TriggerCommand) -> Triggered:
        """Accept a job for the request and start it, or tell which job there is, or that nothing is left to do.

        Raises:
            JobError, JobConflictError, RequestIdReusedError: as they say.
        """
        if self._draining:
            raise DrainingError
        known = await asyncio.to_thread(self._known, command)
        if known is not None:
            return _told(known, accepted=False)
        self._callbacks.check(command.callback_urls)
        request = await asyncio.to_thread(resolve, command, self._settings.configs, self._traders, self._credentials)
        snapshot = await asyncio.to_thread(self._snapshots.current)
        return await self._accept(command, request, snapshot)

    async def cancel(self, job_id: str, reason: str) -> CancelRow:
        """Stop a job: nothing of it is committed from now on, and it ends within the grace period.

        Raises:
            JobNotFoundError, JobStateError: as they say.
        """
        journal, clock = self._parts.journal, self._parts.clock
        await journal.record(lambda db: request_cancel(db, job_id, reason, clock()), patient=False)
        running = self._running.get(job_id)
        if running is not None:
            running[0].cancel()
        elif not (await self._cancel_of(job_id)).status.final:
            with suppress(JobStateError):  # its runner was about to start, and has ended it
                await journal.record(lambda db: jobs.end_job(db, job_id, clock()))
        return await self._cancel_of(job_id)

    async def _cancel_of(self, job_id: str) -> CancelRow:
        cancel = await asyncio.to_thread(find_cancel, self._db, job_id)
        if cancel is None:
            raise JobNotFoundError(job_id)
        return cancel

    async def stop(self, grace: float) -> None:
        """Start nothing more, let running model-days finish within `grace` seconds, put the rest back to pending."""
        self._draining = True
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

    def _known(self, command: TriggerCommand) -> JobRow | None:
        if command.request_id is None:
            return None
        return jobs.find_request(self._db, command.request_id, command.digest)

    async def _accept(self, command: TriggerCommand, request: ResolvedRequest, snapshot: Snapshot) -> Triggered:
        job_id = str(uuid.uuid4())
        planner = _JobPlanner(request, snapshot, self._settings.max_job_model_days)
        accepted = await self._store(self._job_request(job_id, command, request), planner)
        if isinstance(accepted, AcceptedJob):
            job = accepted.job
            logger.info("job_accepted", job_id=job_id, experiment=job.experiment, model_days=job.total_model_days)
            self._logs.publish(accepted.event)
            await self._run(job, snapshot)
            return _told(job, accepted=True)
        if accepted is not None:
            return _told(accepted.job, accepted=False)
        return Triggered(
            job=None,
            accepted=False,
            experiment=request.experiment,
            warnings=request.warnings + planner.plan.warnings,
            last_simulation_date=planner.plan.last_simulation_date,
        )

    async def _store(self, request: JobRequest, planner: "_JobPlanner") -> Acceptance:
        """Store a job; its log is there before anybody can know of it."""
        if self._draining:  # it began while the request was looked at
            raise DrainingError
        accepted: Acceptance = None
        self._logs.open(request.job_id, 0)
        try:
            accepted = await self._parts.journal.write(
                lambda db: jobs.accept_job(db, request, planner, self._parts.clock())
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
        )

    async def _run(self, job: JobRow, snapshot: Snapshot) -> None:
        runner = await asyncio.to_thread(self._runner, job, snapshot)
        task = asyncio.create_task(runner.run(), name=f"job {job.job_id}")
        self._running[job.job_id] = runner, task
        task.add_done_callback(lambda done: self._ended(job.job_id, done))
        if self._draining:
            runner.stop()

    def _runner(self, job: JobRow, snapshot: Snapshot) -> JobRunner:
        return JobRunner(
            job,
            todo=model_days.unfinished(self._db, job.job_id),
            failed=model_days.first_failed(self._db, job.job_id),
            spent=sessions.spent(self._db, job.job_id),
            states={model: portfolios.portfolio_state(self._db, job.experiment, model) for model in job.models},
            snapshot=snapshot.name,
            parts=self._parts,
        )

    async def _reset(self, job_id: str) -> int:
        return await self._parts.journal.write(lambda db: attempts.reset_running(db, job_id, self._parts.clock()))

    def _ended(self, job_id: str, done: "asyncio.Task[None]") -> None:
        self._running.pop(job_id, None)
        if not done.cancelled() and (error := done.exception()) is not None:
            logger.error("job_left_unfinished", job_id=job_id, exc_info=error)


class _JobPlanner:
    """Plans a request inside the transaction that stores it; `plan` is the last plan made."""

    plan: Plan

    def __init__(self, request: ResolvedRequest, snapshot: Snapshot, limit: int) -> None:
        self._request = request
        self._market = Market(trading_dates=snapshot.prices.trading_dates, symbols=frozenset(snapshot.prices.symbols))
        self._limit = limit

    def __call__(self, states: Mapping[str, PortfolioRow]) -> NewJob | None:
        request = self._request
        self.plan = make_plan(request.spec, request.experiment, request.dates, states, self._market)
        count = len(self.plan.model_days)
        if count > self._limit:
            description = f"the job would have {count} model-days; the limit is {self._limit}"
            raise InvalidRequestError.of("end_date", description)
        return self._new_job() if count else None

    def _new_job(self) -> NewJob:
        planned = {model for _, model in self.plan.model_days}
        spec = self._request.spec
        return NewJob(
            model_days=self.plan.model_days,
            portfolios=tuple(
                NewPortfolio(model=model.signature, definition=model.definition, initial_cash=model.initial_cash)
                for model in spec.models
                if model.signature in planned
            ),
            spec=spec.to_json(),
            warnings=self._request.warnings + self.plan.warnings,
        )


def _told(job: JobRow, *, accepted: bool) -> Triggered:
    return Triggered(job=job, accepted=accepted, experiment=job.experiment, warnings=job.warnings)

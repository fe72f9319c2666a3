"""The preparing of a job: prices that it lacks are downloaded, then it is planned for good and runs."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from peewee import SqliteDatabase

from server.jobs.adjusted_prices import refuse_mixed
from server.jobs.errors import InvalidRequestError, JobError
from server.jobs.halt import Halt, HaltedError, HaltReason
from server.jobs.job_end import store_end
from server.jobs.job_planner import JobPlanner
from server.jobs.model_day_runner import RunnerParts
from server.jobs.patient_read import read_patiently
from server.jobs.price_download import PriceDownload
from server.jobs.request import ResolvedRequest
from server.market.providers.choice import make_provider
from server.market.providers.provider import ProviderClosedError
from server.market.snapshots import Snapshot, Snapshots
from server.settings import Settings
from storage.acceptance import start_prepared
from storage.errors import JobCancelledError
from storage.events import EventRow
from storage.jobs import JobRow, end_job
from storage.preparing import end_unprepared, tell_preparing
from storage.price_coverage import stored_symbols
from storage.writer import Patience

logger = structlog.get_logger(__name__)


class Runner(Protocol):
    """Whoever brings a job to its end; `over` tells that it does nothing for the job any more."""

    @property
    def over(self) -> bool: ...

    def stop(self) -> None: ...

    def cancel(self) -> None: ...

    async def run(self) -> None: ...


#: makes the runner of a job that is planned for good
MakeRunner = Callable[[JobRow, Snapshot], Runner]


class PreparingRunner:
    """Prepares one job and then runs it; downloads of several jobs come one after the other."""

    def __init__(
        self,
        job: JobRow,
        request: ResolvedRequest,
        *,
        settings: Settings,
        db: SqliteDatabase,
        snapshots: Snapshots,
        make_runner: MakeRunner,
        turn: asyncio.Lock,
        parts: RunnerParts,
    ) -> None:
        self._over = False
        self._job = job
        self._request = request
        self._db = db
        self._limit = settings.max_job_model_days
        self._snapshots = snapshots
        self._make_runner = make_runner
        self._turn = turn
        self._journal = parts.journal
        self._clock = parts.clock
        self._download = PriceDownload(settings, db, job, request)
        self._halt = Halt()
        self._runner: Runner | None = None

    @property
    def over(self) -> bool:
        """Whether nothing is done for the job any more."""
        return self._over or (self._runner is not None and self._runner.over)

    def stop(self) -> None:
        """Download nothing more and leave the job to be prepared after the next start, or let its runner stop."""
        self._download.stop()
        self._halt.stop()
        if self._runner is not None:
            self._runner.stop()

    def cancel(self) -> None:
        """Download nothing more and end the job; its cancel is stored."""
        self._download.stop()
        self._halt.give_up(HaltReason.CANCELLED, 0.0)
        if self._runner is not None:
            self._runner.cancel()

    async def run(self) -> None:
        """Run the job to its end; whatever goes wrong, it ends."""
        warnings: tuple[str, ...] = ()
        try:
            async with self._halt.waiting():
                warnings = await self._prepare()
            self._runner = await self._start(warnings)
        except HaltedError:
            if self._halt.reason is HaltReason.CANCELLED:
                await self._end(None, warnings)
        except JobCancelledError:
            await self._end(None, warnings)
        except JobError as error:
            await self._end(f"the job could not start: {error}", warnings)
        except Exception as failure:  # the loop's edge, as in JobRunner
            logger.exception("job_not_prepared", job_id=self._job.job_id)
            await self._end(f"the job could not be prepared: {type(failure).__name__}", warnings)
        if self._runner is not None:
            await self._go_on(self._runner)

    async def _go_on(self, runner: Runner) -> None:
        if self._halt.reason is HaltReason.STOPPING:  # asked for while the job was planned
            runner.stop()
        await runner.run()

    async def _prepare(self) -> tuple[str, ...]:
        """Download what is missing and return what is to be warned of."""
        async with self._turn:
            report = await self._download.run(self._tell)
        self._tell(report.counts)
        logger.info("job_prepared", job_id=self._job.job_id, bars=report.added, not_had=len(report.not_had))
        return tuple(report.warnings())

    def _tell(self, text: str) -> None:
        self._journal.post(lambda db: tell_preparing(db, self._job.job_id, text, self._clock()))

    async def _start(self, warnings: Sequence[str]) -> Runner:
        """Plan the job for good and return who runs it.

        Raises:
            JobError: it cannot run.
            HaltedError: it does not go on.
            JobCancelledError: its cancel was accepted.
        """
        request, job = self._request, self._job
        await read_patiently(lambda: refuse_mixed(self._db, request), self._halt)
        snapshot = await read_patiently(self._snapshots.current, self._halt)
        today = self._clock().date()
        planner = await asyncio.to_thread(JobPlanner, request, snapshot, self._limit, today, warnings)
        models = [model.signature for model in request.spec.models]
        started = await self._journal.write(
            lambda db: start_prepared(db, job, models, request.dates.first, planner, self._clock()),
            patience=Patience.SPACE,
        )
        if started is None:
            raise InvalidRequestError.of("start_date", "none of the dates that are left to run has prices")
        return await read_patiently(lambda: self._make_runner(started, snapshot), self._halt)

    async def _end(self, error: str | None, warnings: Sequence[str]) -> None:
        """End the job, as cancelled when there is no error."""
        job_id, told = self._job.job_id, (*self._request.warnings, *warnings)

        def end(db: SqliteDatabase) -> EventRow:
            if error is None:
                return end_job(db, job_id, self._clock())
            return end_unprepared(db, job_id, error, told, self._clock())

        await store_end(self._journal, job_id, end)
        self._over = True


class Preparations:
    """Makes the runners of jobs that are to be prepared."""

    def __init__(self, settings: Settings, db: SqliteDatabase, snapshots: Snapshots, parts: RunnerParts) -> None:
        self._settings = settings
        self._db = db
        self._snapshots = snapshots
        self._parts = parts
        self._turn = asyncio.Lock()

    def check(self, request: ResolvedRequest) -> None:
        """Refuse a request for downloads that nobody can make; blocks.

        Raises:
            InvalidRequestError: no vendor is set up, or no symbols are known.
        """
        if not request.auto_update_prices:
            return
        try:
            make_provider(self._settings, self._db)
        except ProviderClosedError as error:
            raise InvalidRequestError.of("config.auto_update_prices", str(error)) from None
        if request.spec.universe is None and not stored_symbols(self._db):
            told = "is needed by auto_update_prices while no prices are stored"
            raise InvalidRequestError.of("config.universe", told)

    def runner(self, job: JobRow, content: str, make_runner: MakeRunner) -> PreparingRunner:
        """Return the runner of a job that is to be prepared, from what it is planned from."""
        return PreparingRunner(
            job,
            ResolvedRequest.from_json(content),
            settings=self._settings,
            db=self._db,
            snapshots=self._snapshots,
            make_runner=make_runner,
            turn=self._turn,
            parts=self._parts,
        )

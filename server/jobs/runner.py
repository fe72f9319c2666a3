"""The runner of one job: dates in order, per date all models in parallel, one model's failure stopping no other."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from time import monotonic

import structlog
from peewee import SqliteDatabase

from server.engine.llm import LlmMode, LlmSpec
from server.engine.model_day import FailureKind, ModelDayFailure, ModelDayOutcome, ModelDayResult, ModelDayTask
from server.engine.portfolio import Portfolio
from server.engine.recording import SessionRecording
from server.jobs.budget import PREFIX, Budget, BudgetSpentError
from server.jobs.credentials import CredentialStore
from server.jobs.journal import Journal
from server.jobs.outcome import closing_portfolio, day_record, session_rows
from server.jobs.spec import JobSpec, ModelSpec
from server.pool.protocol import WorkerPool
from storage import jobs, model_days
from storage.database import gather_statistics
from storage.errors import StorageBusyError, StorageError
from storage.jobs import JobRow
from storage.model_days import Attempt, ModelDayRow
from storage.portfolios import PortfolioState
from storage.session_record import SessionRows
from storage.sessions import Spent

Clock = Callable[[], datetime]

#: finds what a replay of a model-day may answer from, by the attempt and the model's `basemodel`
FindRecordings = Callable[[Attempt, str], tuple[SessionRecording, ...]]

#: kinds of failure that another attempt may not meet again
WORTH_RETRYING = frozenset({FailureKind.WORKER_DIED, FailureKind.STORAGE_ERROR})

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerParts:
    """What every runner works with."""

    journal: Journal
    pool: WorkerPool
    clock: Clock
    credentials: CredentialStore
    recordings: FindRecordings


class JobRunner:
    """Runs the model-days of one job that are still to be run, over one snapshot of prices."""

    def __init__(
        self,
        job: JobRow,
        *,
        todo: Sequence[ModelDayRow],
        states: dict[str, PortfolioState],
        spent: Mapping[str, Spent],
        snapshot: str,
        parts: RunnerParts,
    ) -> None:
        self._job = job
        self._todo = todo
        self._states = states
        self._snapshot = snapshot
        self._journal = parts.journal
        self._pool = parts.pool
        self._clock = parts.clock
        self._credentials = parts.credentials
        self._find_recordings = parts.recordings
        self._spec = JobSpec.from_json(job.spec)
        self._models = {model.signature: model for model in self._spec.models}
        self._budget = Budget(self._spec.budget, spent)
        self._stopping = False

    def stop(self) -> None:
        """Start no more model-days; `run` returns when those under way have ended, and leaves the job unfinished."""
        self._stopping = True

    async def run(self) -> None:
        """Run the job to its end; whatever goes wrong, it ends."""
        error: str | None = None
        try:
            await self._journal.record(lambda db: jobs.start_job(db, self._job.job_id, self._clock()))
            for _, days in groupby(self._todo, key=lambda day: day.date):
                await self._run_date(list(days))
        except Exception as failure:  # the loop's edge: a job must never stay unfinished because of a fault of ours
            logger.exception("job_failed", job_id=self._job.job_id)
            error = f"the job could not go on: {type(failure).__name__}"
        if not self._stopping:
            await self._journal.record(
                lambda db: jobs.end_job(db, self._job.job_id, self._clock(), error or self._skipped(db))
            )
            with suppress(StorageBusyError):
                await self._journal.write(gather_statistics)
            logger.info("job_ended", job_id=self._job.job_id, error=error)

    async def _run_date(self, days: Sequence[ModelDayRow]) -> None:
        self._budget.open_date(day.model for day in days if self._models[day.model].llm is not None)
        async with asyncio.TaskGroup() as group:
            for day in days:
                group.create_task(self._run_model_day(day))

    async def _run_model_day(self, day: ModelDayRow) -> None:
        """Try a model-day until it is committed, or failed for good."""
        first = day.attempt + 1
        last = first + self._spec.max_retries
        for number in range(first, last + 1):
            if await self._try(day, number, retry=number < last):
                return

    async def _try(self, day: ModelDayRow, number: int, *, retry: bool) -> bool:
        """Run one attempt and store its outcome; tell whether the model-day has ended, or is to wait for a restart."""
        attempt = Attempt(
            job_id=self._job.job_id,
            experiment=self._job.experiment,
            model=day.model,
            date=day.date,
            number=number,
        )
        recordings = await self._recordings(attempt)
        async with self._pool.place(session=self._models[day.model].llm is not None) as place:
            if self._stopping:
                return True
            try:
                task = self._task(attempt, recordings)
            except BudgetSpentError as spent:
                await self._skip(attempt, str(spent))
                return True
            began, started = self._clock(), monotonic()
            self._journal.post(lambda db: model_days.start_attempt(db, attempt, self._clock()))
            outcome = await place.run(task, self._snapshot)
        # the place is free for others while this outcome waits for its commit
        seconds = monotonic() - started
        session = session_rows(outcome.record, began)
        self._budget.book(attempt.model, session)
        outcome = await self._commit(attempt, outcome, session, seconds)
        if isinstance(outcome, ModelDayResult):
            return True
        retry = retry and outcome.kind in WORTH_RETRYING
        await self._end_failed(attempt, outcome, session, seconds, retry=retry)
        return not retry

    async def _commit(
        self, attempt: Attempt, outcome: ModelDayOutcome, session: SessionRows | None, seconds: float
    ) -> ModelDayOutcome:
        """Store a result and let the portfolio go on from it; a result that cannot be stored is a failure."""
        if isinstance(outcome, ModelDayFailure):
            return outcome
        try:
            record = day_record(outcome, session)
            await self._journal.record(
                lambda db: model_days.commit_attempt(db, attempt, record, seconds, self._clock())
            )
        except (StorageError, ValueError) as error:
            return ModelDayFailure(kind=FailureKind.STORAGE_ERROR, message=str(error))
        closing = closing_portfolio(outcome)
        self._states[attempt.model] = PortfolioState(
            cash=closing.cash, holdings=dict(closing.holdings), value=outcome.trading_day.portfolio_value
        )
        return outcome

    async def _end_failed(
        self, attempt: Attempt, failure: ModelDayFailure, session: SessionRows | None, seconds: float, *, retry: bool
    ) -> None:
        error = f"{failure.kind}: {failure.message}"
        logger.warning(
            "model_day_failed",
            job_id=attempt.job_id,
            model=attempt.model,
            date=attempt.date,
            attempt=attempt.number,
            kind=failure.kind,
            retry=retry,
        )
        end = model_days.retry_attempt if retry else model_days.fail_attempt
        await self._journal.record(lambda db: end(db, attempt, error, seconds, self._clock(), session))

    async def _skip(self, attempt: Attempt, reason: str) -> None:
        key = (attempt.job_id, attempt.date, attempt.model)
        logger.warning("model_day_skipped", job_id=key[0], model=key[2], date=key[1], reason=reason)
        await self._journal.record(lambda db: model_days.skip(db, *key, reason, self._clock()))

    def _skipped(self, db: SqliteDatabase) -> str | None:
        """Return how many model-days the budget cost the job, in this process or an earlier one, and why."""
        count, reason = model_days.skipped(db, self._job.job_id, PREFIX)
        return f"{reason}; {count} model-day(s) were skipped" if count else None

    async def _recordings(self, attempt: Attempt) -> tuple[SessionRecording, ...]:
        """Return what a replay answers from."""
        llm = self._models[attempt.model].llm
        if llm is None or llm.mode is not LlmMode.REPLAY:
            return ()
        return await asyncio.to_thread(self._find_recordings, attempt, llm.basemodel)

    def _task(self, attempt: Attempt, recordings: tuple[SessionRecording, ...]) -> ModelDayTask:
        model: ModelSpec = self._models[attempt.model]
        state = self._states[attempt.model]
        return ModelDayTask(
            job_id=attempt.job_id,
            model=attempt.model,
            date=attempt.date,
            attempt=attempt.number,
            basemodel=model.basemodel,
            parameters=model.parameters,
            portfolio=Portfolio(cash=state.cash, holdings=state.holdings),
            initial_cash=model.initial_cash,
            previous_value=state.value,
            universe=self._spec.universe,
            llm=self._llm(model),
            recordings=recordings,
        )

    def _llm(self, model: ModelSpec) -> LlmSpec | None:
        """Return what an agent is to do, with the key that is good now."""
        if model.llm is None:
            return None
        found = self._credentials.of_model(self._job.config_path, model.signature)
        servers = self._credentials.of_servers(self._job.config_path, model.llm.mcp_servers)
        spec = replace(model.llm, base_url=found.base_url, api_key=found.api_key, mcp_servers=servers)
        return self._budget.allow(model.signature, spec)

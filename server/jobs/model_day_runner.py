"""The runner of model-days: attempts, one after the other, until one is committed or there is no point in another."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from itertools import count
from time import monotonic

import structlog

from server.engine.llm import LlmMode, LlmSpec
from server.engine.model_day import FailureKind, ModelDayFailure, ModelDayOutcome, ModelDayResult, ModelDayTask
from server.engine.portfolio import Portfolio
from server.engine.recording import SessionRecording
from server.jobs.budget import Budget, BudgetSpentError
from server.jobs.credentials import CredentialStore
from server.jobs.halt import Halt, HaltedError, HaltReason
from server.jobs.journal import Events, Journal
from server.jobs.outcome import closing_portfolio, day_record, session_rows
from server.jobs.patient_read import read_patiently
from server.jobs.retry import Random
from server.jobs.running_attempt import RunningAttempt
from server.jobs.spec import JobSpec, ModelSpec
from server.pool.protocol import WorkerPool
from storage import attempts, model_days
from storage.attempts import Attempt, AttemptError
from storage.errors import JobCancelledError, StaleAttemptError, StorageError
from storage.jobs import JobRow
from storage.model_days import ModelDayRow
from storage.portfolios import NewPortfolio, PortfolioState
from storage.session_record import SessionRows
from storage.writer import Operation, Patience

Clock = Callable[[], datetime]

logger = structlog.get_logger(__name__)


#: finds what a replay of a model-day may answer from, by the attempt and the model's `basemodel`
FindRecordings = Callable[[Attempt, str], tuple[SessionRecording, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerParts:
    """What every runner works with."""

    journal: Journal
    pool: WorkerPool
    clock: Clock
    credentials: CredentialStore
    recordings: FindRecordings
    cancel_grace: float
    random: Random = random.random


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """An attempt that is over: what it leaves, how long it took, and the write that marked its start."""

    attempt: Attempt
    outcome: ModelDayOutcome
    session: SessionRows | None
    seconds: float
    started: "Future[Events]"


class DayEnd(Enum):
    """What became of a model-day."""

    COMMITTED = auto()
    FAILED = auto()
    LEFT = auto()


class ModelDayRunner:
    """Runs model-days of one job over one snapshot of prices; `states` are the portfolios they go on from."""

    def __init__(
        self,
        job: JobRow,
        spec: JobSpec,
        *,
        states: dict[str, PortfolioState],
        budget: Budget,
        snapshot: str,
        parts: RunnerParts,
        halt: Halt,
    ) -> None:
        self._job = job
        self._spec = spec
        self._states = states
        self._budget = budget
        self._snapshot = snapshot
        self._journal = parts.journal
        self._pool = parts.pool
        self._clock = parts.clock
        self._credentials = parts.credentials
        self._find_recordings = parts.recordings
        self._random = parts.random
        self._halt = halt
        self._models = {model.signature: model for model in spec.models}

    async def run(self, day: ModelDayRow) -> DayEnd:
        """Try a model-day until it is committed, or failed for good, or the job or its budget goes on no more."""
        for retries in count():
            try:
                ended = await self._run_attempt(self._attempt(day, retries))
                # the place is free for others while this outcome waits for its commit
                end = await self._store(ended, retries)
                if end is not None:
                    return end
                async with self._halt.waiting():
                    await asyncio.sleep(self._spec.retry.delay(retries, self._random))
            except HaltedError:
                break
            except BudgetSpentError as spent:
                await self._skip(day, str(spent))
                break
        return DayEnd.LEFT

    def _attempt(self, day: ModelDayRow, retries: int) -> Attempt:
        number = day.attempt + 1 + retries
        builds_on = self._states[day.model].day
        return Attempt(
            job_id=self._job.job_id,
            experiment=self._job.experiment,
            model=day.model,
            date=day.date,
            number=number,
            builds_on=builds_on,
            begins=None if builds_on else _beginning(self._models[day.model]),
        )

    async def _store(self, ended: _Ended, retries: int) -> DayEnd | None:
        """Store what an attempt leaves; None when another one is to follow."""
        failure = await self._commit(ended)
        if failure is None:
            return DayEnd.COMMITTED
        if self._halt.reason is HaltReason.CANCELLED or failure.kind is FailureKind.CANCELLED:
            await self._give_up(ended)
            return DayEnd.LEFT
        return await self._end_failed(ended, failure, retry=self._spec.retry.allows(failure.kind, retries))

    async def _run_attempt(self, attempt: Attempt) -> _Ended:
        session = self._models[attempt.model].llm is not None
        recordings = await self._recordings(attempt)
        async with AsyncExitStack() as held:
            async with self._halt.waiting():
                place = await held.enter_async_context(self._pool.place(job_id=attempt.job_id, session=session))
            task = self._task(attempt, recordings)
            began, clock = self._clock(), monotonic()
            started = self._journal.post(lambda db: attempts.start_attempt(db, attempt, self._clock()))
            running = RunningAttempt(place, self._spec.model_day_timeout)
            with self._halt.stopping(running):
                outcome = await running.run(task, self._snapshot)
        rows = session_rows(outcome.record, began)
        self._budget.book(attempt.model, rows)
        return _Ended(attempt=attempt, outcome=outcome, session=rows, seconds=monotonic() - clock, started=started)

    async def _commit(self, ended: _Ended) -> ModelDayFailure | None:
        """Store a result and let the portfolio go on from it; a result that cannot be stored is a failure."""
        outcome, attempt = ended.outcome, ended.attempt
        if isinstance(outcome, ModelDayFailure):
            return outcome
        try:
            record = day_record(outcome, ended.session)
            await self._write(
                ended,
                lambda db: attempts.commit_attempt(db, attempt, record, ended.seconds, self._clock()),
                # without space the day fails with that reason, and so others have what is left
                Patience.LOCK,
            )
        except JobCancelledError as error:
            return ModelDayFailure(kind=FailureKind.CANCELLED, message=str(error))
        except (StorageError, ValueError) as error:
            return ModelDayFailure(kind=FailureKind.STORAGE_ERROR, message=str(error))
        self._advance(attempt, outcome)
        return None

    def _advance(self, attempt: Attempt, result: ModelDayResult) -> None:
        closing, value = closing_portfolio(result), result.trading_day.portfolio_value
        self._states[attempt.model] = PortfolioState(
            cash=closing.cash, holdings=dict(closing.holdings), value=value, day=attempt.date
        )

    async def _end_failed(self, ended: _Ended, failure: ModelDayFailure, *, retry: bool) -> DayEnd | None:
        attempt, kind = ended.attempt, failure.kind
        facts = {"job_id": attempt.job_id, "model": attempt.model, "date": attempt.date, "attempt": attempt.number}
        logger.warning("model_day_failed", **facts, kind=kind, retry=retry)
        error = AttemptError(kind=kind, message=failure.message)
        end = attempts.retry_attempt if retry else attempts.fail_attempt
        await self._write(ended, lambda db: end(db, attempt, error, ended.seconds, self._clock(), ended.session))
        return None if retry else DayEnd.FAILED

    async def _give_up(self, ended: _Ended) -> None:
        """Store the end of an attempt that was given up with its job: cancelled, or out of time."""
        if self._halt.reason is HaltReason.EXPIRED:
            spent = ModelDayFailure(kind=FailureKind.TIMEOUT, message=self._spec.overdue)
            await self._end_failed(ended, spent, retry=False)
            return
        attempt, seconds, session = ended.attempt, ended.seconds, ended.session
        try:
            await self._write(ended, lambda db: attempts.cancel_attempt(db, attempt, seconds, self._clock(), session))
        except StaleAttemptError:
            if not isinstance(await _lost(ended.started), JobCancelledError):  # it may never have been started
                raise

    async def _write(self, ended: _Ended, end: Operation[Events], patience: Patience = Patience.SPACE) -> None:
        """Store the end of an attempt.

        Its start was queued without waiting for it; where that write waits for space it is waited for, where it was
        lost it is made up for first.
        """
        try:
            await self._journal.record(end, patience=patience)
        except StaleAttemptError:
            lost = await _lost(ended.started)
            if isinstance(lost, StaleAttemptError | JobCancelledError):
                raise
            if lost is not None:
                await self._journal.record(lambda db: attempts.start_attempt(db, ended.attempt, self._clock()))
            await self._journal.record(end, patience=patience)

    async def _skip(self, day: ModelDayRow, reason: str) -> None:
        key = (self._job.job_id, day.date, day.model)
        logger.warning("model_day_skipped", job_id=key[0], model=day.model, date=day.date, reason=reason)
        await self._journal.record(lambda db: model_days.skip(db, *key, reason, self._clock()))

    async def _recordings(self, attempt: Attempt) -> tuple[SessionRecording, ...]:
        """Return what a replay answers from."""
        llm = self._models[attempt.model].llm
        if llm is None or llm.mode is not LlmMode.REPLAY:
            return ()
        return await read_patiently(lambda: self._find_recordings(attempt, llm.basemodel), self._halt)

    def _task(self, attempt: Attempt, recordings: tuple[SessionRecording, ...]) -> ModelDayTask:
        model = self._models[attempt.model]
        state = self._states[attempt.model] if attempt.begins is None else _initial_state(model)
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
            previous_day=state.day or None,
            universe=self._spec.universe,
            llm=self._llm(model),
            recordings=recordings,
            costs=model.costs,
        )

    def _llm(self, model: ModelSpec) -> LlmSpec | None:
        """Return what an agent is to do, with the key that is good now."""
        if model.llm is None:
            return None
        found = self._credentials.of_model(self._job.config_path, model.signature)
        servers = self._credentials.of_servers(self._job.config_path, model.llm.mcp_servers)
        spec = replace(model.llm, base_url=found.base_url, api_key=found.api_key, mcp_servers=servers)
        return self._budget.allow(model.signature, spec)


async def _lost(started: "Future[Events]") -> BaseException | None:
    """Return why the start of an attempt was not stored, once that is decided; None when it was."""
    (told,) = await asyncio.gather(asyncio.wrap_future(started), return_exceptions=True)
    return told if isinstance(told, BaseException) else None


def _beginning(model: ModelSpec) -> NewPortfolio:
    return NewPortfolio(model=model.signature, definition=model.definition, initial_cash=model.initial_cash)


def _initial_state(model: ModelSpec) -> PortfolioState:
    """Return what a portfolio begins with by this definition, which may not be the one it began with before."""
    return PortfolioState(cash=model.initial_cash, holdings={}, value=model.initial_cash)

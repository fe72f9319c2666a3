"""The runner of one job: dates in order, per date all models in parallel, one model's failure stopping no other."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby

import structlog
from peewee import SqliteDatabase

from server.jobs.budget import PREFIX, Budget
from server.jobs.halt import Halt, HaltedError, HaltReason
from server.jobs.job_end import store_end
from server.jobs.model_day_runner import DayEnd, ModelDayRunner, RunnerParts
from server.jobs.patient_read import read_patiently
from server.jobs.spec import JobSpec, OnFailure
from storage import jobs, model_days
from storage.database import gather_statistics
from storage.errors import JobCancelledError, JobStateError, StorageBusyError
from storage.jobs import JobRow
from storage.model_days import ModelDayRow
from storage.portfolios import PortfolioState
from storage.sessions import Spent

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DateWork:
    """Model-days to run in their order, and the state that each of their models starts from on its first one."""

    days: Sequence[ModelDayRow]
    states: Mapping[str, PortfolioState]


class JobRunner:
    """Runs the model-days of one job that are still to be run, over one snapshot of prices.

    `failed` are the first dates on which models of the job failed before this runner was there. `over` tells that it
    does nothing for the job any more.
    """

    def __init__(
        self,
        job: JobRow,
        *,
        work: Callable[[str], DateWork],
        failed: dict[str, str],
        spent: Mapping[str, Spent],
        snapshot: str,
        parts: RunnerParts,
    ) -> None:
        self.over = False
        self._job = job
        self._work = work
        self._snapshot = snapshot
        self._states: dict[str, PortfolioState] = {}
        self._failed = failed
        self._journal = parts.journal
        self._clock = parts.clock
        self._grace = parts.cancel_grace
        self._spec = JobSpec.from_json(job.spec)
        self._agents = {model.signature for model in self._spec.models if model.llm is not None}
        self._budget = Budget(self._spec.budget, spent)
        self._halt = Halt()
        self._days = ModelDayRunner(
            job,
            self._spec,
            states=self._states,
            budget=self._budget,
            snapshot=snapshot,
            parts=parts,
            halt=self._halt,
        )

    def stop(self) -> None:
        """Start no more model-days; `run` returns when those under way have ended, and leaves the job unfinished."""
        self._halt.stop()

    def cancel(self) -> None:
        """Start no more model-days, give up those under way after the grace period, and end the job; it is stored."""
        self._halt.give_up(HaltReason.CANCELLED, self._grace)

    async def run(self) -> None:
        """Run the job to its end; whatever goes wrong, it ends."""
        error: str | None = None
        try:
            await self._journal.record(lambda db: jobs.start_job(db, self._job.job_id, self._clock(), self._snapshot))
            with self._time_limit():
                await self._run_dates()
        except HaltedError:  # while the database was waited for
            pass
        except JobStateError:  # it was cancelled, and ended, before it started
            self.over = True
            return
        except JobCancelledError:
            self.cancel()
        except Exception as failure:  # the loop's edge: a job must never stay unfinished because of a fault of ours
            logger.exception("job_failed", job_id=self._job.job_id)
            error = f"the job could not go on: {type(failure).__name__}"
        if self._halt.reason is not HaltReason.STOPPING:
            await self._end(self._spec.overdue if self._halt.reason is HaltReason.EXPIRED else error)

    async def _end(self, error: str | None) -> None:
        job_id = self._job.job_id
        await store_end(
            self._journal, job_id, lambda db: jobs.end_job(db, job_id, self._clock(), error or self._skipped(db))
        )
        self.over = True
        with suppress(StorageBusyError):
            await self._journal.write(gather_statistics)
        logger.info("job_ended", job_id=self._job.job_id, error=error)

    def _skipped(self, db: SqliteDatabase) -> str | None:
        """Return how many model-days the budget cost the job, in this process or an earlier one, and why."""
        count, reason = model_days.skipped(db, self._job.job_id, PREFIX)
        return f"{reason}; {count} model-day(s) were skipped" if count else None

    @contextmanager
    def _time_limit(self) -> Iterator[None]:
        """Give the job up inside when its time is spent, counted from its first start, whatever came between."""
        if self._spec.job_timeout is None:
            yield
            return
        now, started = self._clock(), self._job.started_at
        spent = 0.0 if started is None else (now - datetime.fromisoformat(started)).total_seconds()
        alarm = asyncio.get_running_loop().call_later(self._spec.job_timeout - spent, self._expire)
        try:
            yield
        finally:
            alarm.cancel()

    def _expire(self) -> None:
        self._halt.give_up(HaltReason.EXPIRED, self._grace)

    async def _run_dates(self) -> None:
        """Run what is to be run, date by date; more of it may have come up meanwhile."""
        date = ""
        while (work := await read_patiently(partial(self._work, date), self._halt)).days:
            self._states.update(work.states)
            for date, group in groupby(work.days, key=lambda day: day.date):  # noqa: B007 (used by the next look)
                if self._halt.reason is not None:
                    return
                days = list(group)
                frozen = [day for day in days if self._is_frozen(day.model)]
                await self._run_date([day for day in days if day not in frozen], frozen)

    async def _run_date(self, days: Sequence[ModelDayRow], frozen: Sequence[ModelDayRow]) -> None:
        self._budget.open_date(day.model for day in days if day.model in self._agents)
        async with asyncio.TaskGroup() as group:
            for day in days:
                group.create_task(self._run_day(day))
            for day in frozen:
                group.create_task(self._skip(day))

    async def _run_day(self, day: ModelDayRow) -> None:
        if await self._days.run(day) is DayEnd.FAILED:
            self._failed.setdefault(day.model, day.date)

    def _is_frozen(self, model: str) -> bool:
        return self._spec.on_failure is OnFailure.FREEZE and model in self._failed

    async def _skip(self, day: ModelDayRow) -> None:
        """Skip a model-day whose model failed on an earlier date."""
        job_id, reason = self._job.job_id, f"frozen: '{day.model}' failed on {self._failed[day.model]}"
        await self._journal.record(lambda db: model_days.skip(db, job_id, day.date, day.model, reason, self._clock()))

"""Runs what is due: each time once, nothing in bursts, nothing twice at a time, and one failure stops nothing else."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog
from peewee import SqliteDatabase

from server.jobs.errors import DrainingError, JobError
from server.market.errors import MarketError
from server.schedules.outcome import Done, NotNowError
from server.schedules.schedule import Schedule
from storage.errors import StorageError
from storage.schedule_runs import (
    RunEnd,
    RunOutcome,
    ScheduleRow,
    ScheduleRunRow,
    begin_run,
    end_run,
    last_runs,
    record_not_run,
    remember_schedules,
    unfinished_runs,
)
from storage.writer import Operation, Patience, Writer

T = TypeVar("T")

#: seconds between two looks at most: the clock of the machine may be set, and a machine may sleep
LONGEST_NAP = 30.0

#: seconds; the look may come a moment before the time that it was to come at
SHORTEST_NAP = 0.01

#: what is looked at no later than this is on time, and not caught up; twice the longest nap
ON_TIME = timedelta(seconds=60)

#: does what a schedule says for a time that was due
Perform = Callable[[Schedule, datetime], Awaitable[Done]]

logger = structlog.get_logger(__name__)


class Scheduler:
    """Looks what is due, has it performed, and stores what came of it. `clock` gives the time in UTC."""

    def __init__(
        self,
        schedules: Sequence[Schedule],
        perform: Perform,
        db: SqliteDatabase,
        writer: Writer,
        clock: Callable[[], datetime],
    ) -> None:
        self._schedules = {schedule.name: schedule for schedule in schedules if schedule.enabled}
        self._perform = perform
        self._db = db
        self._writer = writer
        self._clock = clock
        #: the last time of each schedule that was seen to; None before the first look
        self._seen: dict[str, datetime] | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._stopping = False

    async def run(self) -> None:
        """Start what is due when it is, until the service stops."""
        while self._schedules and not self._stopping:
            try:
                await self.look()
            except Exception:  # the loop's edge: the other schedules, and the next look, must go on
                logger.exception("schedules_failed")
            await asyncio.sleep(self._nap())

    async def look(self) -> None:
        """Start what is due now, and what a former process left unfinished; runs go on in the background."""
        if self._seen is None:
            self._seen = await self._take_up()
        now = self._clock()
        for name, schedule in self._schedules.items():
            due = schedule.timing.last(now)
            if due is not None and due > self._seen[name] and not self._stopping:
                await self._see_to(schedule, due, now)
                self._seen[name] = due

    async def stop(self, grace: float) -> None:
        """Start nothing more and let what runs end within `grace` seconds; the next start takes up the rest."""
        self._stopping = True
        if self._running:
            _, late = await asyncio.wait(self._running.values(), timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _nap(self) -> float:
        """Return the seconds until the next look."""
        now = self._clock()
        times = [due for schedule in self._schedules.values() if (due := schedule.timing.next(now)) is not None]
        wait = (min(times) - now).total_seconds() if times else LONGEST_NAP
        return max(SHORTEST_NAP, min(wait, LONGEST_NAP))

    async def _take_up(self) -> dict[str, datetime]:
        """Begin runs again that the end of a process cut off, and return up to when each schedule was seen to."""
        rows = [ScheduleRow(name=name, cron=one.cron, zone=one.zone) for name, one in self._schedules.items()]
        since = await self._write(partial(remember_schedules, rows=rows, now=self._clock()))
        last, cut_off = await asyncio.to_thread(lambda: (last_runs(self._db), unfinished_runs(self._db)))
        for run in reversed(cut_off):
            await self._take_up_run(run)
        return {name: max(since[name], last[name].due) if name in last else since[name] for name in self._schedules}

    async def _take_up_run(self, run: ScheduleRunRow) -> None:
        schedule = self._schedules.get(run.schedule)
        is_last = run.schedule not in self._running
        if schedule is not None and is_last and _may_catch_up(schedule, run.due, self._clock()):
            await self._start(schedule, run.due)
        else:
            end = RunEnd(outcome=RunOutcome.FAILED, error="the service ended while it ran")
            await self._end(run.schedule, run.due, end)

    async def _see_to(self, schedule: Schedule, due: datetime, now: datetime) -> None:
        """Start what is due, or store why it is not."""
        if schedule.name in self._running:
            outcome, reason = RunOutcome.SKIPPED, "the run before has not ended"
        elif now - due > ON_TIME and not _may_catch_up(schedule, due, now):
            outcome, reason = RunOutcome.MISSED, "the service was not there, and it is not caught up"
        else:
            await self._start(schedule, due)
            return
        logger.warning("schedule_not_run", schedule=schedule.name, due=due.isoformat(), outcome=outcome, reason=reason)
        await self._write(
            partial(record_not_run, schedule=schedule.name, due=due, outcome=outcome, reason=reason, now=now)
        )

    async def _start(self, schedule: Schedule, due: datetime) -> None:
        name = schedule.name
        await self._write(partial(begin_run, schedule=name, due=due, now=self._clock()))
        task = asyncio.create_task(self._run(schedule, due), name=f"schedule {name}")
        self._running[name] = task
        task.add_done_callback(partial(self._ended, name))

    def _ended(self, name: str, done: "asyncio.Task[None]") -> None:
        del self._running[name]
        if not done.cancelled() and (error := done.exception()) is not None:
            logger.error("schedule_run_not_recorded", schedule=name, exc_info=error)

    async def _run(self, schedule: Schedule, due: datetime) -> None:
        facts = {"schedule": schedule.name, "due": due.isoformat()}
        logger.info("schedule_started", **facts)
        try:
            done = await self._perform(schedule, due)
        except DrainingError:  # it stays as it is, for the next start to take up
            return
        except NotNowError as error:
            end = RunEnd(outcome=RunOutcome.SKIPPED, error=str(error))
        except (JobError, MarketError, StorageError, OSError) as error:
            end = RunEnd(outcome=RunOutcome.FAILED, error=str(error))
        except Exception as error:  # the loop's edge, as above
            logger.exception("schedule_broke", **facts)
            end = RunEnd(outcome=RunOutcome.FAILED, error=f"it broke: {type(error).__name__}")
        else:
            end = RunEnd(outcome=RunOutcome.SUCCEEDED, message=done.message, job_id=done.job_id)
        logger.info("schedule_ended", outcome=end.outcome, message=end.message, error=end.error, **facts)
        await self._end(schedule.name, due, end)

    async def _end(self, name: str, due: datetime, end: RunEnd) -> None:
        await self._write(partial(end_run, schedule=name, due=due, end=end, now=self._clock()))

    async def _write(self, operation: Operation[T]) -> T:
        """Store something, however long the database takes nothing: nothing could be done meanwhile."""
        return await asyncio.wrap_future(self._writer.submit(operation, patience=Patience.SPACE))


def _may_catch_up(schedule: Schedule, due: datetime, now: datetime) -> bool:
    return schedule.catch_up and now - due <= timedelta(hours=schedule.catch_up_hours)

"""Who runs a stored job: its preparation first, where prices are to be downloaded, or what is left of it."""

from peewee import SqliteDatabase

from server.jobs.model_day_runner import RunnerParts
from server.jobs.preparation import Preparations, Runner
from server.jobs.runner import DateWork, JobRunner
from server.market.snapshots import Snapshot
from storage import model_days, portfolios, sessions
from storage.jobs import JobRow
from storage.preparing import unprepared


class JobRunners:
    """Makes the runners of stored jobs; everything here blocks."""

    def __init__(self, db: SqliteDatabase, preparations: Preparations, parts: RunnerParts) -> None:
        self._db = db
        self._preparations = preparations
        self._parts = parts

    def runner(self, job: JobRow, snapshot: Snapshot) -> Runner:
        """Return who brings a job to its end from where it stands."""
        content = unprepared(self._db, job.job_id)
        if content is not None:
            return self._preparations.runner(job, content, self._job_runner)
        return self._job_runner(job, snapshot)

    def _job_runner(self, job: JobRow, snapshot: Snapshot) -> JobRunner:
        return JobRunner(
            job,
            work=lambda after: self._work(job, after),
            failed=model_days.first_failed(self._db, job.job_id),
            spent=sessions.spent(self._db, job.job_id),
            snapshot=snapshot.name,
            parts=self._parts,
        )

    def _work(self, job: JobRow, after: str) -> DateWork:
        """Return what a job is still to do after a date, or the next date of it; empty when nothing is left."""
        days = model_days.unfinished(self._db, job.job_id, after)
        if job.may_replace:  # a commit may bring later days back, and completed ones may lie between
            days = [day for day in days if day.date == days[0].date]
        firsts = {day.model: day.date for day in reversed(days)}
        states = {
            model: portfolios.portfolio_state(self._db, job.experiment, model, job_id=job.job_id, date=date)
            for model, date in firsts.items()
        }
        return DateWork(days=days, states=states)

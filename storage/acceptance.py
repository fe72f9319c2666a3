"""Accepting jobs: conflict check, plan, claims, model-days and first event in one transaction, so that two cannot win.

A job that may not run yet can wait. Whoever came before counts as if it ran already, in the line as at the door: a job
starts when no job before it holds or awaits one of its portfolios and fewer than the limit are before it. So nobody is
overtaken by one who would delay him, and jobs that share nothing do not wait for each other.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from peewee import SqliteDatabase

from storage import events, jobs, portfolios
from storage.database import insert_many, timestamp
from storage.deliveries import add_callbacks
from storage.errors import JobCancelledError, JobConflictError, QueueFullError
from storage.events import EventRow, EventType
from storage.jobs import JobRow, JobStatus
from storage.models import Job
from storage.portfolios import NewPortfolio, PortfolioRow
from storage.preparing import mark_prepared, mark_unprepared


class ConflictPolicy(StrEnum):
    """What becomes of a request that another job is in the way of."""

    FAIL = "fail"
    USE_EXISTING = "use_existing"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What identifies a trigger.

    The same `request_digest` means the same request, the same `config_digest` the same work. `first_date` is the first
    date asked for, `may_replace` says whether days done before may be replaced, `content` is what a job that waits is
    planned from again when its turn comes.
    """

    job_id: str
    request_id: str | None
    request_digest: str
    config_digest: str
    config_path: str
    experiment: str
    models: tuple[str, ...]
    max_concurrent_jobs: int
    first_date: str = ""
    may_replace: bool = False
    policy: ConflictPolicy = ConflictPolicy.FAIL
    max_queued_jobs: int = 0
    content: str = "{}"
    callback_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A plan ready to be stored; `model_days` holds (date, model) pairs in the order they will run.

    `unprepared` is what the job is planned from again once missing prices were downloaded; without, it is for good.
    """

    model_days: tuple[tuple[str, str], ...]
    portfolios: tuple[NewPortfolio, ...]
    spec: str
    warnings: tuple[str, ...]
    unprepared: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedJob:
    """A job that was stored now, to be run, or to wait for its turn when it has a place in the queue."""

    job: JobRow
    events: tuple[EventRow, ...]
    queue_position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingJob:
    """The job that an equal request had started before, or that is in the way of one that takes it as it is."""

    job: JobRow
    queue_position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedJob:
    """A job that waits: the models whose portfolios it awaits, and what it is planned from."""

    job_id: str
    experiment: str
    models: frozenset[str]
    first_date: str
    content: str


Acceptance: TypeAlias = AcceptedJob | ExistingJob | None

#: makes a plan from the portfolios there are; None when nothing is left to do
Planner: TypeAlias = Callable[[Mapping[str, PortfolioRow]], NewJob | None]

_QUEUED = """
    SELECT q.job_id, j.experiment, q.models, q.first_date, q.content
    FROM queued_jobs q JOIN jobs j ON j.job_id = q.job_id ORDER BY q.ticket
"""
_POSITION = """
    SELECT COUNT(*) FROM queued_jobs WHERE ticket <= (SELECT ticket FROM queued_jobs WHERE job_id = ?)
"""
_ENQUEUE = "INSERT INTO queued_jobs (job_id, models, first_date, content) VALUES (?, ?, ?, ?)"

_REMEMBER = "INSERT INTO known_requests (request_id, job_id, request_digest, created_at) VALUES (?, ?, ?, ?)"


def accept_job(db: SqliteDatabase, request: JobRequest, plan: Planner, now: datetime) -> Acceptance:
    """Store a job for the request, or return the one that an equal request started; None when nothing is left to do.

    Raises:
        RequestIdReusedError: the request id was used with another content.
        JobConflictError: another job holds one of the portfolios, or the job limit is reached, and the policy is FAIL.
        TooManyCallbacksError: the existing job is to tell enough already.
        QueueFullError: the job would have to wait, and no place in the queue is free.
    """
    if request.request_id and (known := jobs.find_request(db, request.request_id, request.request_digest)):
        return _existing(db, known)
    line = _Line(db)
    for job in line.jobs:
        if job.config_digest == request.config_digest:
            return _join(db, request, job, now)
    states = portfolios.find_portfolios(db, request.experiment, request.models, since=request.first_date)
    conflict = line.holder(request.experiment, request.models, states)
    if conflict is not None and request.policy is ConflictPolicy.FAIL:
        raise conflict
    new = plan(states)
    if new is None:
        return None
    conflict = conflict or line.full(request.max_concurrent_jobs)
    if conflict is None:
        event = _store(db, request, new, now)
        portfolios.claim(db, request.job_id, request.experiment, new.portfolios, now)
        return AcceptedJob(job=jobs.find_job(db, request.job_id), events=(event,))
    return _settle(db, request, new, conflict, now)


def refuse_conflict(db: SqliteDatabase, experiment: str, models: Sequence[str], max_concurrent_jobs: int) -> None:
    """Raise the JobConflictError of a job that is in the way of one on some portfolios; do nothing when none is."""
    line = _Line(db)
    states = portfolios.find_portfolios(db, experiment, models)
    conflict = line.holder(experiment, models, states) or line.full(max_concurrent_jobs)
    if conflict is not None:
        raise conflict


def queued_jobs(db: SqliteDatabase) -> list[QueuedJob]:
    """Return the jobs that wait, the first come first."""
    return [
        QueuedJob(
            job_id=job_id, experiment=experiment, models=frozenset(json.loads(models)), first_date=first, content=text
        )
        for job_id, experiment, models, first, text in db.execute_sql(_QUEUED)
    ]


def queue_position(db: SqliteDatabase, job_id: str) -> int:
    """Return the place of a job in the queue, from 1; 0 when it does not wait."""
    return int(db.execute_sql(_POSITION, (job_id,)).fetchone()[0])


def start_queued(
    db: SqliteDatabase, waiting: QueuedJob, plan: Planner, max_concurrent_jobs: int, now: datetime
) -> JobRow | EventRow | None:
    """Let a job that waits begin, planned anew; None while it has to wait, or when it waits no more.

    Returns the job to be run, or the event of its end when nothing is left to do, or its cancel was accepted.
    """
    if not queue_position(db, waiting.job_id):
        return None
    if jobs.is_cancelled(db, waiting.job_id):  # whoever accepted it died before the job's end
        return jobs.end_job(db, waiting.job_id, now)
    line = _Line(db, before=waiting.job_id)
    states = portfolios.find_portfolios(db, waiting.experiment, tuple(waiting.models), since=waiting.first_date)
    if line.holder(waiting.experiment, waiting.models, states) or line.full(max_concurrent_jobs):
        return None
    new = plan(states)
    if new is None:
        db.execute_sql("DELETE FROM job_details WHERE job_id = ?", (waiting.job_id,))
        Job.update(date_range="[]", total_model_days=0).where(Job.job_id == waiting.job_id).execute(db)
        return jobs.end_job(db, waiting.job_id, now)
    db.execute_sql("DELETE FROM queued_jobs WHERE job_id = ?", (waiting.job_id,))
    _plan_anew(db, waiting.job_id, new)
    portfolios.claim(db, waiting.job_id, waiting.experiment, new.portfolios, now)
    return jobs.find_job(db, waiting.job_id)


def start_prepared(
    db: SqliteDatabase, job: JobRow, models: Sequence[str], first_date: str, plan: Planner, now: datetime
) -> JobRow | None:
    """Let a job begin whose prices were downloaded, planned for good; None, and nothing changed, when nothing is to do.

    `models` and `first_date` are those that were asked for.

    Raises:
        JobCancelledError: its cancel was accepted.
    """
    if jobs.is_cancelled(db, job.job_id):
        raise JobCancelledError(job.job_id)
    new = plan(portfolios.find_portfolios(db, job.experiment, models, since=first_date))
    if new is None:
        return None
    _plan_anew(db, job.job_id, new)
    portfolios.release(db, job.job_id)
    portfolios.claim(db, job.job_id, job.experiment, new.portfolios, now)
    mark_prepared(db, job.job_id)
    return jobs.find_job(db, job.job_id)


class _Line:
    """The jobs that have not ended, those that run first, then those that wait, up to one of them."""

    def __init__(self, db: SqliteDatabase, before: str | None = None) -> None:
        self._queued = queued_jobs(db)
        waiting = [job.job_id for job in self._queued]
        self._queued = self._queued[: waiting.index(before)] if before in waiting else self._queued
        by_id = {job.job_id: job for job in jobs.active_jobs(db)}
        running = [job for job_id, job in by_id.items() if job_id not in waiting]
        self.jobs = [*running, *(by_id[job.job_id] for job in self._queued)]

    def holder(
        self, experiment: str, models: Sequence[str] | frozenset[str], states: Mapping[str, PortfolioRow]
    ) -> JobConflictError | None:
        """Return the conflict with the first job that holds or awaits one of the portfolios."""
        by_id = {job.job_id: job for job in self.jobs}
        for state in states.values():
            if state.claimed_by in by_id:
                return _conflict(by_id[state.claimed_by], f"it holds the portfolio of '{state.model}'")
        for job in self._queued:
            shared = sorted(job.models.intersection(models)) if job.experiment == experiment else []
            if shared:
                return _conflict(by_id[job.job_id], f"it waits for the portfolio of '{shared[0]}'")
        return None

    def full(self, limit: int) -> JobConflictError | None:
        """Return the conflict when as many jobs as may run are there already."""
        if len(self.jobs) < limit:
            return None
        return _conflict(self.jobs[0], f"the limit of {limit} concurrent job(s) is reached")


def _settle(
    db: SqliteDatabase, request: JobRequest, new: NewJob, conflict: JobConflictError, now: datetime
) -> AcceptedJob | ExistingJob:
    """Do with a request that another job is in the way of as its policy says."""
    if request.policy is ConflictPolicy.FAIL:
        raise conflict
    if request.policy is ConflictPolicy.USE_EXISTING:
        return _join(db, request, jobs.find_job(db, conflict.job_id), now)
    waiting = len(queued_jobs(db))
    if waiting >= request.max_queued_jobs:
        raise QueueFullError(waiting, conflict.job_id)
    accepted = _store(db, request, new, now)
    db.execute_sql(_ENQUEUE, (request.job_id, json.dumps(sorted(request.models)), request.first_date, request.content))
    queued = events.append(db, request.job_id, EventType.JOB_QUEUED, now)
    job = jobs.find_job(db, request.job_id)
    return AcceptedJob(job=job, events=(accepted, queued), queue_position=waiting + 1)


def _join(db: SqliteDatabase, request: JobRequest, job: JobRow, now: datetime) -> ExistingJob:
    """Answer a request with the job of another one; a repeat of it is answered with the same job, ended or not."""
    add_callbacks(db, job.job_id, request.callback_urls)
    if request.request_id is not None:
        db.execute_sql(_REMEMBER, (request.request_id, job.job_id, request.request_digest, timestamp(now)))
    return _existing(db, job)


def _existing(db: SqliteDatabase, job: JobRow) -> ExistingJob:
    return ExistingJob(job=job, queue_position=queue_position(db, job.job_id))


def _conflict(job: JobRow, reason: str) -> JobConflictError:
    return JobConflictError(job.job_id, job.date_range, reason)


def _store(db: SqliteDatabase, request: JobRequest, new: NewJob, now: datetime) -> EventRow:
    Job.insert(
        job_id=request.job_id,
        config_path=request.config_path,
        status=JobStatus.PENDING,
        created_at=timestamp(now),
        experiment=request.experiment,
        request_id=request.request_id,
        request_digest=request.request_digest,
        config_digest=request.config_digest,
        may_replace=request.may_replace,
        **_planned(new),
    ).execute(db)
    _store_model_days(db, request.job_id, new)
    if new.unprepared is not None:
        mark_unprepared(db, request.job_id, new.unprepared)
    add_callbacks(db, request.job_id, request.callback_urls)
    return events.append(db, request.job_id, EventType.JOB_ACCEPTED, now)


def _plan_anew(db: SqliteDatabase, job_id: str, new: NewJob) -> None:
    """Put a plan in the place of the one that a job was accepted with; nothing of it was run."""
    db.execute_sql("DELETE FROM job_details WHERE job_id = ?", (job_id,))
    Job.update(**_planned(new)).where(Job.job_id == job_id).execute(db)
    _store_model_days(db, job_id, new)


def _planned(new: NewJob) -> dict[str, object]:
    """Return the columns of a job that its plan decides."""
    return {
        "date_range": json.dumps(sorted({date for date, _ in new.model_days})),
        "models": json.dumps(list(dict.fromkeys(model for _, model in new.model_days))),
        "spec": new.spec,
        "warnings": json.dumps(new.warnings),
        "total_model_days": len(new.model_days),
    }


def _store_model_days(db: SqliteDatabase, job_id: str, new: NewJob) -> None:
    insert_many(
        db,
        "job_details",
        ("job_id", "date", "model", "status"),
        ((job_id, date, model, "pending") for date, model in new.model_days),
    )

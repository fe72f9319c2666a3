"""Jobs: finding them, starting and ending them, and their status. How one comes to be is in `acceptance.py`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from peewee import SqliteDatabase

from storage import attempts, events, portfolios
from storage.attempts import AttemptOutcome
from storage.database import timestamp
from storage.errors import JobCancelledError, JobNotFoundError, JobStateError, RequestIdReusedError
from storage.events import EventRow, EventType
from storage.models import Job


class JobStatus(StrEnum):
    """State of a job, as stored."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Tell whether the state is final."""
        return self not in ACTIVE


ACTIVE = frozenset({JobStatus.PENDING, JobStatus.RUNNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A stored job; times are ISO 8601 UTC, `spec` is what was resolved when it was accepted.

    `may_replace` says whether its commits may build on an earlier day than the portfolio's last one; `price_digests`
    are those of the price snapshots it ran on, in order.
    """

    job_id: str
    status: JobStatus
    config_path: str
    experiment: str
    date_range: tuple[str, ...]
    models: tuple[str, ...]
    created_at: str
    started_at: str | None
    completed_at: str | None
    updated_at: str | None
    total_duration_seconds: float | None
    error: str | None
    warnings: tuple[str, ...]
    total_model_days: int
    last_sequence: int
    request_digest: str
    config_digest: str
    spec: str
    may_replace: bool
    price_digests: tuple[str, ...]


_COLUMNS = (
    "job_id, status, config_path, experiment, date_range, models, created_at, started_at, completed_at, updated_at, "
    "total_duration_seconds, error, warnings, total_model_days, last_sequence, request_digest, config_digest, spec, "
    "may_replace, price_digests"
)
_VERSION = """
    SELECT last_sequence, (SELECT count(*) FROM revaluations r WHERE r.job_id = j.job_id) FROM jobs j WHERE job_id = ?
"""
_BY_ID = f"SELECT {_COLUMNS} FROM jobs WHERE job_id = ?"
_BY_REQUEST = """
    SELECT job_id, request_digest FROM jobs WHERE request_id = ?
    UNION ALL SELECT job_id, request_digest FROM known_requests WHERE request_id = ?
"""
_ACTIVE = f"SELECT {_COLUMNS} FROM jobs WHERE status IN ('pending', 'running') ORDER BY created_at, job_id"


def find_job(db: SqliteDatabase, job_id: str) -> JobRow:
    """Return a job.

    Raises:
        JobNotFoundError: there is none with this id.
    """
    values = db.execute_sql(_BY_ID, (job_id,)).fetchone()
    if values is None:
        raise JobNotFoundError(job_id)
    return _row(values)


def budget(db: SqliteDatabase, job_id: str) -> str | None:
    """Return the budget in a job's spec, as JSON; None when there is no such job, or it was accepted without one."""
    values = db.execute_sql("SELECT json_extract(spec, '$.budget') FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
    return None if values is None else values[0]


def version(db: SqliteDatabase, job_id: str) -> tuple[int, int] | None:
    """Return what changes with the state of a job: the sequence of its last event, and how often it was revalued.

    None when there is no such job.
    """
    row: tuple[int, int] | None = db.execute_sql(_VERSION, (job_id,)).fetchone()
    return row


def find_request(db: SqliteDatabase, request_id: str, request_digest: str) -> JobRow | None:
    """Return the job that a request id stands for; None when it is new.

    Raises:
        RequestIdReusedError: the id was used with another content.
    """
    known = db.execute_sql(_BY_REQUEST, (request_id, request_id)).fetchone()
    if known is None:
        return None
    job_id, digest = known
    if digest != request_digest:
        raise RequestIdReusedError(request_id, job_id)
    return find_job(db, job_id)


def active_jobs(db: SqliteDatabase) -> list[JobRow]:
    """Return the jobs that have not ended, oldest first."""
    return [_row(values) for values in db.execute_sql(_ACTIVE)]


def list_jobs(
    db: SqliteDatabase,
    *,
    statuses: Sequence[str] = (),
    experiment: str | None = None,
    before: tuple[str, str] | None = None,
    limit: int,
) -> list[JobRow]:
    """Return jobs, newest first; `before` is the (created_at, job_id) of the last one seen."""
    conditions, values = ["1"], list[Any]()
    if statuses:
        conditions.append(f"status IN ({', '.join('?' * len(statuses))})")
        values += statuses
    if experiment is not None:
        conditions.append("experiment = ?")
        values.append(experiment)
    if before is not None:
        conditions.append("(created_at, job_id) < (?, ?)")
        values += before
    sql = f"SELECT {_COLUMNS} FROM jobs WHERE {' AND '.join(conditions)} ORDER BY created_at DESC, job_id DESC LIMIT ?"
    return [_row(row) for row in db.execute_sql(sql, (*values, limit))]


def start_job(db: SqliteDatabase, job_id: str, now: datetime, price_digest: str = "") -> EventRow:
    """Mark a job running, on a price snapshot; say that it was resumed when it had run before.

    Raises:
        JobStateError: it has ended.
        JobCancelledError: its cancel was accepted.
    """
    job = find_job(db, job_id)
    if job.status.final:
        raise JobStateError(job_id, job.status, "started")
    if is_cancelled(db, job_id):
        raise JobCancelledError(job_id)
    resumed = job.started_at is not None
    digests = json.dumps([*job.price_digests, *({price_digest} - {"", *job.price_digests[-1:]})])
    Job.update(status=JobStatus.RUNNING, price_digests=digests).where(Job.job_id == job_id).execute(db)
    if not resumed:
        Job.update(started_at=timestamp(now)).where(Job.job_id == job_id).execute(db)
    return events.append(db, job_id, EventType.JOB_RESUMED if resumed else EventType.JOB_STARTED, now)


def end_job(db: SqliteDatabase, job_id: str, now: datetime, error: str | None = None) -> EventRow:
    """End a job: roll its status up from its model-days, release its portfolios, append the final event.

    `error` says that the job as a whole could not go on; what it had not run is skipped with that reason. What a job
    had not run whose cancel was accepted is cancelled, and so is the job.

    Raises:
        JobStateError: it has ended before.
    """
    job, cancelled = find_job(db, job_id), is_cancelled(db, job_id)
    if job.status.final:
        raise JobStateError(job_id, job.status, "ended")
    if cancelled:
        _end_rest(db, job_id, "cancelled", None, now)
    elif error is not None:
        _end_rest(db, job_id, "skipped", error, now)
    status = JobStatus.CANCELLED if cancelled else _rolled_up(status_counts(db, [job_id])[job_id], error)
    started = job.started_at
    seconds = (now - datetime.fromisoformat(started)).total_seconds() if started else None
    Job.update(status=status, completed_at=timestamp(now), total_duration_seconds=seconds, error=error).where(
        Job.job_id == job_id
    ).execute(db)
    db.execute_sql("DELETE FROM queued_jobs WHERE job_id = ?", (job_id,))
    portfolios.release(db, job_id)
    return events.append(db, job_id, EventType.JOB_ENDED, now, duration_seconds=seconds, error=error)


def is_cancelled(db: SqliteDatabase, job_id: str) -> bool:
    """Tell whether the cancel of a job was accepted."""
    sql = "SELECT cancel_requested_at IS NOT NULL FROM jobs WHERE job_id = ?"
    return bool(db.execute_sql(sql, (job_id,)).fetchone()[0])


def status_counts(db: SqliteDatabase, job_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count the model-days of jobs by status."""
    places = ", ".join("?" * len(job_ids))
    sql = f"SELECT job_id, status, COUNT(*) FROM job_details WHERE job_id IN ({places}) GROUP BY 1, 2"
    counts: dict[str, dict[str, int]] = {job_id: {} for job_id in job_ids}
    for job_id, status, count in db.execute_sql(sql, tuple(job_ids)):
        counts[job_id][status] = count
    return counts


def _end_rest(db: SqliteDatabase, job_id: str, status: str, reason: str | None, now: datetime) -> None:
    """Give what was not run its last status; attempts under way are given up with it."""
    outcome = AttemptOutcome.CANCELLED if status == "cancelled" else AttemptOutcome.LOST
    attempts.end_running(db, job_id, outcome, now)
    db.execute_sql(
        "UPDATE job_details SET status = ?, error = ?, error_kind = NULL, completed_at = ?"
        " WHERE job_id = ? AND status IN ('pending', 'running')",
        (status, reason, timestamp(now), job_id),
    )


def _rolled_up(counts: Mapping[str, int], error: str | None) -> JobStatus:
    # what was cancelled may be left behind by a retry of other models
    if not counts.get("failed") and not counts.get("cancelled") and error is None:
        return JobStatus.COMPLETED
    return JobStatus.PARTIAL if counts.get("completed") else JobStatus.FAILED


def _row(values: tuple[Any, ...]) -> JobRow:
    return JobRow(
        job_id=values[0],
        status=JobStatus(values[1]),
        config_path=values[2],
        experiment=values[3],
        date_range=tuple(json.loads(values[4])),
        models=tuple(json.loads(values[5])),
        created_at=values[6],
        started_at=values[7],
        completed_at=values[8],
        updated_at=values[9],
        total_duration_seconds=values[10],
        error=values[11],
        warnings=tuple(json.loads(values[12])),
        total_model_days=values[13],
        last_sequence=values[14],
        request_digest=values[15],
        config_digest=values[16],
        spec=values[17],
        may_replace=bool(values[18]),
        price_digests=tuple(json.loads(values[19])),
    )

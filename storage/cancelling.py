"""The cancel of a job: stored first, so that it outlives every process, and looked at by whatever starts or commits."""

from dataclasses import dataclass
from datetime import datetime

from peewee import SqliteDatabase

from storage import events, jobs
from storage.database import timestamp
from storage.errors import JobStateError
from storage.events import EventRow, EventType
from storage.jobs import JobStatus

_REQUEST = "UPDATE jobs SET cancel_requested_at = ?, cancel_reason = ? WHERE job_id = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRow:
    """The cancel of a job: when it was accepted (ISO 8601 UTC) and why, and the state of the job now."""

    job_id: str
    status: JobStatus
    requested_at: str
    reason: str


def find_cancel(db: SqliteDatabase, job_id: str) -> CancelRow | None:
    """Return the cancel of a job; None when there is none."""
    sql = "SELECT status, cancel_requested_at, cancel_reason FROM jobs WHERE job_id = ?"
    row = db.execute_sql(sql, (job_id,)).fetchone()
    if row is None or row[1] is None:
        return None
    return CancelRow(job_id=job_id, status=JobStatus(row[0]), requested_at=row[1], reason=row[2] or "")


def request_cancel(db: SqliteDatabase, job_id: str, reason: str, now: datetime) -> EventRow | None:
    """Accept the cancel of a job that has not ended; None when one was accepted before.

    Raises:
        JobNotFoundError: there is no such job.
        JobStateError: the job has ended without being cancelled.
    """
    job = jobs.find_job(db, job_id)
    if find_cancel(db, job_id) is not None:
        return None
    if job.status.final:
        raise JobStateError(job_id, job.status, "cancelled")
    db.execute_sql(_REQUEST, (timestamp(now), reason or None, job_id))
    return events.append(db, job_id, EventType.JOB_CANCELLING, now, error=reason or None)

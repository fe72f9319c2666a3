"""Jobs that are planned for good once the prices that they lack were downloaded.

Such a job has a row here from its acceptance on, and is PENDING until the row is gone. One that ends before keeps it:
what it was to run is not known for good, so it cannot be retried.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from peewee import SqliteDatabase

from storage import events, jobs
from storage.events import EventRow, EventType


def mark_unprepared(db: SqliteDatabase, job_id: str, content: str) -> None:
    """Remember what a job is planned from once its prices are there, inside the transaction that is open."""
    db.execute_sql("INSERT INTO preparing_jobs (job_id, content) VALUES (?, ?)", (job_id, content))


def mark_prepared(db: SqliteDatabase, job_id: str) -> None:
    """Forget it: the job is planned for good."""
    db.execute_sql("DELETE FROM preparing_jobs WHERE job_id = ?", (job_id,))


def unprepared(db: SqliteDatabase, job_id: str) -> str | None:
    """Return what a job is planned from once its prices are there; None when it is planned for good."""
    row = db.execute_sql("SELECT content FROM preparing_jobs WHERE job_id = ?", (job_id,)).fetchone()
    return None if row is None else str(row[0])


def tell_preparing(db: SqliteDatabase, job_id: str, text: str, now: datetime) -> EventRow | None:
    """Append an event that tells how far a job's download is; None when the job has ended or was cancelled."""
    if jobs.find_job(db, job_id).status.final or jobs.is_cancelled(db, job_id):
        return None
    return events.append(db, job_id, EventType.JOB_PREPARING, now, error=text)


def end_unprepared(db: SqliteDatabase, job_id: str, error: str, warnings: Sequence[str], now: datetime) -> EventRow:
    """End a job that cannot be planned for good; its model-days are skipped with the error, unless it was cancelled.

    Raises:
        JobStateError: it has ended before.
    """
    db.execute_sql("UPDATE jobs SET warnings = ? WHERE job_id = ?", (json.dumps(warnings), job_id))
    return jobs.end_job(db, job_id, now, error)

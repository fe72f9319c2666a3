"""Progress events of a job: an append-only log in the table `job_events`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from peewee import SqliteDatabase

from storage.database import timestamp
from storage.deliveries import queue_deliveries

_COLUMNS = (
    "sequence, created_at, event_type, status, date, model, attempt, duration_seconds, error, portfolio_value, fills, "
    "total_model_days, completed, failed"
)
_AFTER = f"SELECT {_COLUMNS} FROM job_events WHERE job_id = ? AND sequence > ? ORDER BY sequence LIMIT ?"
_ADVANCE = """
    UPDATE jobs SET last_sequence = last_sequence + 1, updated_at = ?,
        completed_model_days = completed_model_days + ?, failed_model_days = failed_model_days + ?
    WHERE job_id = ?
    RETURNING last_sequence, status, total_model_days, completed_model_days, failed_model_days
"""
_INSERT = f"INSERT INTO job_events (job_id, {_COLUMNS}) VALUES ({', '.join('?' * 15)})"


class EventType(StrEnum):
    """What an event tells."""

    JOB_ACCEPTED = "job_accepted"
    JOB_STARTED = "job_started"
    JOB_RESUMED = "job_resumed"
    JOB_ENDED = "job_ended"
    MODEL_DAY_STARTED = "model_day_started"
    MODEL_DAY_COMPLETED = "model_day_completed"
    MODEL_DAY_FAILED = "model_day_failed"
    MODEL_DAY_RETRIED = "model_day_retried"
    MODEL_DAY_SKIPPED = "model_day_skipped"
    JOB_CANCELLING = "job_cancelling"
    MODEL_DAY_CANCELLED = "model_day_cancelled"
    JOB_RETRIED = "job_retried"
    JOB_QUEUED = "job_queued"
    MODEL_DAY_SUPERSEDED = "model_day_superseded"
    CORPORATE_ACTION = "corporate_action"
    JOB_PREPARING = "job_preparing"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """A stored event; the counts are those after it, `created_at` is ISO 8601 UTC."""

    job_id: str
    sequence: int
    created_at: str
    event_type: EventType
    status: str
    date: str | None
    model: str | None
    attempt: int | None
    duration_seconds: float | None
    error: str | None
    portfolio_value: float | None
    fills: int | None
    total_model_days: int
    completed: int
    failed: int


def events_after(db: SqliteDatabase, job_id: str, sequence: int, limit: int) -> list[EventRow]:
    """Return at most `limit` events that come after a position, in order."""
    return [_row(job_id, values) for values in db.execute_sql(_AFTER, (job_id, sequence, limit))]


def dates_changed(db: SqliteDatabase, job_id: str, sequence: int) -> list[str] | None:
    """Return the dates whose model-days have events after a position; None when the job itself has one."""
    sql = "SELECT DISTINCT date FROM job_events WHERE job_id = ? AND sequence > ?"
    changed = [date for (date,) in db.execute_sql(sql, (job_id, sequence))]
    return None if None in changed else changed


def append(
    db: SqliteDatabase,
    job_id: str,
    event_type: EventType,
    now: datetime,
    *,
    date: str | None = None,
    model: str | None = None,
    attempt: int | None = None,
    duration_seconds: float | None = None,
    error: str | None = None,
    portfolio_value: float | None = None,
    fills: int | None = None,
) -> EventRow:
    """Append an event and bring the job's counts forward, inside the transaction that is open.

    The event that ends a job stores what its callbacks are told, whatever it was that ended it.
    """
    moment = timestamp(now)
    completed = int(event_type is EventType.MODEL_DAY_COMPLETED) - int(event_type is EventType.MODEL_DAY_SUPERSEDED)
    failed = int(event_type is EventType.MODEL_DAY_FAILED)
    ((sequence, status, *counts),) = db.execute_sql(_ADVANCE, (moment, completed, failed, job_id)).fetchall()
    told = (sequence, moment, event_type, status, date, model, attempt, duration_seconds, error, portfolio_value, fills)
    db.execute_sql(_INSERT, (job_id, *told, *counts))
    if event_type is EventType.JOB_ENDED:
        queue_deliveries(db, job_id, sequence, moment)
    return _row(job_id, (*told, *counts))


def _row(job_id: str, values: tuple[Any, ...]) -> EventRow:
    return EventRow(
        job_id=job_id,
        sequence=values[0],
        created_at=values[1],
        event_type=EventType(values[2]),
        status=values[3],
        date=values[4],
        model=values[5],
        attempt=values[6],
        duration_seconds=values[7],
        error=values[8],
        portfolio_value=values[9],
        fills=values[10],
        total_model_days=values[11],
        completed=values[12],
        failed=values[13],
    )

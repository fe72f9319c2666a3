"""Model-days: how each stands, read by job; what runs them is in `attempts.py`."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from peewee import SqliteDatabase

from storage import events
from storage.database import timestamp
from storage.errors import ModelDayStateError
from storage.events import EventRow, EventType


class ModelDayStatus(StrEnum):
    """State of a model-day, as stored."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class ModelDayRow(NamedTuple):
    """A stored model-day; times are ISO 8601 UTC.

    A named tuple with the columns as they come, since a status call reads thousands at once.
    """

    date: str
    model: str
    status: str
    attempt: int
    started_at: str | None
    completed_at: str | None
    duration_seconds: float | None
    error: str | None
    error_kind: str | None


_COLUMNS = "date, model, status, attempt, started_at, completed_at, duration_seconds, error, error_kind"
_PAGE = f"""
    SELECT {_COLUMNS} FROM job_details WHERE job_id = ? AND (date, model) > (?, ?) ORDER BY date, model LIMIT ?
"""
_UNFINISHED = f"""
    SELECT {_COLUMNS} FROM job_details WHERE job_id = ? AND status IN ('pending', 'running') AND date > ?
    ORDER BY date, id
"""
_FIRST_FAILED = """
    SELECT model, MIN(date) FROM job_details WHERE job_id = ? AND status = 'failed' GROUP BY model
"""
_SKIP = """
    UPDATE job_details SET status = 'skipped', completed_at = ?, error = ?, error_kind = NULL
    WHERE job_id = ? AND date = ? AND model = ? AND status = 'pending'
"""


def model_days(db: SqliteDatabase, job_id: str, *, after: tuple[str, str] = ("", ""), limit: int) -> list[ModelDayRow]:
    """Return the model-days of a job by date, then model; `after` is the (date, model) of the last one seen."""
    return [ModelDayRow._make(values) for values in db.execute_sql(_PAGE, (job_id, *after, limit))]


def on_dates(db: SqliteDatabase, job_id: str, dates: Sequence[str]) -> list[ModelDayRow]:
    """Return the model-days of a job on some dates, by date, then model."""
    places = ", ".join("?" * len(dates))
    sql = f"SELECT {_COLUMNS} FROM job_details WHERE job_id = ? AND date IN ({places}) ORDER BY date, model"
    return [ModelDayRow._make(values) for values in db.execute_sql(sql, (job_id, *dates))]


def current(db: SqliteDatabase, job_id: str) -> tuple[str, str] | None:
    """Return (date, model) of the earliest model-day of a job that is running; None when none is."""
    sql = "SELECT date, model FROM job_details WHERE job_id = ? AND status = 'running' ORDER BY date, model LIMIT 1"
    row: tuple[str, str] | None = db.execute_sql(sql, (job_id,)).fetchone()
    return row


def unfinished(db: SqliteDatabase, job_id: str, after: str = "") -> list[ModelDayRow]:
    """Return the model-days of a job that are still to be run after a date, in the order in which they run."""
    return [ModelDayRow._make(values) for values in db.execute_sql(_UNFINISHED, (job_id, after))]


def first_failed(db: SqliteDatabase, job_id: str) -> dict[str, str]:
    """Return the first date on which each model of a job failed, by model."""
    return dict(db.execute_sql(_FIRST_FAILED, (job_id,)))


def skip(db: SqliteDatabase, job_id: str, date: str, model: str, reason: str, now: datetime) -> EventRow:
    """End a model-day that is pending without running it; `reason` is its error.

    Raises:
        ModelDayStateError: it is not pending.
    """
    if db.execute_sql(_SKIP, (timestamp(now), reason, job_id, date, model)).rowcount != 1:
        raise ModelDayStateError(job_id, date, model, ModelDayStatus.PENDING)
    return events.append(db, job_id, EventType.MODEL_DAY_SKIPPED, now, date=date, model=model, error=reason)


def skipped(db: SqliteDatabase, job_id: str, prefix: str) -> tuple[int, str]:
    """Count the skipped model-days of a job whose reason begins so, and return the reason of the last."""
    sql = """
        SELECT COUNT(*), error, MAX(id) FROM job_details
        WHERE job_id = ? AND status = 'skipped' AND substr(error, 1, ?) = ?
    """
    count, reason, _ = db.execute_sql(sql, (job_id, len(prefix), prefix)).fetchone()
    return int(count), reason or ""

"""Deliveries: who is to be told of a job's end, what is posted to them, and what came of it.

A delivery is stored in the transaction that ends its job, so an end that is stored is told however often the service
dies meanwhile. What is posted is stored with it and never changes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from peewee import SqliteDatabase

from storage.database import insert_many, timestamp
from storage.errors import TooManyCallbacksError

#: callbacks that one job may have, those of equal triggers added up
MAX_CALLBACKS = 20


class DeliveryStatus(StrEnum):
    """State of a delivery, as stored."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A stored delivery; times are ISO 8601 UTC, `sequence` is that of the event that ended the job."""

    id: int
    delivery_id: str
    job_id: str
    sequence: int
    url: str
    body: str
    status: DeliveryStatus
    attempts: int
    created_at: str
    next_attempt_at: str | None
    last_attempt_at: str | None
    last_http_status: int | None
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """What came of an attempt: the state after it, the answer's HTTP status if there was one, what went wrong."""

    delivery_id: str
    status: DeliveryStatus
    at: datetime
    http_status: int | None
    error: str | None
    next_attempt_at: datetime | None = None


_COLUMNS = (
    "id, delivery_id, job_id, sequence, url, body, status, attempts, created_at, next_attempt_at, last_attempt_at, "
    "last_http_status, last_error"
)
_DUE = f"""
    SELECT {_COLUMNS} FROM deliveries WHERE status = 'pending' AND next_attempt_at <= ? ORDER BY next_attempt_at LIMIT ?
"""
_OF_JOB = f"SELECT {_COLUMNS} FROM deliveries WHERE job_id = ? AND id > ? ORDER BY id LIMIT ?"
_RECORD = """
    UPDATE deliveries SET status = ?, attempts = attempts + 1, last_attempt_at = ?, last_http_status = ?,
        last_error = ?, next_attempt_at = ?
    WHERE delivery_id = ? AND status = 'pending'
"""
_JOB = """
    SELECT status, experiment, config_path, date_range, created_at, started_at, completed_at, total_duration_seconds,
        error, total_model_days FROM jobs WHERE job_id = ?
"""
_INSERT = """
    INSERT INTO deliveries (delivery_id, job_id, sequence, url, body, status, attempts, created_at, next_attempt_at)
    VALUES (?, ?, ?, ?, ?, 'pending', 0, ?, ?)
"""


def add_callbacks(db: SqliteDatabase, job_id: str, urls: Sequence[str]) -> None:
    """Note who else is to be told of a job's end.

    Raises:
        TooManyCallbacksError: the job would have more than it may have.
    """
    known = _urls(db, job_id)
    new = [url for url in dict.fromkeys(urls) if url not in known]
    if len(known) + len(new) > MAX_CALLBACKS:
        raise TooManyCallbacksError(job_id, MAX_CALLBACKS)
    insert_many(db, "callbacks", ("job_id", "url"), ((job_id, url) for url in new))


def queue_deliveries(db: SqliteDatabase, job_id: str, sequence: int, moment: str) -> None:
    """Store what is to be told of a job that ended with the event of a sequence, in the transaction that ends it."""
    urls = _urls(db, job_id)
    if not urls:
        return
    body = _body(db, job_id, sequence, moment)
    for url in urls:
        delivery_id = str(uuid5(NAMESPACE_URL, f"{job_id} {sequence} {url}"))
        db.execute_sql(_INSERT, (delivery_id, job_id, sequence, url, body, moment, moment))


def due_deliveries(db: SqliteDatabase, now: datetime, limit: int) -> list[DeliveryRow]:
    """Return deliveries whose next attempt is due, the longest due first."""
    return [_row(values) for values in db.execute_sql(_DUE, (timestamp(now), limit))]


def record_attempt(db: SqliteDatabase, attempt: DeliveryAttempt) -> None:
    """Store what came of an attempt."""
    due = None if attempt.next_attempt_at is None else timestamp(attempt.next_attempt_at)
    told = (attempt.status, timestamp(attempt.at), attempt.http_status, attempt.error, due, attempt.delivery_id)
    db.execute_sql(_RECORD, told)


def list_deliveries(db: SqliteDatabase, job_id: str, *, after: int = 0, limit: int) -> list[DeliveryRow]:
    """Return deliveries of a job in the order of their making; `after` is the id of the last one seen."""
    return [_row(values) for values in db.execute_sql(_OF_JOB, (job_id, after, limit))]


def _urls(db: SqliteDatabase, job_id: str) -> list[str]:
    rows = db.execute_sql("SELECT url FROM callbacks WHERE job_id = ? ORDER BY url", (job_id,))
    return [url for (url,) in rows]


def _body(db: SqliteDatabase, job_id: str, sequence: int, moment: str) -> str:
    """Return what is posted, as JSON; `data` holds nothing that grows with the job."""
    row = db.execute_sql(_JOB, (job_id,)).fetchone()
    status, experiment, config_path, dates, created, started, completed, seconds, error, total = row
    sql = "SELECT status, COUNT(*) FROM job_details WHERE job_id = ? GROUP BY status"
    counts = dict(db.execute_sql(sql, (job_id,)).fetchall())
    trading_dates = json.loads(dates) or [""]  # a job that waited may have found nothing left to do
    data = {
        "job_id": job_id,
        "status": status,
        "experiment": experiment,
        "config_path": config_path,
        "start_date": trading_dates[0],
        "end_date": trading_dates[-1],
        "total_model_days": total,
        **{name: counts.get(name, 0) for name in ("completed", "failed", "skipped", "cancelled")},
        "created_time": created,
        "started_time": started,
        "completed_time": completed,
        "total_duration_seconds": seconds,
        "error": error or "",
        "last_sequence": sequence,
    }
    return json.dumps({"type": "job.ended", "timestamp": moment, "data": data}, separators=(",", ":"))


def _row(values: tuple[Any, ...]) -> DeliveryRow:
    return DeliveryRow(
        id=values[0],
        delivery_id=values[1],
        job_id=values[2],
        sequence=values[3],
        url=values[4],
        body=values[5],
        status=DeliveryStatus(values[6]),
        attempts=values[7],
        created_at=values[8],
        next_attempt_at=values[9],
        last_attempt_at=values[10],
        last_http_status=values[11],
        last_error=values[12],
    )

"""Retrying a job that has ended: what failed in it is pending again, and the job holds its portfolios once more.

Nothing else changes: completed model-days stay as they are until a commit of the job replaces them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from peewee import SqliteDatabase

from storage import acceptance, events, jobs, portfolios
from storage.database import timestamp
from storage.errors import JobStateError, RequestIdReusedError
from storage.events import EventRow, EventType
from storage.jobs import JobRow, JobStatus
from storage.preparing import unprepared


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRequest:
    """What to retry: the model-days of a job that did not complete, of some models or of all (none named)."""

    job_id: str
    models: tuple[str, ...]
    request_id: str | None
    max_concurrent_jobs: int


_UNDONE = """
    SELECT model FROM job_details WHERE job_id = ? AND status IN ('failed', 'skipped', 'cancelled')
    GROUP BY model ORDER BY MIN(id)
"""
#: whoever has a trading day where the job's own ones are, or after them
_EXTENDED = """
    SELECT t.job_id FROM trading_days t JOIN portfolios p ON p.id = t.portfolio_id
    WHERE p.experiment = ? AND p.model = ? AND t.job_id != ?
        AND t.date >= (SELECT date FROM job_details WHERE job_id = ? AND model = ? ORDER BY date LIMIT 1)
    ORDER BY t.date DESC LIMIT 1
"""
#: whether a cleanup has removed trading days where something is still to be done
_REMOVED = """
    SELECT c.date FROM portfolios p JOIN carried_states c ON c.portfolio_id = p.id
    WHERE p.experiment = ? AND p.model = ? AND c.date >= (
        SELECT MIN(date) FROM job_details
        WHERE job_id = ? AND model = ? AND status IN ('failed', 'skipped', 'cancelled'))
"""
_SET_PENDING = """
    UPDATE job_details SET status = 'pending', completed_at = NULL, duration_seconds = NULL
    WHERE job_id = ? AND model = ? AND status IN ('failed', 'skipped', 'cancelled')
"""
_REOPEN = """
    UPDATE jobs SET status = 'running', started_at = NULL, completed_at = NULL, total_duration_seconds = NULL,
        error = NULL, cancel_requested_at = NULL, cancel_reason = NULL, may_replace = 1,
        failed_model_days = (SELECT COUNT(*) FROM job_details WHERE job_id = jobs.job_id AND status = 'failed')
    WHERE job_id = ?
"""


def retry_job(db: SqliteDatabase, request: RetryRequest, now: datetime) -> EventRow | None:
    """Reopen a job, in the open transaction; None when the same retry was accepted before.

    Raises:
        JobNotFoundError: there is no such job.
        RequestIdReusedError: the request id was used for another retry.
        JobStateError: there is nothing to be retried, a later job has extended one of the portfolios, or a cleanup has
            removed its days.
        JobConflictError: another job holds one of the portfolios, or the job limit is reached.
    """
    if request.request_id is not None and _is_known(db, request):
        return None
    job = jobs.find_job(db, request.job_id)
    models = _undone(db, job, request.models)
    for model in models:
        _refuse_extended(db, job, model)
        _refuse_removed(db, job, model)
    acceptance.refuse_conflict(db, job.experiment, models, request.max_concurrent_jobs)
    db.connection().executemany(_SET_PENDING, [(job.job_id, model) for model in models])
    portfolios.hold(db, job.job_id, job.experiment, models)
    db.execute_sql(_REOPEN, (job.job_id,))
    if request.request_id is not None:
        row = (request.request_id, job.job_id, json.dumps(sorted(request.models)), timestamp(now))
        db.execute_sql("INSERT INTO job_retries (request_id, job_id, models, created_at) VALUES (?, ?, ?, ?)", row)
    return events.append(db, job.job_id, EventType.JOB_RETRIED, now)


def _is_known(db: SqliteDatabase, request: RetryRequest) -> bool:
    sql = "SELECT job_id, models FROM job_retries WHERE request_id = ?"
    row = db.execute_sql(sql, (request.request_id,)).fetchone()
    if row is None:
        return False
    if tuple(row) != (request.job_id, json.dumps(sorted(request.models))):
        raise RequestIdReusedError(request.request_id or "", row[0])
    return True


def _undone(db: SqliteDatabase, job: JobRow, asked: Sequence[str]) -> tuple[str, ...]:
    """Return the models that have something to be retried, out of those asked for."""
    if not job.status.final or job.status is JobStatus.COMPLETED:
        raise JobStateError(job.job_id, job.status, "retried")
    if job.spec == "{}":
        raise JobStateError(job.job_id, job.status, "retried: an earlier version ran it")
    if unprepared(db, job.job_id) is not None:
        raise JobStateError(job.job_id, job.status, "retried: it ended before its prices were there; trigger it again")
    models = tuple(model for (model,) in db.execute_sql(_UNDONE, (job.job_id,)) if not asked or model in asked)
    if not models:
        told = ", ".join(f"'{model}'" for model in asked)
        raise JobStateError(job.job_id, job.status, f"retried: every model-day of {told or 'it'} completed")
    return models


def _refuse_extended(db: SqliteDatabase, job: JobRow, model: str) -> None:
    later = db.execute_sql(_EXTENDED, (job.experiment, model, job.job_id, job.job_id, model)).fetchone()
    if later is not None:
        reason = f"job '{later[0]}' has gone on with the portfolio of '{model}'; trigger with replace_existing instead"
        raise JobStateError(job.job_id, job.status, f"retried: {reason}")


def _refuse_removed(db: SqliteDatabase, job: JobRow, model: str) -> None:
    removed = db.execute_sql(_REMOVED, (job.experiment, model, job.job_id, model)).fetchone()
    if removed is not None:
        reason = f"a cleanup removed the trading days of '{model}' up to {removed[0]}"
        raise JobStateError(job.job_id, job.status, f"retried: {reason}")

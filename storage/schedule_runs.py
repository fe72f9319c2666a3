"""Schedules: since when each has its times, and what came of those that were due.

A time that is due has one row, whatever dies meanwhile: a run that is taken up again is the same row. Jobs that were
triggered are named, and not bound: their rows may be cleaned up before these.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from peewee import SqliteDatabase

from storage.database import timestamp

#: rows of one schedule that are kept
KEPT_RUNS = 100


class RunOutcome(StrEnum):
    """What came of a time that was due, as stored."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    MISSED = "missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """When a schedule is due, as its file says."""

    name: str
    cron: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run ended: what it did, or why it did not, and the job that it triggered."""

    outcome: RunOutcome
    message: str | None = None
    error: str | None = None
    job_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRunRow:
    """What came of a time that was due; times are ISO 8601 UTC.

    `started_at` is None for a time that was skipped or missed, `job_status` where the job is not stored any more.
    """

    schedule: str
    due_at: str
    started_at: str | None
    ended_at: str | None
    outcome: RunOutcome
    message: str | None
    error: str | None
    job_id: str | None
    job_status: str | None

    @property
    def due(self) -> datetime:
        """When it was due."""
        return datetime.fromisoformat(self.due_at)


_COLUMNS = "r.schedule, r.due_at, r.started_at, r.ended_at, r.outcome, r.message, r.error, r.job_id, j.status"
_RUNS = f"SELECT {_COLUMNS} FROM schedule_runs r LEFT JOIN jobs j ON j.job_id = r.job_id"
_LAST = f"{_RUNS} WHERE (r.schedule, r.due_at) IN (SELECT schedule, MAX(due_at) FROM schedule_runs GROUP BY schedule)"
_UNFINISHED = f"{_RUNS} WHERE r.outcome = 'running' ORDER BY r.schedule, r.due_at"
_GOING_ON = f"{_RUNS} WHERE r.schedule = ? AND j.status IN ('pending', 'running') ORDER BY r.due_at DESC LIMIT 1"
_KNOW = """
    INSERT INTO schedules (name, cron, zone, since) VALUES (?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET cron = excluded.cron, zone = excluded.zone, since = excluded.since
        WHERE cron <> excluded.cron OR zone <> excluded.zone
"""
_BEGIN = """
    INSERT INTO schedule_runs (schedule, due_at, started_at, outcome) VALUES (?, ?, ?, 'running')
    ON CONFLICT (schedule, due_at) DO UPDATE SET started_at = excluded.started_at
"""
_END = """
    UPDATE schedule_runs SET ended_at = ?, outcome = ?, message = ?, error = ?, job_id = ?
    WHERE schedule = ? AND due_at = ?
"""
_NOT_RUN = "INSERT INTO schedule_runs (schedule, due_at, ended_at, outcome, error) VALUES (?, ?, ?, ?, ?)"
#: what goes on is kept, as it is what a run may not overlap with
_TRIM = """
    DELETE FROM schedule_runs AS r WHERE schedule = ? AND outcome <> 'running'
        AND due_at <= (SELECT due_at FROM schedule_runs WHERE schedule = ? ORDER BY due_at DESC LIMIT 1 OFFSET ?)
        AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = r.job_id AND j.status IN ('pending', 'running'))
"""


def remember_schedules(db: SqliteDatabase, rows: Iterable[ScheduleRow], now: datetime) -> dict[str, datetime]:
    """Note which schedules there are, forget the others, and return since when each has had its times."""
    names = []
    for row in rows:
        db.execute_sql(_KNOW, (row.name, row.cron, row.zone, timestamp(now)))
        names.append(row.name)
    db.execute_sql(f"DELETE FROM schedules WHERE name NOT IN ({', '.join('?' * len(names))})", names)
    found = db.execute_sql("SELECT name, since FROM schedules")
    return {name: datetime.fromisoformat(since) for name, since in found}


def last_runs(db: SqliteDatabase) -> dict[str, ScheduleRunRow]:
    """Return what came of the last time that was due, by schedule."""
    return {row.schedule: row for row in map(_row, db.execute_sql(_LAST))}


def unfinished_runs(db: SqliteDatabase) -> list[ScheduleRunRow]:
    """Return the runs that have begun and not ended, by schedule."""
    return [_row(values) for values in db.execute_sql(_UNFINISHED)]


def run_with_active_job(db: SqliteDatabase, schedule: str) -> ScheduleRunRow | None:
    """Return the last run of a schedule whose job has not ended; None when there is none."""
    values = db.execute_sql(_GOING_ON, (schedule,)).fetchone()
    return None if values is None else _row(values)


def begin_run(db: SqliteDatabase, schedule: str, due: datetime, now: datetime) -> None:
    """Store that a run begins, or begins again, and forget the oldest ones."""
    db.execute_sql(_BEGIN, (schedule, timestamp(due), timestamp(now)))
    _trim(db, schedule)


def end_run(db: SqliteDatabase, schedule: str, due: datetime, end: RunEnd, now: datetime) -> None:
    """Store how a run ended."""
    told = (timestamp(now), end.outcome, end.message, end.error, end.job_id)
    db.execute_sql(_END, (*told, schedule, timestamp(due)))


def record_not_run(
    db: SqliteDatabase, schedule: str, due: datetime, outcome: RunOutcome, reason: str, now: datetime
) -> None:
    """Store that nothing was run at a time that was due, and why; forget the oldest ones."""
    db.execute_sql(_NOT_RUN, (schedule, timestamp(due), timestamp(now), outcome, reason))
    _trim(db, schedule)


def _trim(db: SqliteDatabase, schedule: str) -> None:
    db.execute_sql(_TRIM, (schedule, schedule, KEPT_RUNS))


def _row(values: tuple[str, ...]) -> ScheduleRunRow:
    schedule, due_at, started_at, ended_at, outcome, message, error, job_id, job_status = values
    return ScheduleRunRow(
        schedule=schedule,
        due_at=due_at,
        started_at=started_at,
        ended_at=ended_at,
        outcome=RunOutcome(outcome),
        message=message,
        error=error,
        job_id=job_id,
        job_status=job_status,
    )

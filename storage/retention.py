"""Compaction: events of jobs that ended long ago are deleted. The last event of a job always stays."""

from datetime import datetime

from peewee import SqliteDatabase

from storage.database import timestamp

_OLDEST = "SELECT sequence FROM job_events WHERE job_id = ? ORDER BY sequence LIMIT 1"
#: a job whose first event is its last has nothing to give
_CANDIDATE = """
    SELECT j.job_id, j.last_sequence FROM jobs j
    WHERE j.status NOT IN ('queued', 'pending', 'running') AND j.completed_at < ? AND j.last_sequence > 1
      AND EXISTS (SELECT 1 FROM job_events e WHERE e.job_id = j.job_id AND e.sequence < j.last_sequence)
    LIMIT 1
"""
_DELETE = """
    DELETE FROM job_events WHERE job_id = ? AND sequence < ? AND sequence IN
        (SELECT sequence FROM job_events WHERE job_id = ? ORDER BY sequence LIMIT ?)
"""


def oldest_sequence(db: SqliteDatabase, job_id: str) -> int | None:
    """Return the sequence of the first event of a job that is stored; None when there is none."""
    row = db.execute_sql(_OLDEST, (job_id,)).fetchone()
    return None if row is None else int(row[0])


def compact_events(db: SqliteDatabase, ended_before: datetime, limit: int) -> int:
    """Delete the oldest events, at most `limit`, of one job that ended before a time; return how many there were.

    It is to be called until nothing is left to delete, so that other writes come in between.
    """
    job = db.execute_sql(_CANDIDATE, (timestamp(ended_before),)).fetchone()
    if job is None:
        return 0
    job_id, last = job
    return int(db.execute_sql(_DELETE, (job_id, last, job_id, limit)).rowcount)

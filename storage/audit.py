"""Audit: whether anything that agents of a job were shown was later than their decision, and what was kept from them.

An observation violates when its source is later than the decision; when it is of the decision's own date and no opening
price; and, since a proof takes nothing on trust, when its date cannot be read or the decision is said to be later than
the model-day is. Sessions of failed attempts are audited too.
"""

from dataclasses import dataclass

from peewee import SqliteDatabase


@dataclass(frozen=True, slots=True, kw_only=True)
class ViolationRow:
    """An observation that the agent could not have made on its day."""

    date: str
    model: str
    attempt: int
    step: int
    tool_name: str
    subject: str
    as_of: str
    source_date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedCount:
    """How often a tool dropped something for a reason."""

    tool_name: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCounts:
    """How much there was to be audited, and how much of it is wrong."""

    sessions: int
    observations: int
    violations: int
    dropped: int


_VIOLATES = """(
    source_date > as_of OR (source_date = as_of AND NOT opening) OR as_of > date
    OR source_date NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'
)"""
_COUNTS = f"""
    SELECT (SELECT COUNT(*) FROM sessions WHERE job_id = ?), COUNT(*), COALESCE(SUM({_VIOLATES}), 0),
           (SELECT COUNT(*) FROM dropped_observations WHERE job_id = ?)
    FROM observations WHERE job_id = ?
"""
_VIOLATIONS = f"""
    SELECT date, model, attempt, step, tool_name, subject, as_of, source_date FROM observations
    WHERE job_id = ? AND {_VIOLATES} ORDER BY date, model, id LIMIT ?
"""
_DROPPED = """
    SELECT tool_name, reason, COUNT(*) AS times FROM dropped_observations WHERE job_id = ?
    GROUP BY tool_name, reason ORDER BY times DESC, tool_name, reason LIMIT ?
"""


def audit_counts(db: SqliteDatabase, job_id: str) -> AuditCounts:
    """Return how many sessions, observations, violations and dropped observations a job has."""
    sessions, observations, violations, dropped = db.execute_sql(_COUNTS, (job_id, job_id, job_id)).fetchone()
    return AuditCounts(sessions=sessions, observations=observations, violations=violations, dropped=dropped)


def find_violations(db: SqliteDatabase, job_id: str, limit: int) -> list[ViolationRow]:
    """Return the first violations of a job by date, then model."""
    return [
        ViolationRow(
            date=date,
            model=model,
            attempt=attempt,
            step=step,
            tool_name=tool_name,
            subject=subject,
            as_of=as_of,
            source_date=source_date,
        )
        for date, model, attempt, step, tool_name, subject, as_of, source_date in db.execute_sql(
            _VIOLATIONS, (job_id, limit)
        )
    ]


def dropped_counts(db: SqliteDatabase, job_id: str, limit: int) -> list[DroppedCount]:
    """Return what was dropped in a job by tool and reason, the most frequent first."""
    return [
        DroppedCount(tool_name=tool_name, reason=reason, count=count)
        for tool_name, reason, count in db.execute_sql(_DROPPED, (job_id, limit))
    ]

"""Attempts: one row per try at a model-day that has ended. What kind of error a model-day has; the cancel of a job.

Of attempts from before, the last one of each model-day is known, and its kind of error is the word its error begins
with.
"""

from peewee import Database
from playhouse.migrate import SchemaMigrator

_KINDS = (
    "('trader_error', 'ledger_error', 'market_data', 'worker_died', 'storage_error', 'provider_error', 'rate_limited',"
    " 'timeout', 'budget', 'not_recorded')"
)

STATEMENTS = (
    """
    CREATE TABLE attempts (
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        date TEXT NOT NULL,
        model TEXT NOT NULL,
        number INTEGER NOT NULL,
        started_at TEXT,
        ended_at TEXT,
        outcome TEXT NOT NULL CHECK (outcome IN ('succeeded', 'failed', 'cancelled', 'lost')),
        error_kind TEXT,
        message TEXT,
        PRIMARY KEY (job_id, date, model, number)
    ) WITHOUT ROWID
    """,
    "ALTER TABLE job_details ADD COLUMN error_kind TEXT",
    "ALTER TABLE jobs ADD COLUMN cancel_requested_at TEXT",
    "ALTER TABLE jobs ADD COLUMN cancel_reason TEXT",
    f"""
    UPDATE job_details SET error_kind = substr(error, 1, instr(error, ': ') - 1)
    WHERE error IS NOT NULL AND substr(error, 1, instr(error, ': ') - 1) IN {_KINDS}
    """,
    """
    INSERT INTO attempts (job_id, date, model, number, started_at, ended_at, outcome, error_kind, message)
    SELECT job_id, date, model, attempt, started_at, completed_at,
        CASE status WHEN 'completed' THEN 'succeeded' ELSE 'failed' END,
        error_kind,
        CASE WHEN error_kind IS NULL THEN error ELSE substr(error, length(error_kind) + 3) END
    FROM job_details
    WHERE attempt > 0 AND (status IN ('completed', 'failed') OR status = 'pending' AND error IS NOT NULL)
    """,
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Run the statements in order."""
    for statement in STATEMENTS:
        db.execute_sql(statement)

"""Schedules: since when each has its times, and what came of every time that was due."""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENTS = (
    """
    CREATE TABLE schedules (
        name TEXT NOT NULL PRIMARY KEY,
        cron TEXT NOT NULL,
        zone TEXT NOT NULL,
        since TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE schedule_runs (
        schedule TEXT NOT NULL,
        due_at TEXT NOT NULL,
        started_at TEXT,
        ended_at TEXT,
        outcome TEXT NOT NULL CHECK (outcome IN ('running', 'succeeded', 'failed', 'skipped', 'missed')),
        message TEXT,
        error TEXT,
        job_id TEXT,
        PRIMARY KEY (schedule, due_at)
    ) WITHOUT ROWID
    """,
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Run the statements in order."""
    for statement in STATEMENTS:
        db.execute_sql(statement)

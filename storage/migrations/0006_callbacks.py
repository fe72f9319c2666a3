"""Callbacks: who is to be told of a job's end, and every delivery of it with its result."""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENTS = (
    """
    CREATE TABLE callbacks (
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        url TEXT NOT NULL,
        PRIMARY KEY (job_id, url)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE deliveries (
        id INTEGER NOT NULL PRIMARY KEY,
        delivery_id TEXT NOT NULL UNIQUE,
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        sequence INTEGER NOT NULL,
        url TEXT NOT NULL,
        body TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'given_up')),
        attempts INTEGER NOT NULL,
        created_at TEXT NOT NULL,
        next_attempt_at TEXT,
        last_attempt_at TEXT,
        last_http_status INTEGER,
        last_error TEXT
    )
    """,
    "CREATE INDEX idx_deliveries_job ON deliveries (job_id)",
    "CREATE INDEX idx_deliveries_status_next ON deliveries (status, next_attempt_at)",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Run the statements in order."""
    for statement in STATEMENTS:
        db.execute_sql(statement)

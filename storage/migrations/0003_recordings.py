"""Recordings of sessions: every exchange with a vendor, so that a job can be run again without one.

Texts are stored once, by their digest, compressed. Of a part of a request that no text is kept of, only the digest is
there; so `parts` are no foreign keys.
"""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENTS = (
    """
    CREATE TABLE recorded_texts (
        digest TEXT NOT NULL PRIMARY KEY,
        content BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE recordings (
        id INTEGER NOT NULL PRIMARY KEY,
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        date TEXT NOT NULL,
        model TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        number INTEGER NOT NULL,
        basemodel TEXT NOT NULL,
        vendor TEXT NOT NULL,
        digest TEXT NOT NULL,
        shared INTEGER NOT NULL,
        parts TEXT NOT NULL,
        answer TEXT NOT NULL REFERENCES recorded_texts (digest),
        UNIQUE (job_id, date, model, attempt, number)
    )
    """,
    "CREATE INDEX idx_recordings_date ON recordings (date)",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Run the statements in order."""
    for statement in STATEMENTS:
        db.execute_sql(statement)

"""Bars that were replaced, the price snapshots that jobs used, and what was asked of vendors with a daily quota."""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENTS = (
    """
    CREATE TABLE price_revisions (
        symbol TEXT NOT NULL,
        date TEXT NOT NULL,
        replaced_by INTEGER NOT NULL REFERENCES price_imports (id),
        open REAL NOT NULL,
        high REAL,
        low REAL,
        close REAL,
        volume INTEGER,
        import_id INTEGER NOT NULL REFERENCES price_imports (id),
        PRIMARY KEY (symbol, date, replaced_by)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE provider_requests (
        provider TEXT NOT NULL,
        day TEXT NOT NULL,
        requests INTEGER NOT NULL,
        PRIMARY KEY (provider, day)
    ) WITHOUT ROWID
    """,
    "ALTER TABLE jobs ADD COLUMN price_digests TEXT NOT NULL DEFAULT '[]'",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Run the statements in order."""
    for statement in STATEMENTS:
        db.execute_sql(statement)

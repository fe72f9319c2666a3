"""Jobs whose missing prices are downloaded before they are planned for good."""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENT = """
    CREATE TABLE preparing_jobs (
        job_id TEXT NOT NULL PRIMARY KEY REFERENCES jobs (job_id) ON DELETE CASCADE,
        content TEXT NOT NULL
    ) WITHOUT ROWID
"""


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Run the statement."""
    db.execute_sql(STATEMENT)

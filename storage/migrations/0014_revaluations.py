"""Revaluations: when the values of a job's trading days were computed anew, and on which prices."""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENTS = (
    """
    CREATE TABLE revaluations (
        id INTEGER NOT NULL PRIMARY KEY,
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        portfolio_id INTEGER NOT NULL REFERENCES portfolios (id) ON DELETE CASCADE,
        revalued_at TEXT NOT NULL,
        old_digest TEXT NOT NULL,
        new_digest TEXT NOT NULL,
        trading_days INTEGER NOT NULL,
        changed_days INTEGER NOT NULL
    )
    """,
    "CREATE INDEX idx_revaluations_job_portfolio ON revaluations (job_id, portfolio_id)",
    "CREATE INDEX idx_revaluations_portfolio_id ON revaluations (portfolio_id)",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Run the statements in order."""
    for statement in STATEMENTS:
        db.execute_sql(statement)

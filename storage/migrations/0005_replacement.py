"""Days that were replaced, jobs that may replace, jobs that wait for their turn, and the request ids of retries.

A trading day that a later commit replaced moves out of `trading_days`, `positions`, `holdings` and `rejections` into
one row here, so that those tables hold the current chain of every portfolio and nothing else.
"""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENTS = (
    "ALTER TABLE jobs ADD COLUMN may_replace INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE superseded_days (
        id INTEGER NOT NULL PRIMARY KEY,
        portfolio_id INTEGER NOT NULL REFERENCES portfolios (id) ON DELETE CASCADE,
        date TEXT NOT NULL,
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        attempt INTEGER NOT NULL,
        day_number INTEGER NOT NULL,
        cash REAL NOT NULL,
        portfolio_value REAL NOT NULL,
        daily_profit REAL NOT NULL,
        daily_return_pct REAL NOT NULL,
        cumulative_profit REAL NOT NULL,
        cumulative_return_pct REAL NOT NULL,
        content TEXT NOT NULL,
        superseded_by TEXT NOT NULL,
        superseded_at TEXT NOT NULL
    )
    """,
    "CREATE INDEX idx_superseded_days_job_date ON superseded_days (job_id, date)",
    "CREATE INDEX idx_superseded_days_portfolio_id ON superseded_days (portfolio_id)",
    """
    CREATE TABLE queued_jobs (
        ticket INTEGER NOT NULL PRIMARY KEY,
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        models TEXT NOT NULL,
        first_date TEXT NOT NULL,
        content TEXT NOT NULL,
        UNIQUE (job_id)
    )
    """,
    """
    CREATE TABLE job_retries (
        request_id TEXT NOT NULL PRIMARY KEY,
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        models TEXT NOT NULL,
        created_at TEXT NOT NULL
    )
    """,
    "CREATE INDEX idx_job_retries_job_id ON job_retries (job_id)",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Run the statements in order."""
    for statement in STATEMENTS:
        db.execute_sql(statement)

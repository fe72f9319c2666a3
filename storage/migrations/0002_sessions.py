"""Sessions of agents: one row per attempt that had an agent, what the agent was shown, and what was kept from it.

`reasoning_logs` and `tool_usage` keep their columns and rows; what is added says to which attempt a row belongs and
what a call was. Rows of before are of attempt 1.
"""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENTS = (
    """
    CREATE TABLE sessions (
        id INTEGER NOT NULL PRIMARY KEY,
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        date TEXT NOT NULL,
        model TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        outcome TEXT NOT NULL CHECK (outcome IN ('succeeded', 'failed')),
        prompt_digest TEXT NOT NULL,
        stop_reason TEXT,
        requests INTEGER NOT NULL,
        input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        cache_read_tokens INTEGER NOT NULL,
        cache_write_tokens INTEGER NOT NULL,
        reasoning_tokens INTEGER NOT NULL,
        cost_usd TEXT,
        summary TEXT NOT NULL,
        steps INTEGER NOT NULL,
        UNIQUE (job_id, date, model, attempt)
    )
    """,
    """
    CREATE TABLE observations (
        id INTEGER NOT NULL PRIMARY KEY,
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        date TEXT NOT NULL,
        model TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        step INTEGER NOT NULL,
        tool_name TEXT NOT NULL,
        subject TEXT NOT NULL,
        as_of TEXT NOT NULL,
        source_date TEXT NOT NULL,
        opening INTEGER NOT NULL CHECK (opening IN (0, 1)),
        digest TEXT NOT NULL
    )
    """,
    "CREATE INDEX idx_observations_job_date_model ON observations (job_id, date, model)",
    """
    CREATE TABLE dropped_observations (
        id INTEGER NOT NULL PRIMARY KEY,
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        date TEXT NOT NULL,
        model TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        step INTEGER NOT NULL,
        tool_name TEXT NOT NULL,
        subject TEXT NOT NULL,
        reason TEXT NOT NULL
    )
    """,
    "CREATE INDEX idx_dropped_observations_job_date_model ON dropped_observations (job_id, date, model)",
    "ALTER TABLE reasoning_logs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE reasoning_logs ADD COLUMN tool_call_id TEXT",
    "ALTER TABLE reasoning_logs ADD COLUMN arguments TEXT",
    "ALTER TABLE reasoning_logs ADD COLUMN duration_seconds REAL",
    "ALTER TABLE tool_usage ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Run the statements in order."""
    for statement in STATEMENTS:
        db.execute_sql(statement)

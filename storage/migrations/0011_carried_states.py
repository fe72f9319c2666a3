"""What a portfolio's remaining trading days build on, where a cleanup removed those before; an index for texts.

Removing a recorded text looks for recordings that refer to it, which without the index reads all of them.
"""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENTS = (
    """
    CREATE TABLE carried_states (
        portfolio_id INTEGER NOT NULL PRIMARY KEY REFERENCES portfolios (id) ON DELETE CASCADE,
        first_day TEXT NOT NULL,
        date TEXT NOT NULL,
        day_number INTEGER NOT NULL CHECK (day_number > 0),
        cash REAL NOT NULL CHECK (cash >= 0),
        portfolio_value REAL NOT NULL,
        holdings TEXT NOT NULL,
        removed_at TEXT NOT NULL
    )
    """,
    "CREATE INDEX idx_recordings_answer ON recordings (answer)",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Run the statements in order."""
    for statement in STATEMENTS:
        db.execute_sql(statement)

"""Costs: what commission and slippage took, by position row; nothing in rows from before."""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENTS = (
    "ALTER TABLE positions ADD COLUMN commission REAL NOT NULL DEFAULT 0",
    "ALTER TABLE positions ADD COLUMN slippage REAL NOT NULL DEFAULT 0",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Run the statements in order."""
    for statement in STATEMENTS:
        db.execute_sql(statement)

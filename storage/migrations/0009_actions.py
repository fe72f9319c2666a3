"""Corporate actions, symbols whose prices are adjusted for them, and their own rows among positions.

What `positions.action_type` may be is changed in the table's text: SQLite's documents give that way for constraints,
and it leaves a million rows where they are.
"""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENTS = (
    """
    CREATE TABLE corporate_actions (
        symbol TEXT NOT NULL,
        ex_date TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('split', 'dividend')),
        numerator INTEGER NOT NULL CHECK (numerator > 0),
        denominator INTEGER NOT NULL CHECK (denominator > 0),
        amount_micros INTEGER NOT NULL CHECK (amount_micros >= 0),
        import_id INTEGER NOT NULL REFERENCES price_imports (id),
        PRIMARY KEY (symbol, ex_date, kind)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE adjusted_symbols (
        symbol TEXT NOT NULL PRIMARY KEY,
        import_id INTEGER NOT NULL REFERENCES price_imports (id)
    ) WITHOUT ROWID
    """,
    "PRAGMA writable_schema = ON",
    """
    UPDATE sqlite_schema SET sql = replace(
        sql, '(''buy'', ''sell'', ''no_trade'')', '(''buy'', ''sell'', ''no_trade'', ''split'', ''dividend'')'
    ) WHERE type = 'table' AND name = 'positions'
    """,
    "PRAGMA writable_schema = RESET",
)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Run the statements in order."""
    for statement in STATEMENTS:
        db.execute_sql(statement)

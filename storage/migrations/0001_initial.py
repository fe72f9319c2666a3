"""Create every table of the first release, and take over the rows of a database of an earlier version.

Six tables have the names and columns of earlier versions, some with columns of ours beside them. Where they are there
already, they are put aside, made anew and filled from the old ones. Jobs that the earlier version left unfinished
cannot be gone on with; they are marked failed.
"""

from peewee import Database
from playhouse.migrate import SchemaMigrator

STATEMENTS = (
    """
    CREATE TABLE jobs (
        job_id TEXT NOT NULL PRIMARY KEY,
        config_path TEXT NOT NULL,
        status TEXT NOT NULL
            CHECK (status IN ('pending', 'running', 'completed', 'partial', 'failed', 'cancelled')),
        date_range TEXT NOT NULL,
        models TEXT NOT NULL,
        created_at TEXT NOT NULL,
        started_at TEXT,
        completed_at TEXT,
        total_duration_seconds REAL,
        error TEXT,
        experiment TEXT NOT NULL DEFAULT 'default',
        request_id TEXT,
        request_digest TEXT NOT NULL DEFAULT '',
        config_digest TEXT NOT NULL DEFAULT '',
        spec TEXT NOT NULL DEFAULT '{}',
        warnings TEXT NOT NULL DEFAULT '[]',
        updated_at TEXT,
        total_model_days INTEGER NOT NULL DEFAULT 0,
        completed_model_days INTEGER NOT NULL DEFAULT 0,
        failed_model_days INTEGER NOT NULL DEFAULT 0,
        last_sequence INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX idx_jobs_status ON jobs (status)",
    "CREATE INDEX idx_jobs_created_at ON jobs (created_at DESC, job_id DESC)",
    "CREATE UNIQUE INDEX idx_jobs_request_id ON jobs (request_id)",
    """
    CREATE TABLE job_details (
        id INTEGER NOT NULL PRIMARY KEY,
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        date TEXT NOT NULL,
        model TEXT NOT NULL,
        status TEXT NOT NULL
            CHECK (status IN ('pending', 'running', 'completed', 'failed', 'skipped', 'cancelled')),
        started_at TEXT,
        completed_at TEXT,
        duration_seconds REAL,
        error TEXT,
        attempt INTEGER NOT NULL DEFAULT 0,
        UNIQUE (job_id, date, model)
    )
    """,
    "CREATE INDEX idx_job_details_job_status ON job_details (job_id, status)",
    """
    CREATE TABLE positions (
        id INTEGER NOT NULL PRIMARY KEY,
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        date TEXT NOT NULL,
        model TEXT NOT NULL,
        action_id INTEGER NOT NULL,
        action_type TEXT NOT NULL CHECK (action_type IN ('buy', 'sell', 'no_trade')),
        symbol TEXT,
        amount INTEGER,
        price REAL,
        cash REAL NOT NULL,
        portfolio_value REAL NOT NULL,
        daily_profit REAL,
        daily_return_pct REAL,
        cumulative_profit REAL,
        cumulative_return_pct REAL,
        created_at TEXT NOT NULL,
        UNIQUE (job_id, date, model, action_id)
    )
    """,
    "CREATE INDEX idx_positions_date ON positions (date)",
    "CREATE INDEX idx_positions_model ON positions (model)",
    "CREATE INDEX idx_positions_date_model ON positions (date, model)",
    """
    CREATE TABLE holdings (
        id INTEGER NOT NULL PRIMARY KEY,
        position_id INTEGER NOT NULL REFERENCES positions (id) ON DELETE CASCADE,
        symbol TEXT NOT NULL,
        quantity INTEGER NOT NULL
    )
    """,
    "CREATE INDEX idx_holdings_position_id ON holdings (position_id)",
    "CREATE INDEX idx_holdings_symbol ON holdings (symbol)",
    """
    CREATE TABLE rejections (
        id INTEGER NOT NULL PRIMARY KEY,
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        date TEXT NOT NULL,
        model TEXT NOT NULL,
        after_action_id INTEGER NOT NULL,
        action_type TEXT NOT NULL CHECK (action_type IN ('buy', 'sell')),
        symbol TEXT NOT NULL,
        amount TEXT NOT NULL,
        reason TEXT NOT NULL,
        message TEXT NOT NULL
    )
    """,
    "CREATE INDEX idx_rejections_job_date_model ON rejections (job_id, date, model)",
    """
    CREATE TABLE reasoning_logs (
        id INTEGER NOT NULL PRIMARY KEY,
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        date TEXT NOT NULL,
        model TEXT NOT NULL,
        step_number INTEGER NOT NULL,
        timestamp TEXT NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'tool')),
        content TEXT,
        tool_name TEXT
    )
    """,
    "CREATE INDEX idx_reasoning_logs_job_date_model ON reasoning_logs (job_id, date, model)",
    """
    CREATE TABLE tool_usage (
        id INTEGER NOT NULL PRIMARY KEY,
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        date TEXT NOT NULL,
        model TEXT NOT NULL,
        tool_name TEXT NOT NULL,
        call_count INTEGER NOT NULL DEFAULT 1,
        total_duration_seconds REAL
    )
    """,
    "CREATE INDEX idx_tool_usage_job_date_model ON tool_usage (job_id, date, model)",
    """
    CREATE TABLE portfolios (
        id INTEGER NOT NULL PRIMARY KEY,
        experiment TEXT NOT NULL,
        model TEXT NOT NULL,
        definition TEXT NOT NULL,
        initial_cash REAL NOT NULL CHECK (initial_cash > 0),
        last_day TEXT,
        last_value REAL,
        trading_days INTEGER NOT NULL DEFAULT 0,
        claimed_by TEXT REFERENCES jobs (job_id) ON DELETE SET NULL,
        created_at TEXT NOT NULL,
        UNIQUE (experiment, model)
    )
    """,
    "CREATE INDEX idx_portfolios_experiment_value ON portfolios (experiment, last_value DESC, model)",
    "CREATE INDEX idx_portfolios_claimed_by ON portfolios (claimed_by)",
    """
    CREATE TABLE trading_days (
        portfolio_id INTEGER NOT NULL REFERENCES portfolios (id) ON DELETE CASCADE,
        date TEXT NOT NULL,
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        position_id INTEGER NOT NULL REFERENCES positions (id) ON DELETE CASCADE,
        day_number INTEGER NOT NULL,
        cash REAL NOT NULL CHECK (cash >= 0),
        portfolio_value REAL NOT NULL,
        daily_profit REAL NOT NULL,
        daily_return_pct REAL NOT NULL,
        cumulative_profit REAL NOT NULL,
        cumulative_return_pct REAL NOT NULL,
        PRIMARY KEY (portfolio_id, date)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX idx_trading_days_date ON trading_days (date)",
    "CREATE INDEX idx_trading_days_job_date ON trading_days (job_id, date)",
    "CREATE INDEX idx_trading_days_position_id ON trading_days (position_id)",
    """
    CREATE TABLE job_events (
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        sequence INTEGER NOT NULL,
        created_at TEXT NOT NULL,
        event_type TEXT NOT NULL,
        status TEXT NOT NULL,
        date TEXT,
        model TEXT,
        attempt INTEGER,
        duration_seconds REAL,
        error TEXT,
        portfolio_value REAL,
        fills INTEGER,
        total_model_days INTEGER NOT NULL,
        completed INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        PRIMARY KEY (job_id, sequence)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE price_imports (
        id INTEGER NOT NULL PRIMARY KEY,
        imported_at TEXT NOT NULL,
        source TEXT NOT NULL,
        added INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        refused INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE price_bars (
        symbol TEXT NOT NULL,
        date TEXT NOT NULL,
        open REAL NOT NULL CHECK (open > 0),
        high REAL,
        low REAL,
        close REAL,
        volume INTEGER,
        import_id INTEGER NOT NULL REFERENCES price_imports (id),
        PRIMARY KEY (symbol, date)
    ) WITHOUT ROWID
    """,
)


#: tables of earlier versions, parents first
OLD_TABLES = ("jobs", "job_details", "positions", "holdings", "reasoning_logs", "tool_usage")


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Run the statements in order, with old rows put aside before and taken over after."""
    old = [table for table in OLD_TABLES if db.table_exists(table)]
    for table in old:
        _put_aside(db, table)
    for statement in STATEMENTS:
        db.execute_sql(statement)
    for table in old:
        _take_over(db, table)
    for table in reversed(old):
        db.execute_sql(f"DROP TABLE old_{table}")
    db.execute_sql(
        "UPDATE jobs SET status = 'failed', error = 'left unfinished by an earlier version'"
        " WHERE status IN ('pending', 'running')"
    )


def _put_aside(db: Database, table: str) -> None:
    for index in db.get_indexes(table):
        if index.sql:
            db.execute_sql(f'DROP INDEX "{index.name}"')
    db.execute_sql(f"ALTER TABLE {table} RENAME TO old_{table}")


def _take_over(db: Database, table: str) -> None:
    ours = {column.name for column in db.get_columns(table)}
    columns = ", ".join(column.name for column in db.get_columns(f"old_{table}") if column.name in ours)
    db.execute_sql(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM old_{table}")

"""A database file of an earlier version is taken over with all its rows."""

import sqlite3
from pathlib import Path

import pytest

from storage.database import open_database

EARLIER = """
    CREATE TABLE jobs (job_id TEXT PRIMARY KEY, config_path TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'partial', 'failed')),
        date_range TEXT NOT NULL, models TEXT NOT NULL, created_at TEXT NOT NULL, started_at TEXT, completed_at TEXT,
        total_duration_seconds REAL, error TEXT);
    CREATE INDEX idx_jobs_status ON jobs (status);
    CREATE INDEX idx_jobs_created_at ON jobs (created_at DESC);
    CREATE TABLE job_details (id INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL, date TEXT NOT NULL,
        model TEXT NOT NULL, status TEXT NOT NULL, started_at TEXT, completed_at TEXT, duration_seconds REAL,
        error TEXT, UNIQUE (job_id, date, model), FOREIGN KEY (job_id) REFERENCES jobs (job_id) ON DELETE CASCADE);
    CREATE TABLE positions (id INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL, date TEXT NOT NULL,
        model TEXT NOT NULL, action_id INTEGER NOT NULL, action_type TEXT, symbol TEXT, amount INTEGER, price REAL,
        cash REAL NOT NULL, portfolio_value REAL NOT NULL, daily_profit REAL, daily_return_pct REAL,
        cumulative_profit REAL, cumulative_return_pct REAL, created_at TEXT NOT NULL,
        UNIQUE (job_id, date, model, action_id),
        FOREIGN KEY (job_id) REFERENCES jobs (job_id) ON DELETE CASCADE);
    CREATE TABLE holdings (id INTEGER PRIMARY KEY AUTOINCREMENT, position_id INTEGER NOT NULL, symbol TEXT NOT NULL,
        quantity INTEGER NOT NULL, FOREIGN KEY (position_id) REFERENCES positions (id) ON DELETE CASCADE);
    INSERT INTO jobs VALUES ('a', 'configs/x.json', 'completed', '["2025-01-16"]', '["gpt-5"]',
        '2025-01-20T14:30:00Z', NULL, NULL, 12.5, NULL);
    INSERT INTO jobs VALUES ('b', 'configs/x.json', 'running', '["2025-01-17"]', '["gpt-5"]',
        '2025-01-20T15:30:00Z', NULL, NULL, NULL, NULL);
    INSERT INTO job_details VALUES (7, 'a', '2025-01-16', 'gpt-5', 'completed', NULL, NULL, 12.5, NULL);
    INSERT INTO positions VALUES (3, 'a', '2025-01-16', 'gpt-5', 0, 'no_trade', NULL, NULL, NULL, 10000.0, 10000.0,
        0, 0, 0, 0, '2025-01-20T14:30:00Z');
    INSERT INTO positions VALUES (4, 'a', '2025-01-16', 'gpt-5', 1, 'buy', 'AAPL', 10, 255.88, 7441.2, 10000.0,
        0, 0, 0, 0, '2025-01-20T14:30:00Z');
    INSERT INTO holdings VALUES (9, 4, 'AAPL', 10);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "jobs.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(EARLIER)
    connection.close()
    return path


def test_rows_are_kept_with_their_ids(path: Path) -> None:
    db = open_database(path)

    assert db.execute_sql("SELECT id, job_id, status FROM job_details").fetchall() == [(7, "a", "completed")]
    assert db.execute_sql("SELECT id, action_id, symbol, cash FROM positions ORDER BY id").fetchall() == [
        (3, 0, None, 10000.0),
        (4, 1, "AAPL", 7441.2),
    ]
    assert db.execute_sql("SELECT id, position_id, symbol, quantity FROM holdings").fetchall() == [(9, 4, "AAPL", 10)]
    assert db.execute_sql("PRAGMA foreign_key_check").fetchall() == []
    db.close()


def test_job_that_was_left_unfinished_is_failed_and_blocks_nothing(path: Path) -> None:
    db = open_database(path)

    assert db.execute_sql("SELECT job_id, status, error FROM jobs ORDER BY job_id").fetchall() == [
        ("a", "completed", None),
        ("b", "failed", "left unfinished by an earlier version"),
    ]
    db.close()


def test_cascades_reach_from_a_job_to_its_holdings(path: Path) -> None:
    db = open_database(path)

    db.execute_sql("DELETE FROM jobs WHERE job_id = 'a'")

    assert db.execute_sql("SELECT COUNT(*) FROM holdings").fetchone() == (0,)
    assert db.execute_sql("SELECT name FROM sqlite_master WHERE name LIKE 'old_%'").fetchall() == []
    db.close()

"""A database of the first release is brought up to date with its rows."""

import shutil
from pathlib import Path

import pytest

from storage import database
from storage.database import MIGRATIONS, migrate_file, open_database

ROWS = """
    INSERT INTO jobs (job_id, config_path, status, date_range, models, created_at)
        VALUES ('j', 'c.json', 'completed', '["d"]', '["m"]', 't');
    INSERT INTO reasoning_logs (id, job_id, date, model, step_number, timestamp, role, content, tool_name)
        VALUES (7, 'j', 'd', 'm', 1, 't', 'tool', 'text', 'search');
    INSERT INTO tool_usage (id, job_id, date, model, tool_name, call_count, total_duration_seconds)
        VALUES (8, 'j', 'd', 'm', 'search', 3, 1.5);
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a database that only the first migration was applied to."""
    first = tmp_path / "migrations"
    first.mkdir()
    shutil.copy(MIGRATIONS / "0001_initial.py", first)
    path = tmp_path / "jobs.db"
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", first)
        db = open_database(path)
        db.connection().executescript(ROWS)
        db.close()
    return path


def test_rows_are_kept_and_belong_to_attempt_one(path: Path) -> None:
    db, applied = migrate_file(path)

    logs = "SELECT id, step_number, role, content, tool_name, attempt, tool_call_id, arguments, duration_seconds"
    assert applied[0] == "0002_sessions"
    assert db.execute_sql(f"{logs} FROM reasoning_logs").fetchall() == [
        (7, 1, "tool", "text", "search", 1, None, None, None)
    ]
    assert db.execute_sql(
        "SELECT id, tool_name, call_count, total_duration_seconds, attempt FROM tool_usage"
    ).fetchall() == [(8, "search", 3, 1.5, 1)]
    assert db.execute_sql("SELECT COUNT(*) FROM sessions").fetchone() == (0,)
    assert db.execute_sql("PRAGMA foreign_key_check").fetchall() == []
    db.close()


def test_scripts_insert_as_before(path: Path) -> None:
    db = open_database(path)

    db.execute_sql(
        "INSERT INTO reasoning_logs (job_id, date, model, step_number, timestamp, role)"
        " VALUES ('j', 'd', 'm', 2, '', 'user')"
    )
    db.execute_sql("INSERT INTO tool_usage (job_id, date, model, tool_name) VALUES ('j', 'd', 'm', 't')")

    assert db.execute_sql("SELECT DISTINCT attempt FROM reasoning_logs").fetchall() == [(1,)]
    db.close()

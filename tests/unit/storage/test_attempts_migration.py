"""Attempts of before are taken over as far as they are known."""

import shutil
from pathlib import Path

import pytest

from storage import database
from storage.database import MIGRATIONS, open_database

ROWS = """
    INSERT INTO jobs (job_id, config_path, status, date_range, models, created_at)
        VALUES ('j', 'c.json', 'running', '["d1"]', '["m"]', 't');
    INSERT INTO job_details (job_id, date, model, status, attempt, started_at, completed_at, error) VALUES
        ('j', 'd1', 'm', 'completed', 2, 's', 'e', NULL),
        ('j', 'd2', 'm', 'failed', 1, 's', 'e', 'timeout: the session: too long'),
        ('j', 'd3', 'm', 'pending', 1, 's', NULL, 'worker_died: status -9'),
        ('j', 'd4', 'm', 'running', 1, 's', NULL, NULL),
        ('j', 'd5', 'm', 'failed', 1, 's', 'e', 'no such word: x'),
        ('j', 'd6', 'm', 'pending', 0, NULL, NULL, NULL);
"""


def test_last_attempt_of_each_model_day_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = tmp_path / "migrations"
    earlier.mkdir()
    for path in MIGRATIONS.glob("000[123]_*.py"):
        shutil.copy(path, earlier)
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", earlier)
        db = open_database(tmp_path / "jobs.db")
        db.connection().executescript(ROWS)
        db.close()

    db = open_database(tmp_path / "jobs.db")

    columns = "date, number, started_at, ended_at, outcome, error_kind, message"
    assert list(db.execute_sql(f"SELECT {columns} FROM attempts ORDER BY date")) == [
        ("d1", 2, "s", "e", "succeeded", None, None),
        ("d2", 1, "s", "e", "failed", "timeout", "the session: too long"),
        ("d3", 1, "s", None, "failed", "worker_died", "status -9"),
        ("d5", 1, "s", "e", "failed", None, "no such word: x"),
    ]
    kinds = dict(db.execute_sql("SELECT date, error_kind FROM job_details"))
    assert kinds == {"d1": None, "d2": "timeout", "d3": "worker_died", "d4": None, "d5": None, "d6": None}
    db.close()

"""The cleanup beside others: it leaves them time, tells when the database is locked, and goes on afterwards."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from peewee import SqliteDatabase

from server.upkeep.cleanup import PAUSE, cleanup
from storage.database import PRAGMAS, open_database
from storage.errors import StorageBusyError
from tests.unit.storage.stored_history import accept, dates, run
from tests.unit.storage.stored_job import NOW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(open_database(tmp_path / "jobs.db")) as db:
        accept(db, "one", dates(0, 60), NOW)
        run(db, "one", NOW)
    return tmp_path / "jobs.db"


def test_every_transaction_is_followed_by_a_pause(path: Path) -> None:
    pauses: list[float] = []

    with closing(open_database(path)) as db:
        report = cleanup(db, NOW.replace(year=2026), now=NOW, sleep=pauses.append)

    assert report.rows["job_details"] == 60
    assert len(pauses) == 3  # 50 model-days, 10 model-days, the job
    assert min(pauses) >= PAUSE


def test_cleanup_of_a_locked_database_says_so_and_goes_on_later(path: Path) -> None:
    patient_for = 0.01
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        closing(SqliteDatabase(str(path), pragmas=PRAGMAS, timeout=patient_for)) as db,
    ):
        pauses: list[float] = []

        def lock_then(pause: float) -> None:
            if not pauses:
                other.execute("BEGIN IMMEDIATE")
            pauses.append(pause)

        with pytest.raises(StorageBusyError):
            cleanup(db, NOW.replace(year=2026), now=NOW, sleep=lock_then)
        other.execute("ROLLBACK")

        report = cleanup(db, NOW.replace(year=2026), now=NOW)

    assert report.rows["job_details"] == 10
    assert report.rows["jobs"] == 1

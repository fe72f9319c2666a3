from datetime import date
from pathlib import Path

from peewee import SqliteDatabase

from storage import attempts
from storage.database import MIGRATIONS
from storage.status import DAYS, TOP, storage_status
from tests.unit.storage.stored_job import DATES, NOW, accepted, attempt, day_record, started

TODAY = date(2025, 11, 2)


def test_empty_database_has_a_size_and_tables_without_rows(db: SqliteDatabase) -> None:
    found = storage_status(db, TODAY)

    assert (found.bytes, found.wal_bytes) == tuple(Path(f"{db.database}{end}").stat().st_size for end in ("", "-wal"))
    assert found.free_disk_bytes > 0
    assert set(found.rows.values()) == {0}
    assert {"jobs", "positions", "job_events"} <= set(found.rows)
    assert not {name for name in found.rows if name.startswith(("sqlite_", "schema_"))}
    assert (found.jobs, found.models, found.first_date, found.last_date) == ({}, (), "", "")
    assert found.schema_version == max(path.stem for path in MIGRATIONS.glob("[0-9]*.py"))


def test_jobs_are_counted_by_state_and_by_the_last_days(db: SqliteDatabase) -> None:
    started(db, "first", ("m",))
    accepted(db, "second", ("n",))
    accepted(db, "third", ("o",))
    db.execute_sql("UPDATE jobs SET created_at = '2025-10-03T23:59:59.999999Z' WHERE job_id = 'second'")
    db.execute_sql("UPDATE jobs SET created_at = '2025-10-04T00:00:00.000000Z' WHERE job_id = 'third'")

    found = storage_status(db, TODAY)

    assert found.jobs == {"pending": 2, "running": 1}
    days = list(found.job_days)
    assert (days[0], days[-1], len(days)) == ("2025-10-04", TODAY.isoformat(), DAYS)
    assert {day: jobs for day, jobs in found.job_days.items() if jobs} == {"2025-10-04": 1, NOW.date().isoformat(): 1}


def test_models_are_counted_over_their_portfolios_the_largest_first(db: SqliteDatabase) -> None:
    started(db, "first", ("a", "b"))
    started(db, "second", ("b",), experiment="other")
    for job_id, model in (("first", "a"), ("first", "b"), ("second", "b")):
        begun = attempt(job_id=job_id, model=model, experiment="other" if job_id == "second" else "default")
        attempts.start_attempt(db, begun, NOW)
        attempts.commit_attempt(db, begun, day_record(), 0.1, NOW)

    found = storage_status(db, TODAY)

    assert [(row.model, row.trading_days, row.portfolios) for row in found.models] == [("b", 2, 2), ("a", 1, 1)]
    assert (found.first_date, found.last_date) == (DATES[0], DATES[0])


def test_no_more_models_are_named_than_the_largest(db: SqliteDatabase) -> None:
    accepted(db, models=tuple(f"model-{number:02}" for number in range(TOP + 1)))

    assert [row.model for row in storage_status(db, TODAY).models] == [f"model-{number:02}" for number in range(TOP)]

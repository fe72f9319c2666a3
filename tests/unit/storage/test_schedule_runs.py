"""Rows of schedules: how many are kept, and which of them is the last."""

from datetime import UTC, datetime, timedelta

from peewee import SqliteDatabase

from storage.schedule_runs import (
    KEPT_RUNS,
    RunEnd,
    RunOutcome,
    begin_run,
    end_run,
    last_runs,
    record_not_run,
    run_with_active_job,
)

FIRST = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)


def due(minute: int) -> datetime:
    return FIRST + timedelta(minutes=minute)


def skip(db: SqliteDatabase, name: str, minute: int) -> None:
    record_not_run(db, name, due(minute), RunOutcome.SKIPPED, "it goes on", due(minute))


def test_rows_of_a_schedule_are_bounded_and_what_goes_on_is_kept(db: SqliteDatabase) -> None:
    db.execute_sql(
        "INSERT INTO jobs (job_id, config_path, status, date_range, models, created_at)"
        " VALUES ('j', '', 'running', '[]', '[]', '')"
    )
    with db.atomic():
        skip(db, "b", 0)
        begin_run(db, "a", due(0), due(0))
        begin_run(db, "a", due(1), due(1))
        end_run(db, "a", due(1), RunEnd(outcome=RunOutcome.SUCCEEDED, job_id="j"), due(1))
        for minute in range(2, KEPT_RUNS + 20):
            skip(db, "a", minute)

    kept = db.execute_sql("SELECT due_at FROM schedule_runs WHERE schedule = 'a' ORDER BY due_at").fetchall()
    assert [text[11:16] for (text,) in kept[:3]] == ["09:00", "09:01", "09:20"]
    assert len(kept) == KEPT_RUNS + 2
    assert {name: run.due for name, run in last_runs(db).items()} == {"a": due(KEPT_RUNS + 19), "b": due(0)}


def test_run_goes_on_for_as_long_as_its_job(db: SqliteDatabase) -> None:
    db.execute_sql(
        "INSERT INTO jobs (job_id, config_path, status, date_range, models, created_at)"
        " VALUES ('j', '', 'pending', '[]', '[]', '')"
    )
    begin_run(db, "a", due(0), due(0))
    end_run(db, "a", due(0), RunEnd(outcome=RunOutcome.SUCCEEDED, job_id="j"), due(0))
    skip(db, "a", 1)

    before = run_with_active_job(db, "a")
    db.execute_sql("UPDATE jobs SET status = 'failed'")

    assert before is not None
    assert (before.due, before.job_id, before.job_status) == (due(0), "j", "pending")
    assert run_with_active_job(db, "a") is None


def test_run_of_a_job_that_is_gone_is_still_told(db: SqliteDatabase) -> None:
    begin_run(db, "a", due(0), due(0))
    end_run(db, "a", due(0), RunEnd(outcome=RunOutcome.SUCCEEDED, job_id="gone"), due(0))

    last = last_runs(db)["a"]

    assert (last.job_id, last.job_status) == ("gone", None)

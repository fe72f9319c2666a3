import pytest
from peewee import SqliteDatabase

from storage import attempts, events, jobs, model_days
from storage.errors import ModelDayStateError
from storage.events import EventType
from storage.jobs import JobStatus
from tests.unit.storage.stored_job import DATES, NOW, attempt, day_record, started


def test_skipped_model_day_is_stored_with_its_reason_and_event(db: SqliteDatabase) -> None:
    started(db)

    event = model_days.skip(db, "job-1", DATES[0], "m", "the budget is spent", NOW)

    assert (event.event_type, event.date, event.model, event.error) == (
        EventType.MODEL_DAY_SKIPPED,
        DATES[0],
        "m",
        "the budget is spent",
    )
    assert events.events_after(db, "job-1", event.sequence - 1, 10) == [event]
    day, other = model_days.model_days(db, "job-1", limit=10)
    assert (day.status, day.error, day.attempt, day.started_at) == ("skipped", "the budget is spent", 0, None)
    assert other.status == "pending"


def test_skipped_model_days_count_neither_as_completed_nor_as_failed(db: SqliteDatabase) -> None:
    started(db)
    for date in DATES:
        model_days.skip(db, "job-1", date, "m", "the budget is spent", NOW)

    ended = jobs.end_job(db, "job-1", NOW)

    assert (ended.status, ended.completed, ended.failed) == (JobStatus.COMPLETED, 0, 0)


def test_only_a_pending_model_day_can_be_skipped(db: SqliteDatabase) -> None:
    started(db)
    attempts.start_attempt(db, attempt(), NOW)

    with pytest.raises(ModelDayStateError, match="is not pending"):
        model_days.skip(db, "job-1", DATES[0], "m", "late", NOW)
    attempts.commit_attempt(db, attempt(), day_record(), 1.0, NOW)
    with pytest.raises(ModelDayStateError, match="is not pending"):
        model_days.skip(db, "job-1", DATES[0], "m", "late", NOW)
    with pytest.raises(ModelDayStateError, match="is not pending"):
        model_days.skip(db, "job-1", "2020-01-01", "m", "unknown", NOW)

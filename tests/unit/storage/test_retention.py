"""Compaction of events."""

from datetime import timedelta

from peewee import SqliteDatabase

from storage.events import EventType, append, events_after
from storage.jobs import end_job
from storage.retention import compact_events, oldest_sequence
from tests.unit.storage.stored_job import NOW, started

LATER = NOW + timedelta(days=1)


def ended(db: SqliteDatabase, job_id: str = "job-1") -> int:
    """Store a job that ended, and return the sequence of its last event."""
    started(db, job_id, (f"m-{job_id}",))
    with db.atomic():
        for _ in range(7):
            append(db, job_id, EventType.MODEL_DAY_STARTED, NOW, date="2025-10-01", model="m", attempt=1)
        return end_job(db, job_id, NOW).sequence


def sequences(db: SqliteDatabase, job_id: str = "job-1") -> list[int]:
    return [row.sequence for row in events_after(db, job_id, 0, 1000)]


def test_everything_but_the_last_event_goes_in_portions(db: SqliteDatabase) -> None:
    last = ended(db)

    portions = [compact_events(db, LATER, 4) for _ in range(4)]

    assert portions == [4, 4, 1, 0]
    assert sequences(db) == [last]
    assert oldest_sequence(db, "job-1") == last


def test_what_remains_in_between_has_no_gap(db: SqliteDatabase) -> None:
    last = ended(db)

    compact_events(db, LATER, 4)

    assert sequences(db) == list(range(5, last + 1))
    assert oldest_sequence(db, "job-1") == 5


def test_jobs_that_ended_later_or_run_keep_theirs(db: SqliteDatabase) -> None:
    ended(db)
    started(db, "job-2", ("other",))
    before = sequences(db), sequences(db, "job-2")

    assert compact_events(db, NOW, 1000) == 0
    assert compact_events(db, LATER, 1000) > 0
    assert compact_events(db, LATER, 1000) == 0
    assert sequences(db, "job-2") == before[1]


def test_job_without_events_has_no_oldest(db: SqliteDatabase) -> None:
    assert oldest_sequence(db, "nobody") is None

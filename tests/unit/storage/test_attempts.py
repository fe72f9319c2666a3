"""Attempts: a row for each that has ended, whatever ended it."""

from collections.abc import Callable

import pytest
from peewee import SqliteDatabase

from storage import attempts, events, jobs, model_days, portfolios
from storage.attempts import AttemptRow
from storage.cancelling import find_cancel, request_cancel
from storage.errors import JobCancelledError, JobNotFoundError, JobStateError, StaleAttemptError
from storage.events import EventType
from tests.unit.storage.stored_job import DATES, DIED, NOW, attempt, count, day_record, started

MOMENT = "2025-11-01T12:00:00.000000Z"


def stored(db: SqliteDatabase) -> list[tuple[object, ...]]:
    sql = "SELECT date, model, number, outcome, error_kind, message FROM attempts ORDER BY date, model, number"
    return list(db.execute_sql(sql))


def test_every_end_of_an_attempt_leaves_a_row(db: SqliteDatabase) -> None:
    started(db)
    attempts.start_attempt(db, attempt(1), NOW)
    attempts.retry_attempt(db, attempt(1), DIED, 0.1, NOW)
    attempts.start_attempt(db, attempt(2), NOW)
    attempts.reset_running(db, "job-1", NOW)
    attempts.start_attempt(db, attempt(3), NOW)
    attempts.commit_attempt(db, attempt(3), day_record(), 0.1, NOW)
    attempts.start_attempt(db, attempt(1, date=DATES[1]), NOW)
    attempts.fail_attempt(db, attempt(1, date=DATES[1]), DIED, 0.1, NOW)

    assert stored(db) == [
        (DATES[0], "m", 1, "failed", "worker_died", "status -9"),
        (DATES[0], "m", 2, "lost", None, None),
        (DATES[0], "m", 3, "succeeded", None, None),
        (DATES[1], "m", 1, "failed", "worker_died", "status -9"),
    ]


def test_attempts_are_read_where_there_was_more_than_one(db: SqliteDatabase) -> None:
    started(db)
    for number in (1, 2, 3):
        attempts.start_attempt(db, attempt(number), NOW)
        attempts.retry_attempt(db, attempt(number), DIED, 0.1, NOW)
    attempts.start_attempt(db, attempt(1, date=DATES[1]), NOW)
    attempts.fail_attempt(db, attempt(1, date=DATES[1]), DIED, 0.1, NOW)

    row = AttemptRow(DATES[0], "m", 2, MOMENT, MOMENT, "failed", "worker_died", "status -9")
    assert attempts.repeated(db, "job-1", DATES, 2) == [row, row._replace(number=3)]
    assert attempts.repeated(db, "job-1", DATES[1:], 2) == []


def test_kind_of_the_error_stands_beside_it_until_the_next_attempt(db: SqliteDatabase) -> None:
    started(db)
    attempts.start_attempt(db, attempt(1), NOW)
    attempts.retry_attempt(db, attempt(1), DIED, 0.1, NOW)
    waiting = model_days.model_days(db, "job-1", limit=1)[0]
    attempts.start_attempt(db, attempt(2), NOW)
    running = model_days.model_days(db, "job-1", limit=1)[0]

    assert (waiting.error, waiting.error_kind) == ("worker_died: status -9", "worker_died")
    assert (running.error, running.error_kind) == (None, None)


def test_cancel_is_stored_with_its_event_and_accepted_once(db: SqliteDatabase) -> None:
    started(db)

    event = request_cancel(db, "job-1", "too dear", NOW)
    again = request_cancel(db, "job-1", "another reason", NOW)

    assert event is not None
    assert (event.event_type, event.status, event.error) == (EventType.JOB_CANCELLING, "running", "too dear")
    assert again is None
    cancel = find_cancel(db, "job-1")
    assert cancel is not None
    assert (cancel.status, cancel.requested_at, cancel.reason) == ("running", MOMENT, "too dear")


def test_no_attempt_starts_or_is_committed_after_a_cancel(db: SqliteDatabase) -> None:
    started(db)
    attempts.start_attempt(db, attempt(), NOW)
    request_cancel(db, "job-1", "", NOW)

    with pytest.raises(JobCancelledError), db.atomic():
        attempts.commit_attempt(db, attempt(), day_record(), 0.1, NOW)
    with pytest.raises(JobCancelledError):
        attempts.start_attempt(db, attempt(date=DATES[1]), NOW)

    assert (count(db)("positions"), count(db)("attempts")) == (0, 0)


def test_cancelled_attempt_ends_its_model_day_with_an_event(db: SqliteDatabase) -> None:
    started(db)
    attempts.start_attempt(db, attempt(), NOW)
    request_cancel(db, "job-1", "", NOW)

    event = attempts.cancel_attempt(db, attempt(), 0.5, NOW)

    assert (event.event_type, event.date, event.duration_seconds) == (EventType.MODEL_DAY_CANCELLED, DATES[0], 0.5)
    assert stored(db) == [(DATES[0], "m", 1, "cancelled", None, None)]
    with pytest.raises(StaleAttemptError):
        attempts.cancel_attempt(db, attempt(), 0.5, NOW)


def test_end_of_a_cancelled_job_cancels_the_rest_and_frees_its_portfolios(db: SqliteDatabase) -> None:
    started(db)
    attempts.start_attempt(db, attempt(), NOW)
    attempts.commit_attempt(db, attempt(), day_record(), 0.1, NOW)
    attempts.start_attempt(db, attempt(date=DATES[1]), NOW)
    request_cancel(db, "job-1", "", NOW)

    event = jobs.end_job(db, "job-1", NOW)

    assert (event.event_type, event.status) == (EventType.JOB_ENDED, "cancelled")
    assert jobs.status_counts(db, ["job-1"])["job-1"] == {"completed": 1, "cancelled": 1}
    assert stored(db)[1] == (DATES[1], "m", 1, "cancelled", None, None)
    assert portfolios.find_portfolio(db, "default", "m").claimed_by is None  # type: ignore[union-attr]
    assert request_cancel(db, "job-1", "", NOW) is None


def test_job_that_has_ended_otherwise_cannot_be_cancelled(db: SqliteDatabase) -> None:
    started(db)
    jobs.end_job(db, "job-1", NOW, "x")
    before = events.events_after(db, "job-1", 0, 99)

    with pytest.raises(JobStateError, match="is failed and cannot be cancelled"):
        request_cancel(db, "job-1", "", NOW)
    with pytest.raises(JobNotFoundError):
        request_cancel(db, "job-2", "", NOW)

    assert events.events_after(db, "job-1", 0, 99) == before


@pytest.mark.parametrize("step", [jobs.start_job, jobs.end_job])
def test_job_that_has_ended_neither_starts_nor_ends_again(db: SqliteDatabase, step: Callable[..., object]) -> None:
    started(db)
    jobs.end_job(db, "job-1", NOW, "x")

    with pytest.raises(JobStateError):
        step(db, "job-1", NOW)


def test_cancelled_job_does_not_start(db: SqliteDatabase) -> None:
    started(db)
    request_cancel(db, "job-1", "", NOW)

    with pytest.raises(JobCancelledError):
        jobs.start_job(db, "job-1", NOW)


def test_job_without_a_completed_day_has_failed_even_when_others_were_skipped(db: SqliteDatabase) -> None:
    started(db)
    attempts.start_attempt(db, attempt(), NOW)
    attempts.fail_attempt(db, attempt(), DIED, 0.1, NOW)
    model_days.skip(db, "job-1", DATES[1], "m", "frozen", NOW)

    assert jobs.end_job(db, "job-1", NOW).status == "failed"

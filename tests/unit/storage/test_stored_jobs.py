from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from peewee import SqliteDatabase

from storage import attempts, events, jobs, model_days, portfolios
from storage.acceptance import AcceptedJob, ExistingJob, accept_job
from storage.errors import JobConflictError, JobNotFoundError, RequestIdReusedError, StaleAttemptError
from storage.events import EventType
from storage.jobs import JobStatus
from storage.writer import Writer
from tests.unit.storage.stored_job import DATES, DIED, NOW, accepted, attempt, count, day_record, plan, request, started


def test_accepted_job_is_stored_with_its_model_days_claims_and_first_event(db: SqliteDatabase) -> None:
    job = accepted(db, models=("b", "a"))

    assert (job.status, job.date_range, job.models, job.warnings) == ("pending", DATES, ("b", "a"), ("careful",))
    assert job.total_model_days == 4
    assert [(day.date, day.model) for day in model_days.unfinished(db, "job-1")] == [
        (date, model) for date in DATES for model in ("b", "a")
    ]
    assert {row.claimed_by for row in portfolios.find_portfolios(db, "default", ["a", "b"]).values()} == {"job-1"}
    (event,) = events.events_after(db, "job-1", 0, 10)
    assert (event.sequence, event.event_type, event.total_model_days) == (1, EventType.JOB_ACCEPTED, 4)


def test_equal_request_returns_the_job_that_is_active(db: SqliteDatabase) -> None:
    job = accepted(db)

    again = accept_job(db, request("job-2", config_digest="job-1"), plan(), NOW)

    assert again == ExistingJob(job=job)


def test_equal_request_for_other_work_is_a_conflict(db: SqliteDatabase) -> None:
    accepted(db)

    with pytest.raises(JobConflictError) as caught:
        accept_job(db, request("job-2", request_digest="job-1"), plan(), NOW)

    assert (caught.value.job_id, caught.value.dates) == ("job-1", DATES)


def test_request_id_is_known_before_anything_else(db: SqliteDatabase) -> None:
    job = accepted(db, request_id="mine")

    known = accept_job(db, request("job-2", request_id="mine", request_digest="job-1"), plan(), NOW)

    assert known == ExistingJob(job=job)
    with pytest.raises(RequestIdReusedError):
        accept_job(db, request("job-3", request_id="mine"), plan(), NOW)


def test_job_on_other_portfolios_is_refused_at_the_limit_and_accepted_below(db: SqliteDatabase) -> None:
    accepted(db)

    with pytest.raises(JobConflictError, match="limit of 1"):
        accept_job(db, request("job-2", models=("n",)), plan(("n",)), NOW)
    assert isinstance(accept_job(db, request("job-2", models=("n",), limit=2), plan(("n",)), NOW), AcceptedJob)


def test_same_model_in_another_experiment_is_no_conflict(db: SqliteDatabase) -> None:
    accepted(db)

    assert isinstance(accept_job(db, request("job-2", limit=2, experiment="other"), plan(), NOW), AcceptedJob)


def test_nothing_to_do_stores_nothing(db: SqliteDatabase) -> None:
    assert accept_job(db, request(), lambda _: None, NOW) is None
    assert (count(db)("jobs"), count(db)("portfolios")) == (0, 0)


def test_planner_sees_the_portfolios_of_its_experiment_alone(db: SqliteDatabase) -> None:
    accepted(db)
    seen: list[set[str]] = []

    accept_job(db, request("job-2", experiment="other", limit=9), lambda states: seen.append(set(states)), NOW)

    assert seen == [set()]


@pytest.mark.parametrize("same", [True, False])
def test_concurrent_requests_make_one_job(db: SqliteDatabase, same: bool) -> None:  # noqa: FBT001
    writer = Writer(db)
    writer.start()

    def trigger(n: int) -> str:
        asked = request(f"job-{n}", limit=99, **({"config_digest": "same"} if same else {}))
        try:
            outcome = writer.submit(lambda db: accept_job(db, asked, plan(), NOW)).result(30)
        except JobConflictError:
            return "conflict"
        return type(outcome).__name__

    with ThreadPoolExecutor(32) as callers:
        outcomes = list(callers.map(trigger, range(64)))
    writer.stop()

    assert outcomes.count("AcceptedJob") == 1
    assert outcomes.count("ExistingJob" if same else "conflict") == 63
    assert (count(db)("jobs"), count(db)("job_details"), count(db)("job_events")) == (1, 2, 1)


def test_concurrent_requests_on_connections_of_their_own_make_one_job(db: SqliteDatabase) -> None:
    def trigger(n: int) -> str:
        try:
            with db.connection_context(), db.atomic("IMMEDIATE"):
                return type(accept_job(db, request(f"job-{n}", limit=99), plan(), NOW)).__name__
        except JobConflictError:
            return "conflict"

    with ThreadPoolExecutor(8) as callers:
        outcomes = list(callers.map(trigger, range(16)))

    assert sorted(set(outcomes)) == ["AcceptedJob", "conflict"]
    assert outcomes.count("AcceptedJob") == 1


def test_unknown_job_is_not_found(db: SqliteDatabase) -> None:
    with pytest.raises(JobNotFoundError, match="job_id 'x' was not found"):
        jobs.find_job(db, "x")


def test_job_that_starts_again_is_resumed(db: SqliteDatabase) -> None:
    started(db)

    event = jobs.start_job(db, "job-1", NOW + timedelta(seconds=5))

    assert event.event_type is EventType.JOB_RESUMED
    assert jobs.find_job(db, "job-1").started_at == "2025-11-01T12:00:00.000000Z"


def test_job_keeps_the_digests_of_the_prices_it_ran_on_in_order(db: SqliteDatabase) -> None:
    started(db)

    for digest in ("a", "a", "b", "a"):
        jobs.start_job(db, "job-1", NOW, digest)

    assert jobs.find_job(db, "job-1").price_digests == ("a", "b", "a")


def test_committed_day_is_stored_whole_and_reads_back_the_same(db: SqliteDatabase) -> None:
    started(db)
    attempts.start_attempt(db, attempt(), NOW)

    (event,) = attempts.commit_attempt(db, attempt(), day_record(), 0.25, NOW)

    state = portfolios.portfolio_state(db, "default", "m")
    assert (state.cash, state.holdings, state.value) == (Decimal("9899.5"), {"UP": 10}, Decimal("10000.25"))
    assert (event.event_type, event.portfolio_value, event.fills) == (EventType.MODEL_DAY_COMPLETED, 10000.25, 1)
    (day, _) = model_days.model_days(db, "job-1", limit=9)
    assert (day.status, day.attempt, day.duration_seconds) == ("completed", 1, 0.25)
    tables = {name: count(db)(name) for name in ("positions", "holdings", "rejections", "trading_days")}
    assert tables == {"positions": 2, "holdings": 1, "rejections": 1, "trading_days": 1}


def test_attempt_that_is_not_the_current_one_is_not_committed(db: SqliteDatabase) -> None:
    started(db)
    attempts.start_attempt(db, attempt(1), NOW)
    attempts.retry_attempt(db, attempt(1), DIED, 0.1, NOW)
    attempts.start_attempt(db, attempt(2), NOW)

    with pytest.raises(StaleAttemptError), db.atomic():
        attempts.commit_attempt(db, attempt(1), day_record(), 0.1, NOW)

    assert count(db)("positions") == 0
    attempts.commit_attempt(db, attempt(2), day_record(), 0.1, NOW)


@pytest.mark.parametrize("end", [attempts.fail_attempt, attempts.retry_attempt])
def test_ended_attempt_can_neither_be_committed_nor_ended_again(db: SqliteDatabase, end: Callable[..., object]) -> None:
    started(db)
    attempts.start_attempt(db, attempt(), NOW)
    end(db, attempt(), DIED, 0.1, NOW)

    for again in (lambda: end(db, attempt(), DIED, 0.1, NOW), lambda: _commit(db)):
        with pytest.raises(StaleAttemptError), db.atomic():
            again()
    assert count(db)("trading_days") == 0


def _commit(db: SqliteDatabase) -> None:
    attempts.commit_attempt(db, attempt(), day_record(), 0.1, NOW)


def test_day_before_the_last_one_of_the_portfolio_is_not_committed(db: SqliteDatabase) -> None:
    started(db)
    for date in reversed(DATES):
        attempts.start_attempt(db, attempt(date=date), NOW)
    attempts.commit_attempt(db, attempt(date=DATES[1]), day_record(), 0.1, NOW)

    with pytest.raises(StaleAttemptError), db.atomic():
        attempts.commit_attempt(db, attempt(date=DATES[0]), day_record(), 0.1, NOW)

    assert count(db)("trading_days") == 1
    assert model_days.model_days(db, "job-1", limit=1)[0].status == "running"


def test_job_that_does_not_hold_the_portfolio_cannot_commit(db: SqliteDatabase) -> None:
    started(db)
    attempts.start_attempt(db, attempt(), NOW)
    db.execute_sql("UPDATE portfolios SET claimed_by = NULL")

    with pytest.raises(StaleAttemptError), db.atomic():
        _commit(db)


def test_amount_that_would_lose_digits_is_refused_and_nothing_stored(db: SqliteDatabase) -> None:
    started(db)
    attempts.start_attempt(db, attempt(), NOW)
    lossy = replace(day_record(), cash=Decimal("123456789012345.678901"))

    with pytest.raises(ValueError, match="without loss"), db.atomic():
        attempts.commit_attempt(db, attempt(), lossy, 0.1, NOW)

    assert (count(db)("positions"), count(db)("trading_days")) == (0, 0)


def test_running_days_are_put_back_and_keep_their_attempt(db: SqliteDatabase) -> None:
    started(db)
    attempts.start_attempt(db, attempt(), NOW)

    assert attempts.reset_running(db, "job-1", NOW) == 1

    first = model_days.unfinished(db, "job-1")[0]
    assert (first.status, first.attempt) == ("pending", 1)
    attempts.start_attempt(db, attempt(2), NOW)
    with pytest.raises(StaleAttemptError):
        attempts.start_attempt(db, attempt(2), NOW)


def _run(db: SqliteDatabase, date: str, *, fails: bool) -> None:
    attempts.start_attempt(db, attempt(date=date), NOW)
    if fails:
        attempts.fail_attempt(db, attempt(date=date), DIED, 0.1, NOW)
    else:
        attempts.commit_attempt(db, attempt(date=date), day_record(), 0.1, NOW)


@pytest.mark.parametrize(
    ("fails", "status"),
    [((False, False), "completed"), ((False, True), "partial"), ((True, False), "partial"), ((True, True), "failed")],
)
def test_status_of_a_job_follows_from_its_days(db: SqliteDatabase, fails: tuple[bool, bool], status: str) -> None:
    started(db)
    for date, failing in zip(DATES, fails, strict=True):
        _run(db, date, fails=failing)

    event = jobs.end_job(db, "job-1", NOW + timedelta(seconds=3))

    job = jobs.find_job(db, "job-1")
    assert (job.status, event.status, job.total_duration_seconds) == (status, status, 3)
    assert (event.completed, event.failed) == (fails.count(False), fails.count(True))
    assert JobStatus(job.status).final
    assert portfolios.find_portfolio(db, "default", "m").claimed_by is None  # type: ignore[union-attr]


@pytest.mark.parametrize(("done", "status"), [(0, "failed"), (1, "partial")])
def test_job_that_cannot_go_on_leaves_no_day_pending(db: SqliteDatabase, done: int, status: str) -> None:
    started(db)
    for date in DATES[:done]:
        _run(db, date, fails=False)

    jobs.end_job(db, "job-1", NOW, "out of order")

    job = jobs.find_job(db, "job-1")
    counts = jobs.status_counts(db, ["job-1"])["job-1"]
    assert (job.status, job.error) == (status, "out of order")
    assert counts == {name: n for name, n in (("completed", done), ("skipped", 2 - done)) if n}
    skipped = [day for day in model_days.model_days(db, "job-1", limit=9) if day.status == "skipped"]
    assert {day.error for day in skipped} == {"out of order"}


def test_ended_job_lets_the_next_one_have_its_portfolios(db: SqliteDatabase) -> None:
    started(db)
    jobs.end_job(db, "job-1", NOW, "x")

    assert isinstance(accept_job(db, request("job-2"), plan(), NOW), AcceptedJob)


def test_jobs_are_listed_newest_first_and_paged_by_what_was_seen(db: SqliteDatabase) -> None:
    for n in range(5):
        with db.atomic():
            accept_job(
                db, request(f"job-{n}", models=(f"m{n}",), limit=9), plan((f"m{n}",)), NOW + timedelta(seconds=n // 2)
            )

    first = jobs.list_jobs(db, limit=2)
    rest = jobs.list_jobs(db, before=(first[-1].created_at, first[-1].job_id), limit=9)

    assert [job.job_id for job in [*first, *rest]] == ["job-4", "job-3", "job-2", "job-1", "job-0"]


def test_active_jobs_are_those_that_have_not_ended(db: SqliteDatabase) -> None:
    started(db)
    accepted(db, "job-2", ("n",))

    jobs.end_job(db, "job-1", NOW, "x")

    assert [job.job_id for job in jobs.active_jobs(db)] == ["job-2"]


def test_events_are_numbered_without_a_gap_and_counted(db: SqliteDatabase) -> None:
    started(db)
    _run(db, DATES[0], fails=False)
    _run(db, DATES[1], fails=True)
    jobs.end_job(db, "job-1", NOW)

    stored = events.events_after(db, "job-1", 0, 100)

    assert [event.sequence for event in stored] == list(range(1, 8))
    assert [(event.completed, event.failed) for event in stored] == [
        *[(0, 0)] * 3,
        *[(1, 0)] * 2,
        *[(1, 1)] * 2,
    ]
    assert events.events_after(db, "job-1", 5, 100) == stored[5:]
    assert events.events_after(db, "job-1", 2, 3) == stored[2:5]
    assert jobs.find_job(db, "job-1").last_sequence == 7

"""Replacing and retrying: the chain of a portfolio is whole at every moment, and what counts nowhere is still there."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peewee import SqliteDatabase

from storage import attempts, jobs, model_days, portfolios, superseded
from storage.acceptance import AcceptedJob, JobRequest, NewJob, accept_job
from storage.attempts import Attempt, AttemptError
from storage.database import migrate
from storage.day_record import DayRecord
from storage.errors import JobStateError, StaleAttemptError
from storage.events import EventRow, EventType
from storage.portfolios import NewPortfolio, PortfolioRow
from storage.results import ResultQuery
from storage.retries import RetryRequest, retry_job
from tests.unit.storage.stored_job import CASH, NOW, day_record, position

DATES = tuple(f"2025-10-0{day}" for day in range(1, 7))


def begin(db: SqliteDatabase, job_id: str, dates: tuple[str, ...], *, may_replace: bool = False) -> None:
    new = NewJob(
        model_days=tuple((date, "m") for date in dates),
        portfolios=(NewPortfolio(model="m", definition="{}", initial_cash=CASH),),
        spec='{"models": []}',
        warnings=(),
    )
    request = JobRequest(
        job_id=job_id,
        request_id=None,
        request_digest=job_id,
        config_digest=job_id,
        config_path="c",
        experiment="default",
        models=("m",),
        max_concurrent_jobs=1,
        may_replace=may_replace,
    )
    assert isinstance(accept_job(db, request, lambda _: new, NOW), AcceptedJob)
    jobs.start_job(db, job_id, NOW)


def bought(job_id: str, date: str, cash: Decimal, held: int) -> DayRecord:
    """Return a day on which one share is bought at a price that only this attempt pays."""
    price = Decimal(1 + crc32(f"{job_id} {date} {held}".encode()) % 50)
    opening = position(0, "no_trade", None, None, None, cash, (("UP", held),) if held else ())
    fill = position(1, "buy", "UP", 1, price, cash - price, (("UP", held + 1),))
    return replace(day_record(str(cash - price), "10000.25"), positions=(opening, fill), rejections=())


def run(db: SqliteDatabase, job_id: str, date: str, *, fails: bool = False) -> tuple[EventRow, ...]:
    """Run the next attempt at a model-day as a runner does."""
    (day,) = (row for row in model_days.unfinished(db, job_id) if row.date == date)
    state = portfolios.portfolio_state(db, "default", "m", job_id=job_id, date=date)
    attempt = Attempt(
        job_id=job_id, experiment="default", model="m", date=date, number=day.attempt + 1, builds_on=state.day
    )
    attempts.start_attempt(db, attempt, NOW)
    if fails:
        return (attempts.fail_attempt(db, attempt, AttemptError(kind="trader_error", message="broken"), 0.1, NOW),)
    record = bought(job_id, date, state.cash, state.holdings.get("UP", 0))
    return attempts.commit_attempt(db, attempt, record, 0.1, NOW)


def retry(db: SqliteDatabase, job_id: str, **fields: object) -> EventRow | None:
    request = RetryRequest(job_id=job_id, **{"models": (), "request_id": None, "max_concurrent_jobs": 1, **fields})  # type: ignore[arg-type]
    return retry_job(db, request, NOW + timedelta(hours=1))


def chain(db: SqliteDatabase) -> list[tuple[str, str]]:
    return list(db.execute_sql("SELECT date, job_id FROM trading_days ORDER BY date"))


def statuses(db: SqliteDatabase, job_id: str) -> list[str]:
    return [day.status for day in model_days.model_days(db, job_id, limit=99)]


def check_chain(db: SqliteDatabase) -> None:
    """Replay the fills of the current chain from the initial cash, and compare everything that is derived from it."""
    days = list(db.execute_sql("SELECT date, job_id, position_id, day_number, cash FROM trading_days ORDER BY date"))
    cash, held = CASH, 0
    for number, (date, job_id, position_id, day_number, closing) in enumerate(days, start=1):
        rows = db.execute_sql(
            "SELECT id, action_type, amount, price, cash FROM positions WHERE job_id = ? AND date = ? ORDER BY id",
            (job_id, date),
        ).fetchall()
        for _, action, amount, price, after in rows:
            if action == "buy":
                cash, held = cash - amount * Decimal(str(price)), held + amount
            assert Decimal(str(after)) == cash
        assert (day_number, Decimal(str(closing)), rows[-1][0]) == (number, cash, position_id)
        quantities = db.execute_sql("SELECT quantity FROM holdings WHERE position_id = ?", (position_id,)).fetchall()
        assert quantities == [(held,)]
    row = portfolios.find_portfolio(db, "default", "m")
    assert row is None or (row.last_day, row.trading_days) == (days[-1][0] if days else None, len(days))
    assert db.execute_sql("SELECT COUNT(*) FROM positions").fetchone()[0] == 2 * len(days)
    check_counts(db)


def check_counts(db: SqliteDatabase) -> None:
    """Compare the counts of jobs with their model-days, and completed model-days with what is stored of them."""
    for job_id, completed, failed in db.execute_sql(
        "SELECT job_id, completed_model_days, failed_model_days FROM jobs"
    ).fetchall():
        counts = jobs.status_counts(db, [job_id])[job_id]
        assert (completed, failed) == (counts.get("completed", 0), counts.get("failed", 0))
        kept = db.execute_sql(
            "SELECT (SELECT COUNT(*) FROM trading_days WHERE job_id = ?1)"
            " + (SELECT COUNT(*) FROM superseded_days WHERE job_id = ?1 AND superseded_by != job_id)",
            (job_id,),
        ).fetchone()[0]
        assert kept == completed


def partial_job(db: SqliteDatabase, failing: str = DATES[1]) -> None:
    """Run a job of four dates, one of which fails."""
    begin(db, "job-1", DATES[:4])
    for date in DATES[:4]:
        run(db, "job-1", date, fails=date == failing)
    jobs.end_job(db, "job-1", NOW)


def test_retried_job_goes_back_to_running_with_what_failed_pending(db: SqliteDatabase) -> None:
    partial_job(db)

    event = retry(db, "job-1")

    job = jobs.find_job(db, "job-1")
    assert event is not None
    assert (event.event_type, event.status, event.completed, event.failed) == (EventType.JOB_RETRIED, "running", 3, 0)
    assert (job.status, job.completed_at, job.total_duration_seconds, job.may_replace) == ("running", None, None, True)
    assert statuses(db, "job-1") == ["completed", "pending", "completed", "completed"]
    row = portfolios.find_portfolio(db, "default", "m")
    assert row is not None
    assert row.claimed_by == "job-1"


def test_commit_of_the_retried_day_sets_the_later_ones_back(db: SqliteDatabase) -> None:
    partial_job(db)
    retry(db, "job-1")

    completed, *events = run(db, "job-1", DATES[1])

    assert completed.event_type is EventType.MODEL_DAY_COMPLETED
    assert [(event.event_type, event.date) for event in events] == [
        (EventType.MODEL_DAY_SUPERSEDED, DATES[2]),
        (EventType.MODEL_DAY_SUPERSEDED, DATES[3]),
    ]
    assert events[-1].completed == 2
    assert [event.sequence for event in events] == [completed.sequence + 1, completed.sequence + 2]
    assert statuses(db, "job-1") == ["completed", "completed", "pending", "pending"]
    assert chain(db) == [(date, "job-1") for date in DATES[:2]]
    check_chain(db)


def test_retry_that_fails_again_has_lost_nothing(db: SqliteDatabase) -> None:
    partial_job(db)
    before = chain(db)
    retry(db, "job-1")

    run(db, "job-1", DATES[1], fails=True)

    assert chain(db) == before
    assert statuses(db, "job-1") == ["completed", "failed", "completed", "completed"]
    check_chain(db)


def test_days_run_again_carry_the_next_attempt_number(db: SqliteDatabase) -> None:
    partial_job(db)
    retry(db, "job-1")
    for date in DATES[1:4]:
        run(db, "job-1", date)

    event = jobs.end_job(db, "job-1", NOW)

    assert (event.status, event.completed, event.failed) == ("completed", 4, 0)
    assert [day.attempt for day in model_days.model_days(db, "job-1", limit=9)] == [1, 2, 2, 2]
    kept = db.execute_sql("SELECT date, attempt, superseded_by FROM superseded_days ORDER BY date").fetchall()
    assert kept == [(DATES[2], 1, "job-1"), (DATES[3], 1, "job-1")]
    check_chain(db)


def test_retry_is_refused_once_another_job_has_gone_on(db: SqliteDatabase) -> None:
    partial_job(db)
    begin(db, "job-2", DATES[4:5])
    run(db, "job-2", DATES[4])
    jobs.end_job(db, "job-2", NOW)

    with pytest.raises(JobStateError, match="job 'job-2' has gone on with the portfolio of 'm'"):
        retry(db, "job-1")


@pytest.mark.parametrize("failing", ["", DATES[1]])
def test_retry_is_refused_while_the_job_runs_or_when_nothing_failed(db: SqliteDatabase, failing: str) -> None:
    partial_job(db, failing)
    if failing:
        retry(db, "job-1")

    with pytest.raises(JobStateError, match="cannot be retried"):
        retry(db, "job-1")


def test_retry_with_a_known_request_id_changes_nothing(db: SqliteDatabase) -> None:
    partial_job(db)
    retry(db, "job-1", request_id="again")
    before = jobs.find_job(db, "job-1")

    assert retry(db, "job-1", request_id="again") is None
    assert jobs.find_job(db, "job-1") == before


def test_first_commit_of_a_replacement_supersedes_everything_after_the_day_it_builds_on(db: SqliteDatabase) -> None:
    partial_job(db, "")
    begin(db, "job-2", DATES[1:4], may_replace=True)

    (event,) = run(db, "job-2", DATES[1])

    assert event.event_type is EventType.MODEL_DAY_COMPLETED
    assert chain(db) == [(DATES[0], "job-1"), (DATES[1], "job-2")]
    assert statuses(db, "job-1") == ["completed"] * 4
    query = ResultQuery(experiment="default", first=DATES[0], last=DATES[5], job_id="job-1")
    kept = superseded.superseded_days(db, query)
    assert [(past.day.date, past.day.superseded_by, len(past.positions)) for past in kept] == [
        (date, "job-2", 2) for date in DATES[1:4]
    ]
    assert kept[0].positions[-1].holdings == {"UP": 2}
    check_chain(db)


def test_replacement_that_fails_on_its_first_date_goes_on_from_before_it(db: SqliteDatabase) -> None:
    partial_job(db, "")
    begin(db, "job-2", DATES[1:4], may_replace=True)
    run(db, "job-2", DATES[1], fails=True)

    run(db, "job-2", DATES[2])

    assert chain(db) == [(DATES[0], "job-1"), (DATES[2], "job-2")]
    check_chain(db)


def test_job_that_may_not_replace_cannot_commit_on_an_earlier_day(db: SqliteDatabase) -> None:
    partial_job(db, "")
    begin(db, "job-2", DATES[1:2])

    with pytest.raises(StaleAttemptError), db.atomic():
        run(db, "job-2", DATES[1])

    assert len(chain(db)) == 4


def test_replacement_from_the_beginning_defines_the_portfolio_anew(db: SqliteDatabase) -> None:
    partial_job(db, "")
    begin(db, "job-2", DATES[:1], may_replace=True)
    begins = NewPortfolio(model="m", definition='{"new": 1}', initial_cash=Decimal(500))
    attempt = Attempt(
        job_id="job-2", experiment="default", model="m", date=DATES[0], number=1, builds_on="", begins=begins
    )
    attempts.start_attempt(db, attempt, NOW)
    attempts.commit_attempt(db, attempt, bought("job-2", DATES[0], Decimal(500), 0), 0.1, NOW)

    row = portfolios.find_portfolio(db, "default", "m")
    assert row is not None
    assert (row.definition, row.initial_cash, row.trading_days) == ('{"new": 1}', Decimal(500), 1)


#: what a sequence does: a step, and whether each of its runs fails
STEPS = st.lists(
    st.tuples(st.sampled_from(["trigger", "replace", "retry"]), st.integers(0, 5), st.lists(st.booleans(), max_size=8)),
    min_size=1,
    max_size=7,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_chain_is_whole_after_every_step_of_any_sequence(steps: list[tuple[str, int, list[bool]]]) -> None:
    db = SqliteDatabase(":memory:", pragmas={"foreign_keys": 1})
    migrate(db)

    for n, (step, at, failures) in enumerate(steps):
        job_id = _act(db, f"job-{n}", step, at)
        if job_id is not None:
            _run_all(db, job_id, [*failures, *[False] * 99])
            jobs.end_job(db, job_id, NOW)
            check_chain(db)
    db.close()


def _act(db: SqliteDatabase, job_id: str, step: str, at: int) -> str | None:
    """Begin or reopen a job; None where that is refused."""
    row: PortfolioRow | None = portfolios.find_portfolio(db, "default", "m")
    last = (row.last_day if row else None) or ""
    if step == "retry":
        known = [job.job_id for job in jobs.list_jobs(db, limit=99)]
        try:
            retry(db, known[at % len(known)] if known else "none")
        except (JobStateError, jobs.JobNotFoundError):
            return None
        return known[at % len(known)]
    dates = tuple(date for date in DATES if date >= DATES[at] and (step == "replace" or date > last))
    if not dates:
        return None
    begin(db, job_id, dates, may_replace=step == "replace")
    return job_id


def _run_all(db: SqliteDatabase, job_id: str, failures: list[bool]) -> None:
    """Run what is pending date by date, forward only, with the chain checked after each."""
    date = ""
    while todo := model_days.unfinished(db, job_id, date):
        date = todo[0].date
        run(db, job_id, date, fails=failures.pop(0))
        check_chain(db)

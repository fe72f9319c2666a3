"""Portfolios with a history of several jobs, stored without a service, each day following from the one before."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from zlib import crc32

from peewee import SqliteDatabase

from storage import attempts, jobs, model_days, portfolios
from storage.acceptance import AcceptedJob, JobRequest, NewJob, accept_job
from storage.attempts import Attempt, AttemptError
from storage.day_record import DayRecord
from storage.portfolios import NewPortfolio, PortfolioState
from storage.session_record import SessionRows
from tests.unit.storage.stored_job import CASH, day_record, position

BEGIN = date(2025, 1, 1)


def dates(first: int, last: int) -> tuple[str, ...]:
    """Return the dates from one number to before another."""
    return tuple((BEGIN + timedelta(days=number)).isoformat() for number in range(first, last))


def accept(
    db: SqliteDatabase,
    job_id: str,
    days: tuple[str, ...],
    now: datetime,
    *,
    models: tuple[str, ...] = ("m",),
    may_replace: bool = False,
    callbacks: tuple[str, ...] = (),
) -> None:
    """Accept and start a job."""
    new = NewJob(
        model_days=tuple((day, model) for day in days for model in models),
        portfolios=tuple(NewPortfolio(model=model, definition="{}", initial_cash=CASH) for model in models),
        spec='{"models": []}',
        warnings=(),
    )
    request = JobRequest(
        job_id=job_id,
        request_id=f"request-{job_id}",
        request_digest=job_id,
        config_digest=job_id,
        config_path="c",
        experiment="default",
        models=models,
        max_concurrent_jobs=10,
        may_replace=may_replace,
        callback_urls=callbacks,
    )
    with db.atomic():
        assert isinstance(accept_job(db, request, lambda _: new, now), AcceptedJob)
        jobs.start_job(db, job_id, now)


def run(
    db: SqliteDatabase,
    job_id: str,
    now: datetime,
    *,
    fails: tuple[tuple[str, str], ...] = (),
    session: SessionRows | None = None,
) -> None:
    """Run what a job has still to do, as a runner does, and end it; `fails` are (date, model)."""
    with db.atomic():
        while unfinished := model_days.unfinished(db, job_id):
            _run_day(db, job_id, unfinished[0], now, fails=unfinished[0][:2] in fails, session=session)
        jobs.end_job(db, job_id, now)


def _run_day(
    db: SqliteDatabase,
    job_id: str,
    day: model_days.ModelDayRow,
    now: datetime,
    *,
    fails: bool,
    session: SessionRows | None,
) -> None:
    state = portfolios.portfolio_state(db, "default", day.model, job_id=job_id, date=day.date)
    attempt = Attempt(
        job_id=job_id,
        experiment="default",
        model=day.model,
        date=day.date,
        number=day.attempt + 1,
        builds_on=state.day,
    )
    attempts.start_attempt(db, attempt, now)
    if fails:
        attempts.fail_attempt(db, attempt, AttemptError(kind="trader_error", message="broken"), 0.1, now)
        return
    attempts.commit_attempt(db, attempt, replace(_traded(state, day.date), session=session), 0.1, now)


def _traded(state: PortfolioState, day: str) -> DayRecord:
    """Return a day on which a share is bought, and what follows from the state before."""
    price = Decimal(1 + crc32(day.encode()) % 50)
    value = state.value + Decimal(crc32(f"{day} {state.cash}".encode()) % 100 - 50)
    held, after = state.holdings, {**state.holdings, "UP": state.holdings.get("UP", 0) + 1}
    opening = position(0, "no_trade", None, None, None, state.cash, tuple(held.items()))
    fill = position(1, "buy", "UP", 1, price, state.cash - price, tuple(after.items()))
    return replace(
        day_record(str(state.cash - price), str(value)),
        daily_profit=value - state.value,
        cumulative_profit=value - CASH,
        positions=(opening, fill),
    )


def contents(db: SqliteDatabase) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table."""
    return {table: list(db.execute_sql(f"SELECT * FROM {table}")) for table in sorted(db.get_tables())}

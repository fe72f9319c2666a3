"""Jobs stored without a service, for tests of storage."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from peewee import SqliteDatabase

from storage.acceptance import AcceptedJob, JobRequest, NewJob, Planner, accept_job
from storage.attempts import Attempt, AttemptError
from storage.day_record import DayRecord, PositionRecord, RejectedOrder
from storage.jobs import JobRow, start_job
from storage.portfolios import NewPortfolio, PortfolioRow

NOW = datetime(2025, 11, 1, 12, tzinfo=UTC)

DATES = ("2025-10-01", "2025-10-02")

CASH = Decimal(10_000)

DIED = AttemptError(kind="worker_died", message="status -9")


def request(job_id: str = "job-1", *, models: tuple[str, ...] = ("m",), limit: int = 1, **changed: str) -> JobRequest:
    """Return a request; jobs of different ids have different contents unless told otherwise."""
    values = {"request_id": None, "request_digest": job_id, "config_digest": job_id, "experiment": "default", **changed}
    return JobRequest(job_id=job_id, config_path="config.json", models=models, max_concurrent_jobs=limit, **values)


def plan(models: tuple[str, ...] = ("m",), dates: tuple[str, ...] = DATES) -> Planner:
    """Return a planner that plans every model on every date."""

    def make(_states: Mapping[str, PortfolioRow]) -> NewJob:
        return NewJob(
            model_days=tuple((date, model) for date in dates for model in models),
            portfolios=tuple(NewPortfolio(model=model, definition="{}", initial_cash=CASH) for model in models),
            spec="{}",
            warnings=("careful",),
        )

    return make


def accepted(db: SqliteDatabase, job_id: str = "job-1", models: tuple[str, ...] = ("m",), **changed: str) -> JobRow:
    """Accept a job."""
    with db.atomic():
        outcome = accept_job(db, request(job_id, models=models, limit=10, **changed), plan(models), NOW)
    assert isinstance(outcome, AcceptedJob)
    return outcome.job


def started(db: SqliteDatabase, job_id: str = "job-1", models: tuple[str, ...] = ("m",), **changed: str) -> JobRow:
    """Accept and start a job."""
    job = accepted(db, job_id, models, **changed)
    with db.atomic():
        start_job(db, job_id, NOW)
    return job


def attempt(
    number: int = 1, *, date: str = DATES[0], model: str = "m", job_id: str = "job-1", experiment: str = "default"
) -> Attempt:
    """Return an attempt at a model-day."""
    return Attempt(job_id=job_id, experiment=experiment, model=model, date=date, number=number)


def day_record(cash: str = "9899.5", value: str = "10000.25") -> DayRecord:
    """Return a day with one fill and one rejection."""
    closing = Decimal(value)
    rows = (
        position(0, "no_trade", None, None, None, CASH, ()),
        position(1, "buy", "UP", 10, Decimal("10.05"), Decimal(cash), (("UP", 10),)),
    )
    refused = RejectedOrder(
        after_action_id=1, action_type="sell", symbol="DOWN", amount="0", reason="quantity_not_positive", message="no"
    )
    return DayRecord(
        cash=Decimal(cash),
        portfolio_value=closing,
        daily_profit=closing - CASH,
        daily_return_pct=Decimal("0.0025"),
        cumulative_profit=closing - CASH,
        cumulative_return_pct=Decimal("0.0025"),
        positions=rows,
        rejections=(refused,),
    )


def position(
    action_id: int,
    action: str,
    symbol: str | None,
    amount: int | None,
    price: Decimal | None,
    cash: Decimal,
    holdings: tuple[tuple[str, int], ...],
) -> PositionRecord:
    """Return a position worth the initial cash."""
    return PositionRecord(
        action_id=action_id,
        action_type=action,
        symbol=symbol,
        amount=amount,
        price=price,
        cash=cash,
        portfolio_value=CASH,
        daily_profit=Decimal(0),
        daily_return_pct=Decimal(0),
        cumulative_profit=Decimal(0),
        cumulative_return_pct=Decimal(0),
        holdings=holdings,
    )


def count(db: SqliteDatabase) -> Callable[[str], int]:
    """Return a function that counts the rows of a table."""
    return lambda table: int(db.execute_sql(f"SELECT COUNT(*) FROM {table}").fetchone()[0])

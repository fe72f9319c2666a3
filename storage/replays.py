"""What a job began with, and a scratch database in which it begins again."""

from dataclasses import dataclass
from datetime import datetime

from peewee import SqliteDatabase

from storage.acceptance import AcceptedJob, JobRequest, NewJob, accept_job
from storage.chain import days_by
from storage.jobs import JobRow
from storage.money import from_real, to_real
from storage.portfolios import NewPortfolio, PortfolioState, portfolio_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """A portfolio before a job: its definition and its last state, with the trading days it had by then."""

    portfolio: NewPortfolio
    state: PortfolioState
    last_day: str | None
    trading_days: int


_COMPLETED = """
    SELECT date, model, attempt FROM job_details WHERE job_id = ? AND status = 'completed' ORDER BY date, id
"""
_ENDED = "SELECT date, model, error FROM job_details WHERE job_id = ? AND status != 'completed' ORDER BY date, model"
_PORTFOLIO = "SELECT id, definition, initial_cash FROM portfolios WHERE experiment = ? AND model = ?"


def completed(db: SqliteDatabase, job_id: str) -> dict[tuple[str, str], int]:
    """Return the attempts that were committed by (date, model), in the order in which they ran."""
    return {(date, model): attempt for date, model, attempt in db.execute_sql(_COMPLETED, (job_id,))}


def not_completed(db: SqliteDatabase, job_id: str) -> list[tuple[str, str, str]]:
    """Return (date, model, error) of the other model-days."""
    return [(date, model, error or "") for date, model, error in db.execute_sql(_ENDED, (job_id,))]


def beginning(db: SqliteDatabase, experiment: str, model: str, first: str) -> Beginning:
    """Return a portfolio as it was before a date."""
    portfolio_id, definition, cash = db.execute_sql(_PORTFOLIO, (experiment, model)).fetchone()
    portfolio = NewPortfolio(model=model, definition=definition, initial_cash=from_real(cash))
    state = portfolio_state(db, experiment, model, date=first)
    number = days_by(db, portfolio_id, state.day) or 0
    return Beginning(portfolio=portfolio, state=state, last_day=state.day or None, trading_days=number)


def begin_again(
    scratch: SqliteDatabase,
    job: JobRequest,
    spec: str,
    attempts: dict[tuple[str, str], int],
    beginnings: list[Beginning],
    now: datetime,
) -> JobRow:
    """Store a job of the given model-days in an empty database, its portfolios and attempts as they were before."""
    new = NewJob(
        model_days=tuple(attempts), portfolios=tuple(one.portfolio for one in beginnings), spec=spec, warnings=()
    )
    with scratch.atomic("IMMEDIATE"):
        accepted = accept_job(scratch, job, lambda _: new, now)
        for one in beginnings:
            scratch.execute_sql(
                "UPDATE portfolios SET last_day = ?, last_value = ?, trading_days = ? WHERE model = ?",
                (one.last_day, to_real(one.state.value), one.trading_days, one.portfolio.model),
            )
        for (date, model), attempt in attempts.items():
            scratch.execute_sql(
                "UPDATE job_details SET attempt = ? WHERE date = ? AND model = ?", (attempt - 1, date, model)
            )
    if not isinstance(accepted, AcceptedJob):
        raise TypeError("a job of no model-days cannot begin again")
    return accepted.job

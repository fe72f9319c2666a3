"""Attempts at model-days, and the one transaction that ends each.

Only the current attempt of a running model-day can be committed, only on top of the portfolio's last trading day, and
never once the job's cancel is stored. Everything of a day is stored or nothing: trading day, positions, holdings,
rejections, session, attempt, status and event.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Never

from peewee import SqliteDatabase

from storage import chain, events
from storage.chain import ChainEnd
from storage.database import timestamp
from storage.day_record import DayRecord, HoldingsWriter, ModelDayKey, PortfolioEnd, store_day, write_together
from storage.errors import JobCancelledError, StaleAttemptError
from storage.events import EventRow, EventType
from storage.model_days import ModelDayStatus
from storage.money import to_real
from storage.portfolios import NewPortfolio
from storage.session_record import SessionOutcome, SessionRows, store_session


class AttemptOutcome(StrEnum):
    """What became of an attempt, as stored."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a model-day.

    `builds_on` names the trading day whose closing state it starts from, empty for the beginning; None stands for
    whichever is the portfolio's last. `begins` is what the portfolio is from the beginning on.
    """

    job_id: str
    experiment: str
    model: str
    date: str
    number: int
    builds_on: str | None = None
    begins: NewPortfolio | None = None

    @property
    def key(self) -> ModelDayKey:
        """What names the model-day."""
        return self.job_id, self.date, self.model


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptError:
    """Why an attempt failed."""

    kind: str
    message: str

    @property
    def text(self) -> str:
        """What the model-day and its event say."""
        return f"{self.kind}: {self.message}"


class AttemptRow(NamedTuple):
    """A stored attempt that has ended; times are ISO 8601 UTC."""

    date: str
    model: str
    number: int
    started_at: str | None
    ended_at: str | None
    outcome: str
    error_kind: str | None
    message: str | None


_START = """
    UPDATE job_details SET status = 'running', attempt = ?, started_at = ?, error = NULL, error_kind = NULL
    WHERE job_id = ? AND date = ? AND model = ? AND status IN ('pending', 'running') AND attempt = ?
        AND (SELECT cancel_requested_at FROM jobs WHERE jobs.job_id = job_details.job_id) IS NULL
"""
_END = """
    UPDATE job_details SET status = ?, completed_at = ?, duration_seconds = ?, error = ?, error_kind = ?
    WHERE job_id = ? AND date = ? AND model = ? AND status = 'running' AND attempt = ? RETURNING started_at
"""
_PORTFOLIO = """
    SELECT p.id, COALESCE(p.last_day, ''), p.trading_days, j.may_replace, j.cancel_requested_at
    FROM portfolios p JOIN jobs j ON j.job_id = p.claimed_by
    WHERE p.experiment = ? AND p.model = ? AND p.claimed_by = ?
"""
_INSERT = """
    INSERT INTO attempts (job_id, date, model, number, started_at, ended_at, outcome, error_kind, message)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_RUNNING = """
    INSERT INTO attempts (job_id, date, model, number, started_at, ended_at, outcome)
    SELECT job_id, date, model, attempt, started_at, ?, ? FROM job_details WHERE job_id = ? AND status = 'running'
"""
_OF_MODEL_DAYS = """
    SELECT a.date, a.model, a.number, a.started_at, a.ended_at, a.outcome, a.error_kind, a.message
    FROM job_details d JOIN attempts a ON a.job_id = d.job_id AND a.date = d.date AND a.model = d.model
    WHERE d.job_id = ? AND d.date IN (SELECT value FROM json_each(?)) AND d.attempt > 1 AND a.number > d.attempt - ?
    ORDER BY a.date, a.model, a.number
"""


def start_attempt(db: SqliteDatabase, attempt: Attempt, now: datetime) -> EventRow:
    """Mark an attempt as the current one.

    Raises:
        JobCancelledError: the job's cancel was accepted.
        StaleAttemptError: the attempt does not follow the last one, or the model-day has ended.
    """
    row = (attempt.number, timestamp(now), *attempt.key, attempt.number - 1)
    if db.execute_sql(_START, row).rowcount != 1:
        _refuse(db, attempt)
    return _event(db, attempt, EventType.MODEL_DAY_STARTED, now)


def commit_attempt(
    db: SqliteDatabase,
    attempt: Attempt,
    day: DayRecord,
    seconds: float,
    now: datetime,
    write_holdings: HoldingsWriter = write_together,
) -> tuple[EventRow, ...]:
    """Store a completed model-day, and let the job's own days that it replaces be run again.

    Raises:
        JobCancelledError: the job's cancel was accepted.
        StaleAttemptError: the attempt is not the current one, or does not build on the portfolio's last trading day
            and the job may not replace what comes after.
    """
    _end(db, attempt, ModelDayStatus.COMPLETED, AttemptOutcome.SUCCEEDED, None, seconds, now)
    portfolio, replaced = _portfolio(db, attempt, now)
    store_day(db, attempt.key, portfolio, day, now, write_holdings)
    _insert_session(db, attempt, SessionOutcome.SUCCEEDED, day.session)
    acted = [_event(db, attempt, EventType.CORPORATE_ACTION, now, error=text) for text in day.actions]
    fills, value = len(day.positions) - 1 - len(day.actions), to_real(day.portfolio_value)
    completed = EventType.MODEL_DAY_COMPLETED
    event = _event(db, attempt, completed, now, duration_seconds=seconds, portfolio_value=value, fills=fills)
    return (*acted, event, *chain.set_back(db, replaced, now))


def fail_attempt(
    db: SqliteDatabase,
    attempt: Attempt,
    error: AttemptError,
    seconds: float,
    now: datetime,
    session: SessionRows | None = None,
) -> EventRow:
    """End a model-day as failed: nothing of the attempt is stored but its error and the session, which cost money.

    Raises:
        StaleAttemptError: the attempt is not the current one.
    """
    _end(db, attempt, ModelDayStatus.FAILED, AttemptOutcome.FAILED, error, seconds, now)
    _insert_session(db, attempt, SessionOutcome.FAILED, session)
    return _event(db, attempt, EventType.MODEL_DAY_FAILED, now, duration_seconds=seconds, error=error.text)


def retry_attempt(
    db: SqliteDatabase,
    attempt: Attempt,
    error: AttemptError,
    seconds: float,
    now: datetime,
    session: SessionRows | None = None,
) -> EventRow:
    """Put a model-day whose attempt failed back to pending; of the attempt its error and session are stored.

    Raises:
        StaleAttemptError: the attempt is not the current one.
    """
    _end(db, attempt, ModelDayStatus.PENDING, AttemptOutcome.FAILED, error, seconds, now)
    _insert_session(db, attempt, SessionOutcome.FAILED, session)
    return _event(db, attempt, EventType.MODEL_DAY_RETRIED, now, duration_seconds=seconds, error=error.text)


def cancel_attempt(
    db: SqliteDatabase, attempt: Attempt, seconds: float, now: datetime, session: SessionRows | None = None
) -> EventRow:
    """End a model-day of a cancelled job whose attempt was under way; of the attempt its session is stored.

    Raises:
        StaleAttemptError: the attempt is not the current one.
    """
    _end(db, attempt, ModelDayStatus.CANCELLED, AttemptOutcome.CANCELLED, None, seconds, now)
    _insert_session(db, attempt, SessionOutcome.FAILED, session)
    return _event(db, attempt, EventType.MODEL_DAY_CANCELLED, now, duration_seconds=seconds)


def end_running(db: SqliteDatabase, job_id: str, outcome: AttemptOutcome, now: datetime) -> None:
    """Note the end of the attempts of a job that nobody runs any more; their model-days are the caller's."""
    db.execute_sql(_INSERT_RUNNING, (timestamp(now), outcome, job_id))


def reset_running(db: SqliteDatabase, job_id: str, now: datetime) -> int:
    """Put model-days whose attempt ended with the process back to pending; return how many there were."""
    end_running(db, job_id, AttemptOutcome.LOST, now)
    sql = "UPDATE job_details SET status = 'pending' WHERE job_id = ? AND status = 'running'"
    return int(db.execute_sql(sql, (job_id,)).rowcount)


def repeated(db: SqliteDatabase, job_id: str, dates: Sequence[str], latest: int) -> list[AttemptRow]:
    """Return the latest attempts of model-days on some dates that had more than one, by date, model and number."""
    values = (job_id, json.dumps(list(dates)), latest)
    return [AttemptRow._make(row) for row in db.execute_sql(_OF_MODEL_DAYS, values)]


def _portfolio(db: SqliteDatabase, attempt: Attempt, now: datetime) -> tuple[PortfolioEnd, Sequence[ModelDayKey]]:
    """Return the portfolio that the attempt may extend, the way cleared, and the job's own days that it replaces."""
    found = db.execute_sql(_PORTFOLIO, (attempt.experiment, attempt.model, attempt.job_id)).fetchone()
    if found is None or found[4] is not None:
        _refuse(db, attempt)
    end = ChainEnd(id=found[0], last_day=found[1], trading_days=found[2], may_replace=bool(found[3]))
    foundation = chain.lay(db, end, attempt.key, attempt.builds_on, attempt.begins, now)
    if foundation is None:
        _refuse(db, attempt)
    return PortfolioEnd(id=end.id, trading_days=foundation.trading_days), foundation.replaced


def _refuse(db: SqliteDatabase, attempt: Attempt) -> Never:
    cancelled = db.execute_sql("SELECT cancel_requested_at FROM jobs WHERE job_id = ?", (attempt.job_id,)).fetchone()
    if cancelled is not None and cancelled[0] is not None:
        raise JobCancelledError(attempt.job_id)
    raise StaleAttemptError(*attempt.key, attempt.number)


def _end(
    db: SqliteDatabase,
    attempt: Attempt,
    status: ModelDayStatus,
    outcome: AttemptOutcome,
    error: AttemptError | None,
    seconds: float,
    now: datetime,
) -> None:
    moment = timestamp(now)
    ended = None if status is ModelDayStatus.PENDING else moment
    text, kind, message = (None, None, None) if error is None else (error.text, error.kind, error.message)
    row = (status, ended, seconds, text, kind, *attempt.key, attempt.number)
    started = db.execute_sql(_END, row).fetchone()
    if started is None:
        raise StaleAttemptError(*attempt.key, attempt.number)
    db.execute_sql(_INSERT, (*attempt.key, attempt.number, started[0], moment, outcome, kind, message))


def _event(db: SqliteDatabase, attempt: Attempt, event_type: EventType, now: datetime, **facts: Any) -> EventRow:  # noqa: ANN401 (passed on)
    return events.append(
        db, attempt.job_id, event_type, now, date=attempt.date, model=attempt.model, attempt=attempt.number, **facts
    )


def _insert_session(db: SqliteDatabase, attempt: Attempt, outcome: SessionOutcome, session: SessionRows | None) -> None:
    if session is not None:
        store_session(db, (*attempt.key, attempt.number), outcome, session)

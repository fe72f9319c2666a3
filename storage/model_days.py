"""Model-days: their attempts and the one transaction that commits an outcome.

Only the current attempt of a running model-day can be committed, only on top of the portfolio's last trading day, and
everything of a day is stored or nothing: trading day, positions, holdings, rejections, session, status and event.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import count
from typing import Any, NamedTuple

from peewee import SqliteDatabase

from storage import events
from storage.database import insert_many, timestamp
from storage.errors import ModelDayStateError, StaleAttemptError
from storage.events import EventRow, EventType
from storage.money import to_real
from storage.session_record import SessionOutcome, SessionRows, store_session


class ModelDayStatus(StrEnum):
    """State of a model-day, as stored."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class ModelDayRow(NamedTuple):
    """A stored model-day; times are ISO 8601 UTC.

    A named tuple with the columns as they come, since a status call reads thousands at once.
    """

    date: str
    model: str
    status: str
    attempt: int
    started_at: str | None
    completed_at: str | None
    duration_seconds: float | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a model-day."""

    job_id: str
    experiment: str
    model: str
    date: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRecord:
    """State of a portfolio after one action of a day, to be stored."""

    action_id: int
    action_type: str
    symbol: str | None
    amount: int | None
    price: Decimal | None
    cash: Decimal
    portfolio_value: Decimal
    daily_profit: Decimal
    daily_return_pct: Decimal
    cumulative_profit: Decimal
    cumulative_return_pct: Decimal
    holdings: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedOrder:
    """An order that was refused, to be stored."""

    after_action_id: int
    action_type: str
    symbol: str
    amount: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRecord:
    """Everything a completed model-day leaves, to be stored; money in dollars, returns in percent.

    `session` is that of the agent, where one traded.
    """

    cash: Decimal
    portfolio_value: Decimal
    daily_profit: Decimal
    daily_return_pct: Decimal
    cumulative_profit: Decimal
    cumulative_return_pct: Decimal
    positions: tuple[PositionRecord, ...]
    rejections: tuple[RejectedOrder, ...]
    session: SessionRows | None = None


_COLUMNS = "date, model, status, attempt, started_at, completed_at, duration_seconds, error"
_PAGE = f"""
    SELECT {_COLUMNS} FROM job_details WHERE job_id = ? AND (date, model) > (?, ?) ORDER BY date, model LIMIT ?
"""
_UNFINISHED = f"""
    SELECT {_COLUMNS} FROM job_details WHERE job_id = ? AND status IN ('pending', 'running') ORDER BY date, id
"""
_START = """
    UPDATE job_details SET status = 'running', attempt = ?, started_at = ?, error = NULL
    WHERE job_id = ? AND date = ? AND model = ? AND status IN ('pending', 'running') AND attempt = ?
"""
_SKIP = """
    UPDATE job_details SET status = 'skipped', completed_at = ?, error = ?
    WHERE job_id = ? AND date = ? AND model = ? AND status = 'pending'
"""
_END = """
    UPDATE job_details SET status = ?, completed_at = ?, duration_seconds = ?, error = ?
    WHERE job_id = ? AND date = ? AND model = ? AND status = 'running' AND attempt = ?
"""
_PORTFOLIO = """
    SELECT id, trading_days FROM portfolios
    WHERE experiment = ? AND model = ? AND claimed_by = ? AND (last_day IS NULL OR last_day < ?)
"""
#: one statement for all positions of a day, whose rows SQLite makes without Python's lock
_INSERT_HOLDINGS = """
    INSERT INTO holdings (position_id, symbol, quantity)
    SELECT CAST(position.key AS INTEGER), holding.key, holding.value
    FROM json_each(?) AS position, json_each(position.value) AS holding
"""
_EXTEND = "UPDATE portfolios SET last_day = ?, last_value = ?, trading_days = ? WHERE id = ?"
_POSITIONS = (
    "id",
    "job_id",
    "date",
    "model",
    "action_id",
    "action_type",
    "symbol",
    "amount",
    "price",
    "cash",
    "portfolio_value",
    "daily_profit",
    "daily_return_pct",
    "cumulative_profit",
    "cumulative_return_pct",
    "created_at",
)
_REJECTIONS = ("job_id", "date", "model", "after_action_id", "action_type", "symbol", "amount", "reason", "message")
_TRADING_DAYS = (
    "portfolio_id",
    "date",
    "job_id",
    "position_id",
    "day_number",
    "cash",
    "portfolio_value",
    "daily_profit",
    "daily_return_pct",
    "cumulative_profit",
    "cumulative_return_pct",
)


def model_days(db: SqliteDatabase, job_id: str, *, after: tuple[str, str] = ("", ""), limit: int) -> list[ModelDayRow]:
    """Return the model-days of a job by date, then model; `after` is the (date, model) of the last one seen."""
    return [ModelDayRow._make(values) for values in db.execute_sql(_PAGE, (job_id, *after, limit))]


def on_dates(db: SqliteDatabase, job_id: str, dates: Sequence[str]) -> list[ModelDayRow]:
    """Return the model-days of a job on some dates, by date, then model."""
    places = ", ".join("?" * len(dates))
    sql = f"SELECT {_COLUMNS} FROM job_details WHERE job_id = ? AND date IN ({places}) ORDER BY date, model"
    return [ModelDayRow._make(values) for values in db.execute_sql(sql, (job_id, *dates))]


def current(db: SqliteDatabase, job_id: str) -> tuple[str, str] | None:
    """Return (date, model) of the earliest model-day of a job that is running; None when none is."""
    sql = "SELECT date, model FROM job_details WHERE job_id = ? AND status = 'running' ORDER BY date, model LIMIT 1"
    row: tuple[str, str] | None = db.execute_sql(sql, (job_id,)).fetchone()
    return row


def unfinished(db: SqliteDatabase, job_id: str) -> list[ModelDayRow]:
    """Return the model-days of a job that are still to be run, in the order in which they run."""
    return [ModelDayRow._make(values) for values in db.execute_sql(_UNFINISHED, (job_id,))]


def reset_running(db: SqliteDatabase, job_id: str) -> int:
    """Put model-days whose attempt ended with the process back to pending; return how many there were."""
    sql = "UPDATE job_details SET status = 'pending' WHERE job_id = ? AND status = 'running'"
    return int(db.execute_sql(sql, (job_id,)).rowcount)


def skip(db: SqliteDatabase, job_id: str, date: str, model: str, reason: str, now: datetime) -> EventRow:
    """End a model-day that is pending without running it; `reason` is its error.

    Raises:
        ModelDayStateError: it is not pending.
    """
    if db.execute_sql(_SKIP, (timestamp(now), reason, job_id, date, model)).rowcount != 1:
        raise ModelDayStateError(job_id, date, model, ModelDayStatus.PENDING)
    return events.append(db, job_id, EventType.MODEL_DAY_SKIPPED, now, date=date, model=model, error=reason)


def skipped(db: SqliteDatabase, job_id: str, prefix: str) -> tuple[int, str]:
    """Count the skipped model-days of a job whose reason begins so, and return the reason of the last."""
    sql = """
        SELECT COUNT(*), error, MAX(id) FROM job_details
        WHERE job_id = ? AND status = 'skipped' AND substr(error, 1, ?) = ?
    """
    count, reason, _ = db.execute_sql(sql, (job_id, len(prefix), prefix)).fetchone()
    return int(count), reason or ""


def start_attempt(db: SqliteDatabase, attempt: Attempt, now: datetime) -> EventRow:
    """Mark an attempt as the current one.

    Raises:
        StaleAttemptError: it does not follow the last one, or the model-day has ended.
    """
    key = (attempt.job_id, attempt.date, attempt.model)
    row = (attempt.number, timestamp(now), *key, attempt.number - 1)
    if db.execute_sql(_START, row).rowcount != 1:
        raise StaleAttemptError(*key, attempt.number)
    return _event(db, attempt, EventType.MODEL_DAY_STARTED, now)


def commit_attempt(db: SqliteDatabase, attempt: Attempt, day: DayRecord, seconds: float, now: datetime) -> EventRow:
    """Store a completed model-day.

    Raises:
        StaleAttemptError: the attempt is not the current one, or the portfolio has this or a later day already.
    """
    _end(db, attempt, ModelDayStatus.COMPLETED, seconds, None, now)
    portfolio = (attempt.experiment, attempt.model, attempt.job_id, attempt.date)
    found = db.execute_sql(_PORTFOLIO, portfolio).fetchone()
    if found is None:
        raise StaleAttemptError(attempt.job_id, attempt.date, attempt.model, attempt.number)
    portfolio_id, trading_days = found
    position_id = _insert_positions(db, attempt, day, timestamp(now))
    _insert_rejections(db, attempt, day)
    _insert_session(db, attempt, SessionOutcome.SUCCEEDED, day.session)
    closing = (portfolio_id, attempt.date, attempt.job_id, position_id, trading_days + 1, *_closing(day))
    insert_many(db, "trading_days", _TRADING_DAYS, [closing])
    value = to_real(day.portfolio_value)
    db.execute_sql(_EXTEND, (attempt.date, value, trading_days + 1, portfolio_id))
    fills = len(day.positions) - 1
    completed = EventType.MODEL_DAY_COMPLETED
    return _event(db, attempt, completed, now, duration_seconds=seconds, portfolio_value=value, fills=fills)


def fail_attempt(
    db: SqliteDatabase,
    attempt: Attempt,
    error: str,
    seconds: float,
    now: datetime,
    session: SessionRows | None = None,
) -> EventRow:
    """End a model-day as failed: nothing of the attempt is stored but its error and the session, which cost money.

    Raises:
        StaleAttemptError: the attempt is not the current one.
    """
    _end(db, attempt, ModelDayStatus.FAILED, seconds, error, now)
    _insert_session(db, attempt, SessionOutcome.FAILED, session)
    return _event(db, attempt, EventType.MODEL_DAY_FAILED, now, duration_seconds=seconds, error=error)


def retry_attempt(
    db: SqliteDatabase,
    attempt: Attempt,
    error: str,
    seconds: float,
    now: datetime,
    session: SessionRows | None = None,
) -> EventRow:
    """Put a model-day whose attempt failed back to pending; of the attempt its session is stored.

    Raises:
        StaleAttemptError: the attempt is not the current one.
    """
    _end(db, attempt, ModelDayStatus.PENDING, seconds, error, now)
    _insert_session(db, attempt, SessionOutcome.FAILED, session)
    return _event(db, attempt, EventType.MODEL_DAY_RETRIED, now, duration_seconds=seconds, error=error)


def _end(
    db: SqliteDatabase, attempt: Attempt, status: ModelDayStatus, seconds: float, error: str | None, now: datetime
) -> None:
    key = (attempt.job_id, attempt.date, attempt.model)
    ended = None if status is ModelDayStatus.PENDING else timestamp(now)
    if db.execute_sql(_END, (status, ended, seconds, error, *key, attempt.number)).rowcount != 1:
        raise StaleAttemptError(*key, attempt.number)


def _event(db: SqliteDatabase, attempt: Attempt, event_type: EventType, now: datetime, **facts: Any) -> EventRow:  # noqa: ANN401 (passed on)
    return events.append(
        db, attempt.job_id, event_type, now, date=attempt.date, model=attempt.model, attempt=attempt.number, **facts
    )


def _insert_positions(db: SqliteDatabase, attempt: Attempt, day: DayRecord, created_at: str) -> int:
    """Insert the position rows with their holdings and return the id of the last."""
    first = 1 + (db.execute_sql("SELECT MAX(id) FROM positions").fetchone()[0] or 0)
    key = (attempt.job_id, attempt.date, attempt.model)
    numbered = list(zip(count(first), day.positions, strict=False))
    rows = ((position_id, *key, *_position(position), created_at) for position_id, position in numbered)
    insert_many(db, "positions", _POSITIONS, rows)
    holdings = {position_id: dict(position.holdings) for position_id, position in numbered if position.holdings}
    db.execute_sql(_INSERT_HOLDINGS, (json.dumps(holdings),))
    return first + len(day.positions) - 1


def _insert_rejections(db: SqliteDatabase, attempt: Attempt, day: DayRecord) -> None:
    key = (attempt.job_id, attempt.date, attempt.model)
    rows = (
        (*key, order.after_action_id, order.action_type, order.symbol, order.amount, order.reason, order.message)
        for order in day.rejections
    )
    insert_many(db, "rejections", _REJECTIONS, rows)


def _insert_session(db: SqliteDatabase, attempt: Attempt, outcome: SessionOutcome, session: SessionRows | None) -> None:
    if session is not None:
        store_session(db, (attempt.job_id, attempt.date, attempt.model, attempt.number), outcome, session)


def _position(position: PositionRecord) -> Iterator[object]:
    yield position.action_id
    yield position.action_type
    yield position.symbol
    yield position.amount
    yield None if position.price is None else to_real(position.price)
    yield from _closing(position)


def _closing(state: PositionRecord | DayRecord) -> tuple[float, ...]:
    return (
        to_real(state.cash),
        to_real(state.portfolio_value),
        to_real(state.daily_profit),
        float(state.daily_return_pct),
        to_real(state.cumulative_profit),
        float(state.cumulative_return_pct),
    )

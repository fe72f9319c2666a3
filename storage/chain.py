"""The chain of a portfolio: which trading day a commit builds on, and what it replaces.

A commit names the day it builds on. Where that is the portfolio's last one, the chain grows. Where it is an earlier one
and the job may replace, everything after it is superseded in the same transaction, so that the chain is whole at every
moment; the job's own days among it are to be run again, on top of the new one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from peewee import SqliteDatabase

from storage import events
from storage.carried import carried_state
from storage.events import EventRow, EventType
from storage.money import to_real
from storage.portfolios import NewPortfolio
from storage.results import DayKey
from storage.superseded import supersede

#: what the first trading day of a portfolio builds on
BEGINNING = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainEnd:
    """Where a portfolio's chain ends before a commit: its last day and how many days that makes."""

    id: int
    last_day: str
    trading_days: int
    may_replace: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """What a commit stands on: the trading days before it, and those of its own job that it replaced."""

    trading_days: int
    replaced: tuple[DayKey, ...] = ()


_DAY_NUMBER = "SELECT day_number FROM trading_days WHERE portfolio_id = ? AND date = ?"
_REDEFINE = "UPDATE portfolios SET definition = ?, initial_cash = ? WHERE id = ?"
_SET_BACK = """
    UPDATE job_details SET status = 'pending', completed_at = NULL, duration_seconds = NULL
    WHERE job_id = ? AND date = ? AND model = ? AND status = 'completed'
"""


def lay(
    db: SqliteDatabase, end: ChainEnd, key: DayKey, builds_on: str | None, begins: NewPortfolio | None, now: datetime
) -> Foundation | None:
    """Clear the way for a commit in the open transaction; None when it must not be made.

    `builds_on` None stands for the last trading day there is. A commit that builds on the beginning defines the
    portfolio anew, as `begins` says.
    """
    job_id, date, _ = key
    base = end.last_day if builds_on is None else builds_on
    if base >= date:
        return None
    number = end.trading_days if base == end.last_day else days_by(db, end.id, base)
    if number is None or (base != end.last_day and not end.may_replace):
        return None
    if base == BEGINNING and begins is not None:
        db.execute_sql(_REDEFINE, (begins.definition, to_real(begins.initial_cash), end.id))
    if base == end.last_day:
        return Foundation(trading_days=number)
    replaced = supersede(db, end.id, base, job_id, now)
    return Foundation(trading_days=number, replaced=tuple(day for day in replaced if day[0] == job_id))


def set_back(db: SqliteDatabase, days: Sequence[DayKey], now: datetime) -> list[EventRow]:
    """Let a job's own days that its commit replaced be run again, in the open transaction."""
    if not days:
        return []
    db.connection().executemany(_SET_BACK, days)
    superseded = EventType.MODEL_DAY_SUPERSEDED
    return [events.append(db, job_id, superseded, now, date=date, model=model) for job_id, date, model in days]


def days_by(db: SqliteDatabase, portfolio_id: int, date: str) -> int | None:
    """Return how many trading days there were by the close of one; None when nothing can build on that."""
    carried = carried_state(db, portfolio_id)
    if carried is not None and date <= carried.date:
        return carried.day_number if date == carried.date else None
    if date == BEGINNING:
        return 0
    row = db.execute_sql(_DAY_NUMBER, (portfolio_id, date)).fetchone()
    return None if row is None else int(row[0])

"""Values of trading days computed anew on other prices: what there is, and how new figures take its place.

Cash, holdings, orders and fills are never touched. Every job whose days were valued anew keeps when that was and on
which prices.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from peewee import SqliteDatabase

from storage.database import insert_many, timestamp
from storage.errors import JobNotFoundError


class Figures(NamedTuple):
    """Value and profits in dollars, returns in percent, as stored in a position and in a trading day."""

    portfolio_value: float
    daily_profit: float
    daily_return_pct: float
    cumulative_profit: float
    cumulative_return_pct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPosition:
    """A position: what is marked, and its figures."""

    id: int
    action_type: str
    cash: float
    holdings: dict[str, int]
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDay:
    """A trading day with its positions, in their order."""

    date: str
    job_id: str
    figures: Figures
    positions: tuple[StoredPosition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDay:
    """The figures that take the place of those of a day: its own, and those of its positions in their order."""

    day: StoredDay
    figures: Figures
    positions: tuple[Figures, ...]

    @property
    def changed(self) -> bool:
        """Whether any of them differs from what is stored."""
        before = (self.day.figures, *(position.figures for position in self.day.positions))
        return before != (self.figures, *self.positions)


class ValuedPortfolio(NamedTuple):
    """A portfolio with trading days; money in dollars.

    `start_value` is what it was worth before the first that is stored: the initial cash, or what a cleanup carried.
    """

    id: int
    experiment: str
    model: str
    initial_cash: float
    start_value: float


class Revaluation(NamedTuple):
    """A time at which days of a job were valued anew; digests are those of price snapshots, empty where not known."""

    model: str
    revalued_at: str
    old_digest: str
    new_digest: str
    trading_days: int
    changed_days: int


_PORTFOLIOS = """
    SELECT id, experiment, model, initial_cash, COALESCE(c.portfolio_value, initial_cash)
    FROM portfolios LEFT JOIN carried_states c ON c.portfolio_id = id WHERE trading_days > 0
"""
_OF_JOB = f"""
    {_PORTFOLIOS} AND id IN (SELECT portfolio_id FROM trading_days WHERE job_id = ?) ORDER BY experiment, model
"""
_OF_EXPERIMENT = f"{_PORTFOLIOS} AND experiment = ? ORDER BY model"
_ROWS = f"""
    SELECT t.date, t.job_id, {", ".join(f"t.{name}" for name in Figures._fields)},
        r.id, r.action_type, r.cash, {", ".join(f"r.{name}" for name in Figures._fields)},
        (SELECT json_group_object(h.symbol, h.quantity) FROM holdings h WHERE h.position_id = r.id)
    FROM portfolios p CROSS JOIN trading_days t ON t.portfolio_id = p.id
        CROSS JOIN positions r ON r.job_id = t.job_id AND r.date = t.date AND r.model = p.model
    WHERE p.id = ? ORDER BY t.date, r.action_id
"""
_ASSIGNED = ", ".join(f"{name} = ?" for name in Figures._fields)
_SET_POSITION = f"UPDATE positions SET {_ASSIGNED} WHERE id = ?"
_SET_DAY = f"UPDATE trading_days SET {_ASSIGNED} WHERE portfolio_id = ? AND date = ?"
_SET_LAST = "UPDATE portfolios SET last_value = ? WHERE id = ?"
#: prices that days of a job are valued on: those of the last time, at first those that it ran on last
_DIGEST = """
    SELECT COALESCE(
        (SELECT new_digest FROM revaluations WHERE job_id = ?1 AND portfolio_id = ?2 ORDER BY id DESC LIMIT 1),
        (SELECT json_extract(price_digests, '$[#-1]') FROM jobs WHERE job_id = ?1), '')
"""
_RECORD = ("job_id", "portfolio_id", "revalued_at", "old_digest", "new_digest", "trading_days", "changed_days")
_REVALUATIONS = """
    SELECT p.model, r.revalued_at, r.old_digest, r.new_digest, r.trading_days, r.changed_days
    FROM revaluations r JOIN portfolios p ON p.id = r.portfolio_id WHERE r.job_id = ? ORDER BY r.id
"""


def portfolios_of_job(db: SqliteDatabase, job_id: str) -> list[ValuedPortfolio]:
    """Return the portfolios in which a job has trading days, by model.

    Raises:
        JobNotFoundError: there is no such job.
    """
    if db.execute_sql("SELECT 1 FROM jobs WHERE job_id = ?", (job_id,)).fetchone() is None:
        raise JobNotFoundError(job_id)
    return [ValuedPortfolio._make(row) for row in db.execute_sql(_OF_JOB, (job_id,))]


def portfolios_of_experiment(db: SqliteDatabase, experiment: str, models: Sequence[str] = ()) -> list[ValuedPortfolio]:
    """Return the portfolios of an experiment that have trading days, by model; all where no model is named."""
    found = map(ValuedPortfolio._make, db.execute_sql(_OF_EXPERIMENT, (experiment,)))
    return [portfolio for portfolio in found if not models or portfolio.model in models]


def holder(db: SqliteDatabase, portfolio_id: int) -> str | None:
    """Return the job that holds a portfolio, if any."""
    row = db.execute_sql("SELECT claimed_by FROM portfolios WHERE id = ?", (portfolio_id,)).fetchone()
    return None if row is None else row[0]


def stored_days(db: SqliteDatabase, portfolio_id: int) -> Iterator[StoredDay]:
    """Give the trading days of a portfolio, oldest first."""
    rows = db.execute_sql(_ROWS, (portfolio_id,))
    for (date, job_id, *figures), of_day in groupby(rows, key=lambda row: row[:7]):
        positions = tuple(_position(row[7:]) for row in of_day)
        yield StoredDay(date=date, job_id=job_id, figures=Figures._make(figures), positions=positions)


def store_revaluation(
    db: SqliteDatabase, portfolio: ValuedPortfolio, days: Sequence[NewDay], digest: str, now: datetime
) -> None:
    """Put new figures in the place of those of a whole portfolio, in the open transaction, and record it."""
    changed = [day for day in days if day.changed]
    connection = db.connection()
    connection.executemany(
        _SET_POSITION,
        ((*new, old.id) for day in changed for old, new in zip(day.day.positions, day.positions, strict=True)),
    )
    connection.executemany(_SET_DAY, ((*day.figures, portfolio.id, day.day.date) for day in changed))
    db.execute_sql(_SET_LAST, (days[-1].figures.portfolio_value, portfolio.id))
    insert_many(db, "revaluations", _RECORD, list(_records(db, portfolio.id, days, digest, timestamp(now))))


def revaluations(db: SqliteDatabase, job_id: str) -> list[Revaluation]:
    """Return how often trading days of a job were valued anew, oldest first."""
    return [Revaluation._make(row) for row in db.execute_sql(_REVALUATIONS, (job_id,))]


def valued_on(db: SqliteDatabase, portfolio_id: int, job_id: str) -> str:
    """Return the digest of the prices on which a job's days in a portfolio are valued; empty where it is not known."""
    return str(db.execute_sql(_DIGEST, (job_id, portfolio_id)).fetchone()[0])


def _records(
    db: SqliteDatabase, portfolio_id: int, days: Iterable[NewDay], digest: str, moment: str
) -> Iterator[tuple[object, ...]]:
    by_job: dict[str, list[bool]] = {}
    for day in days:
        by_job.setdefault(day.day.job_id, []).append(day.changed)
    for job_id, changed in by_job.items():
        old = valued_on(db, portfolio_id, job_id)
        yield job_id, portfolio_id, moment, old, digest, len(changed), sum(changed)


def _position(row: tuple[Any, ...]) -> StoredPosition:
    id_, action_type, cash, *figures, holdings = row
    return StoredPosition(
        id=id_,
        action_type=action_type,
        cash=cash,
        holdings=json.loads(holdings),
        figures=Figures._make(figures),
    )

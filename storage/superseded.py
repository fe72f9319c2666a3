"""Trading days that a later commit replaced: moved aside whole, told under the job that had committed them.

`trading_days`, `positions`, `holdings` and `rejections` hold the current chain of each portfolio alone, so nothing that
reads them can count a replaced day. What hangs on a replaced day is kept as one JSON text.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from peewee import SqliteDatabase

from storage.database import insert_many, timestamp
from storage.results import (
    DayKey,
    DayRow,
    PositionRow,
    RejectionRow,
    ResultQuery,
    day_row,
    find_positions,
    find_rejections,
)

#: days moved with one statement each way; bounds the values of a statement
CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SupersededDay:
    """A replaced day with what hangs on it."""

    day: DayRow
    positions: list[PositionRow]
    rejections: list[RejectionRow]


_VALUES = "cash, portfolio_value, daily_profit, daily_return_pct, cumulative_profit, cumulative_return_pct"
_LATER = f"""
    SELECT t.date, p.model, t.job_id, t.position_id, {", ".join(f"t.{name}" for name in _VALUES.split(", "))},
           t.day_number, d.attempt
    FROM trading_days t JOIN portfolios p ON p.id = t.portfolio_id
    JOIN job_details d ON (d.job_id, d.date, d.model) = (t.job_id, t.date, p.model)
    WHERE t.portfolio_id = ? AND t.date > ? ORDER BY t.date
"""
_OF_JOB = f"""
    SELECT s.date, p.model, s.job_id, 0, {", ".join(f"s.{name}" for name in _VALUES.split(", "))},
           s.superseded_by, s.superseded_at, s.id, s.content
    FROM superseded_days s JOIN portfolios p ON p.id = s.portfolio_id
    WHERE s.job_id = ? AND (? OR s.superseded_by != s.job_id) AND p.experiment = ? AND s.date >= ? AND s.date <= ?
        AND (? IS NULL OR p.model = ?) AND (s.date, p.model, s.id) > (?, ?, ?)
    ORDER BY s.date, p.model, s.id LIMIT ?
"""
_SUPERSEDED = ("portfolio_id", "date", "job_id", "attempt", "day_number", *_VALUES.split(", "))
_DELETE = "DELETE FROM {table} WHERE job_id = ? AND date = ? AND model = ?"


def supersede(db: SqliteDatabase, portfolio_id: int, after: str, by: str, now: datetime) -> list[DayKey]:
    """Move the trading days of a portfolio after a date aside, in the open transaction, and return which they were.

    `after` is empty for all of them; `by` is the job whose commit replaces them.
    """
    found = list(db.execute_sql(_LATER, (portfolio_id, after)))
    for start in range(0, len(found), CHUNK):
        _move(db, portfolio_id, found[start : start + CHUNK], by, now)
    return [(job_id, date, model) for date, model, job_id, *_ in found]


def superseded_days(db: SqliteDatabase, query: ResultQuery) -> list[SupersededDay]:
    """Return what a job had committed and another job replaced, by date, then model, then as they were replaced.

    Days that the job itself replaced, when it was retried, are no results of it, and only told when asked for.
    """
    dates, model = (query.first, query.last), (query.model, query.model)
    values = (query.job_id, query.own_superseded, query.experiment, *dates, *model, *query.after, query.limit)
    return [_superseded(row) for row in db.execute_sql(_OF_JOB, values)]


def is_superseded(db: SqliteDatabase, job_id: str) -> bool:
    """Tell whether another job has replaced days of a job."""
    sql = "SELECT 1 FROM superseded_days WHERE job_id = ? AND superseded_by != job_id LIMIT 1"
    return db.execute_sql(sql, (job_id,)).fetchone() is not None


def _move(db: SqliteDatabase, portfolio_id: int, found: Sequence[tuple[Any, ...]], by: str, now: datetime) -> None:
    days = [day_row(row) for row in found]
    positions, rejections = find_positions(db, days, with_holdings=True), find_rejections(db, days)
    rows = []
    for day, row in zip(days, found, strict=True):
        *values, day_number, attempt = row[4:]
        content = {
            "positions": [asdict(position) for position in positions[day.key]],
            "rejections": [asdict(rejection) for rejection in rejections[day.key]],
        }
        rows.append((portfolio_id, day.date, day.job_id, attempt, day_number, *values, json.dumps(content), by))
    moment = timestamp(now)
    insert_many(
        db,
        "superseded_days",
        (*_SUPERSEDED, "content", "superseded_by", "superseded_at"),
        ((*row, moment) for row in rows),
    )
    for table in ("positions", "rejections"):  # trading days and holdings go with their positions
        db.connection().executemany(_DELETE.format(table=table), [day.key for day in days])


def _superseded(row: tuple[Any, ...]) -> SupersededDay:
    superseded_by, superseded_at, superseded_id, content = row[10:]
    told = json.loads(content)
    return SupersededDay(
        day=replace(
            day_row(row), superseded_by=superseded_by, superseded_at=superseded_at, superseded_id=superseded_id
        ),
        positions=[PositionRow(**position) for position in told["positions"]],
        rejections=[RejectionRow(**rejection) for rejection in told["rejections"]],
    )

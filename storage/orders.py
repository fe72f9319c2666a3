"""Orders of the model-days that a job's events commit: what was booked and what was refused."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from peewee import SqliteDatabase

from storage.results import RejectionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRow:
    """An order that was booked; price and costs are in dollars."""

    action_id: int
    action_type: str
    symbol: str
    amount: int
    price: float
    commission: float = 0.0
    slippage: float = 0.0


@dataclass(slots=True, kw_only=True)
class DayOrders:
    """The orders of the model-day that the event of a sequence committed."""

    sequence: int
    date: str
    model: str
    fills: list[FillRow] = field(default_factory=list)
    rejections: list[RejectionRow] = field(default_factory=list)


#: events that committed a model-day which was not run again since
_COMMITTED = """
    SELECT e.sequence, e.date, e.model, {columns}
    FROM job_events e
    JOIN job_details d ON (d.job_id, d.date, d.model, d.attempt) = (e.job_id, e.date, e.model, e.attempt)
    JOIN {table} r ON (r.job_id, r.date, r.model) = (e.job_id, e.date, e.model)
    WHERE e.job_id = ? AND e.sequence > ? AND e.sequence <= ? AND e.event_type = 'model_day_completed'
      AND d.status = 'completed' {condition}
    ORDER BY e.sequence, r.id
"""
_FILLS = _COMMITTED.format(
    columns="r.action_id, r.action_type, r.symbol, r.amount, r.price, r.commission, r.slippage",
    table="positions",
    condition="AND r.action_type IN ('buy', 'sell')",
)
_REJECTIONS = _COMMITTED.format(
    columns="r.after_action_id, r.action_type, r.symbol, r.amount, r.reason, r.message",
    table="rejections",
    condition="",
)


def orders_between(db: SqliteDatabase, job_id: str, after: int, last: int) -> list[DayOrders]:
    """Return the orders that belong to the events of a job after a position up to another, in order."""
    found: dict[int, DayOrders] = {}
    bounds = (job_id, after, last)
    with db.atomic():  # one snapshot of the database for both reads
        fills, rejections = list(db.execute_sql(_FILLS, bounds)), list(db.execute_sql(_REJECTIONS, bounds))
    for day, rows in _by_event(fills, found):
        day.fills.extend(_fill(row) for row in rows)
    for day, rows in _by_event(rejections, found):
        day.rejections.extend(_rejection(row) for row in rows)
    return [found[sequence] for sequence in sorted(found)]


def _by_event(
    rows: list[tuple[Any, ...]], found: dict[int, DayOrders]
) -> Iterator[tuple[DayOrders, list[tuple[Any, ...]]]]:
    for (sequence, date, model), group in groupby(rows, key=lambda row: row[:3]):
        day = found.setdefault(sequence, DayOrders(sequence=sequence, date=date, model=model))
        yield day, [row[3:] for row in group]


def _fill(row: tuple[Any, ...]) -> FillRow:
    return FillRow(
        action_id=row[0],
        action_type=row[1],
        symbol=row[2],
        amount=row[3],
        price=row[4],
        commission=row[5],
        slippage=row[6],
    )


def _rejection(row: tuple[Any, ...]) -> RejectionRow:
    return RejectionRow(
        after_action_id=row[0], action_type=row[1], symbol=row[2], amount=row[3], reason=row[4], message=row[5]
    )

"""Results: what models did and earned, by date and model."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from peewee import SqliteDatabase

#: (job_id, date, model)
DayKey: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultQuery:
    """Which days to return; None means any. `after` is the `place` of the last one seen.

    `own_superseded` asks for the days that `job_id` itself replaced as well.
    """

    experiment: str
    first: str
    last: str
    job_id: str | None = None
    model: str | None = None
    after: tuple[str, str, int] = ("", "", 0)
    limit: int = 100
    own_superseded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """A trading day of a portfolio; money in dollars, returns in percent.

    Of one that was replaced, `superseded_by` names the job that did it, and `position_id` is 0. `superseded_id` is 0
    in a day that counts.
    """

    date: str
    model: str
    job_id: str
    position_id: int
    cash: float
    portfolio_value: float
    daily_profit: float
    daily_return_pct: float
    cumulative_profit: float
    cumulative_return_pct: float
    superseded_by: str | None = None
    superseded_at: str | None = None
    superseded_id: int = 0

    @property
    def place(self) -> tuple[str, str, int]:
        """Where it stands in the order of results."""
        return self.date, self.model, self.superseded_id

    @property
    def key(self) -> DayKey:
        """What identifies the day among all jobs."""
        return self.job_id, self.date, self.model


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow:
    """A stored position with its holdings; money in dollars, returns in percent."""

    action_id: int
    action_type: str
    symbol: str | None
    amount: int | None
    price: float | None
    cash: float
    portfolio_value: float
    daily_profit: float
    daily_return_pct: float
    holdings: dict[str, int]
    commission: float = 0.0
    slippage: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectionRow:
    """A stored rejection."""

    after_action_id: int
    action_type: str
    symbol: str
    amount: str
    reason: str
    message: str


_DAYS = """
    SELECT t.date, p.model, t.job_id, t.position_id, t.cash, t.portfolio_value, t.daily_profit, t.daily_return_pct,
           t.cumulative_profit, t.cumulative_return_pct
    FROM trading_days t JOIN portfolios p ON p.id = t.portfolio_id
    WHERE {conditions} AND (t.date, p.model, 0) > (?, ?, ?) ORDER BY t.date, p.model LIMIT ?
"""
#: the days asked for, joined to what hangs on them by (job, date, model)
_OF_DAYS = "FROM (VALUES {days}) AS d JOIN {table} AS r ON (r.job_id, r.date, r.model) = (column1, column2, column3)"
_POSITIONS = f"""
    SELECT r.job_id, r.date, r.model, r.id, action_id, action_type, symbol, amount, price, cash, portfolio_value,
           daily_profit, daily_return_pct, commission, slippage
    {_OF_DAYS.replace("{table}", "positions")} ORDER BY r.id
"""
_REJECTIONS = f"""
    SELECT r.job_id, r.date, r.model, after_action_id, action_type, symbol, amount, reason, message
    {_OF_DAYS.replace("{table}", "rejections")} ORDER BY r.id
"""
_HOLDINGS = f"""
    SELECT h.position_id, h.symbol, h.quantity
    {_OF_DAYS.replace("{table}", "positions")} JOIN holdings AS h ON h.position_id = r.id ORDER BY h.id
"""
_CLOSING = "SELECT position_id, symbol, quantity FROM holdings WHERE position_id IN ({places}) ORDER BY id"


def find_days(db: SqliteDatabase, query: ResultQuery) -> list[DayRow]:
    """Return trading days by date, then model."""
    conditions, values = ["p.experiment = ?", "t.date >= ?", "t.date <= ?"], [query.experiment, query.first, query.last]
    if query.job_id is not None:
        conditions.append("t.job_id = ?")
        values.append(query.job_id)
    if query.model is not None:
        conditions.append("p.model = ?")
        values.append(query.model)
    sql = _DAYS.format(conditions=" AND ".join(conditions))
    return [day_row(row) for row in db.execute_sql(sql, (*values, *query.after, query.limit))]


def closing_holdings(db: SqliteDatabase, days: Sequence[DayRow]) -> dict[int, dict[str, int]]:
    """Return the shares by symbol at the end of each day, by `position_id`."""
    ids = [day.position_id for day in days]
    return _holdings(db.execute_sql(_CLOSING.format(places=", ".join("?" * len(ids))), tuple(ids)))


def find_positions(
    db: SqliteDatabase, days: Sequence[DayRow], *, with_holdings: bool
) -> dict[DayKey, list[PositionRow]]:
    """Return every position of some days in order, with or without what was held."""
    holdings = _holdings(db.execute_sql(*_asking(_HOLDINGS, days))) if with_holdings else {}
    positions: dict[DayKey, list[PositionRow]] = {day.key: [] for day in days}
    for job_id, date, model, position_id, *rest in db.execute_sql(*_asking(_POSITIONS, days)):
        positions[job_id, date, model].append(_position(rest, holdings.get(position_id, {})))
    return positions


def find_rejections(db: SqliteDatabase, days: Sequence[DayRow]) -> dict[DayKey, list[RejectionRow]]:
    """Return the rejections of some days in order."""
    rejections: dict[DayKey, list[RejectionRow]] = {day.key: [] for day in days}
    for job_id, date, model, *rest in db.execute_sql(*_asking(_REJECTIONS, days)):
        rejections[job_id, date, model].append(_rejection(rest))
    return rejections


def day_row(row: tuple[Any, ...]) -> DayRow:
    """Return the day that a row begins with: its values in the order of the fields, without how it was superseded."""
    return DayRow(
        date=row[0],
        model=row[1],
        job_id=row[2],
        position_id=row[3],
        cash=row[4],
        portfolio_value=row[5],
        daily_profit=row[6],
        daily_return_pct=row[7],
        cumulative_profit=row[8],
        cumulative_return_pct=row[9],
    )


def _asking(sql: str, days: Sequence[DayRow]) -> tuple[str, tuple[str, ...]]:
    """Return a statement about some days with its values."""
    return sql.format(days=", ".join(["(?, ?, ?)"] * len(days))), tuple(part for day in days for part in day.key)


def _holdings(rows: Iterable[tuple[int, str, int]]) -> dict[int, dict[str, int]]:
    holdings: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for position_id, symbol, quantity in rows:
        holdings[position_id][symbol] = quantity
    return holdings


def _position(row: Sequence[Any], holdings: dict[str, int]) -> PositionRow:
    return PositionRow(
        action_id=row[0],
        action_type=row[1],
        symbol=row[2],
        amount=row[3],
        price=row[4],
        cash=row[5],
        portfolio_value=row[6],
        daily_profit=row[7],
        daily_return_pct=row[8],
        commission=row[9],
        slippage=row[10],
        holdings=holdings,
    )


def _rejection(row: Sequence[Any]) -> RejectionRow:
    return RejectionRow(
        after_action_id=row[0], action_type=row[1], symbol=row[2], amount=row[3], reason=row[4], message=row[5]
    )

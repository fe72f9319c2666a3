"""What rounds left in a database: checked against the rules of the ledger and of events, and against another round."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from peewee import SqliteDatabase

from storage.comparison import compare_job
from storage.money import from_real
from tests.e2e.crash_rounds import Round

_PORTFOLIOS = "SELECT id, experiment, model, initial_cash, last_day, last_value, trading_days FROM portfolios"
_DAYS = """
    SELECT t.date, t.job_id, t.position_id, t.day_number, t.cash, t.portfolio_value, t.daily_profit
    FROM trading_days t WHERE t.portfolio_id = ? ORDER BY t.date
"""
_POSITIONS = """
    SELECT id, action_id, action_type, symbol, amount, price, cash FROM positions
    WHERE job_id = ? AND date = ? AND model = ? ORDER BY action_id
"""
_COMMITS = """
    SELECT date, model, SUM(event_type = 'model_day_completed') - SUM(event_type = 'model_day_superseded')
    FROM job_events WHERE job_id = ? AND date IS NOT NULL GROUP BY date, model
"""
_STARTS = """
    SELECT date, model, attempt FROM job_events WHERE job_id = ? AND event_type = 'model_day_started'
"""
_LEFT = "SELECT model, date, status FROM job_details WHERE job_id = ? ORDER BY date, model"
_SUPERSEDED = """
    SELECT p.model, s.date, s.day_number, s.cash, s.portfolio_value, s.daily_profit
    FROM superseded_days s JOIN portfolios p ON p.id = s.portfolio_id WHERE s.job_id = ? ORDER BY p.model, s.date, s.id
"""
_STANDINGS = """
    SELECT model, definition, initial_cash, last_day, last_value, trading_days, claimed_by FROM portfolios
    WHERE experiment = ? ORDER BY model
"""


def differences(one: tuple[SqliteDatabase, Round], other: tuple[SqliteDatabase, Round]) -> Iterator[str]:
    """Tell in what two rounds differ, ids, times and failed attempts left aside."""
    (db, first), (other_db, second) = one, other
    for purpose, job_id in first.jobs.items():
        place = f"{second.experiment} {purpose}"
        for table in compare_job((db, job_id), (other_db, second.jobs[purpose])):
            if table.difference is not None:
                yield f"{place}: {table.difference}"
        for sql in (_LEFT, _SUPERSEDED):
            yield from _different(place, _rows(db, sql, job_id), _rows(other_db, sql, second.jobs[purpose]))
    for suffix in ("", "-cancelled", "-agents"):
        names = [f"{each.experiment}{suffix}" for each in (first, second)]
        yield from _different(names[1], _rows(db, _STANDINGS, names[0]), _rows(other_db, _STANDINGS, names[1]))


def faults(db: SqliteDatabase) -> Iterator[str]:
    """Tell what is wrong with a database in which every job has ended."""
    for sql in ("PRAGMA integrity_check", "PRAGMA foreign_key_check"):
        yield from _different(sql, [("ok",)] if "integrity" in sql else [], _rows(db, sql))
    for what, sql in _NOTHING_LEFT.items():
        yield from _different(what, [(0,)], _rows(db, sql))
    for (job_id,) in _rows(db, "SELECT job_id FROM jobs"):
        yield from _faults_of_job(db, job_id)
    for portfolio in _rows(db, _PORTFOLIOS):
        yield from _faults_of_portfolio(db, *portfolio)


_NOTHING_LEFT = {
    "jobs that have not ended": "SELECT COUNT(*) FROM jobs WHERE status IN ('pending', 'running')",
    "model-days that have not ended": "SELECT COUNT(*) FROM job_details WHERE status IN ('pending', 'running')",
    "portfolios that are held": "SELECT COUNT(*) FROM portfolios WHERE claimed_by IS NOT NULL",
    "jobs that wait": "SELECT COUNT(*) FROM queued_jobs",
    "deliveries that were not made": "SELECT COUNT(*) FROM deliveries WHERE status != 'delivered'",
    "ends that nobody was told of": """
        SELECT COUNT(*) FROM job_events e WHERE event_type = 'job_ended' AND NOT EXISTS (
            SELECT 1 FROM deliveries d WHERE d.job_id = e.job_id AND d.sequence = e.sequence
        )
    """,
    "completed model-days without a trading day, or the other way round": """
        SELECT COUNT(*) FROM (
            SELECT d.job_id, d.date, d.model FROM job_details d WHERE d.status = 'completed'
            EXCEPT SELECT job_id, date, model FROM (
                SELECT t.job_id, t.date, p.model FROM trading_days t JOIN portfolios p ON p.id = t.portfolio_id
                UNION SELECT s.job_id, s.date, p.model FROM superseded_days s JOIN portfolios p ON p.id = s.portfolio_id
            )
        )
    """,
    "positions without a trading day": """
        SELECT COUNT(*) FROM positions s WHERE NOT EXISTS (
            SELECT 1 FROM trading_days t JOIN portfolios p ON p.id = t.portfolio_id
            WHERE (t.job_id, t.date, p.model) = (s.job_id, s.date, s.model)
        )
    """,
}


def _faults_of_job(db: SqliteDatabase, job_id: str) -> Iterator[str]:
    """Check a job's log: without a gap, ended, no attempt begun twice, every model-day committed once and no more."""
    events = _rows(db, "SELECT sequence, event_type FROM job_events WHERE job_id = ? ORDER BY sequence", job_id)
    yield from _different(f"{job_id}: sequences", list(range(1, len(events) + 1)), [row[0] for row in events])
    yield from _different(f"{job_id}: last event", "job_ended", events[-1][1])
    begun = Counter(_rows(db, _STARTS, job_id))
    yield from (f"{job_id}: attempt {attempt} began {times} times" for attempt, times in begun.items() if times > 1)
    yield from (f"{job_id}: {row} commits" for row in _rows(db, _COMMITS, job_id) if row[2] != 1)
    counted = _rows(db, "SELECT completed_model_days, failed_model_days FROM jobs WHERE job_id = ?", job_id)
    completed = _rows(db, "SELECT COUNT(*) FROM job_details WHERE job_id = ? AND status = 'completed'", job_id)
    yield from _different(f"{job_id}: counts", [(completed[0][0], 0)], counted)
    numbers = _rows(
        db, "SELECT date, model, COUNT(*), MAX(number) FROM attempts WHERE job_id = ? GROUP BY 1, 2", job_id
    )
    yield from (f"{job_id}: attempts {row} are not all told" for row in numbers if row[2] != row[3])


def _faults_of_portfolio(
    db: SqliteDatabase, id_: int, experiment: str, model: str, cash: float, last: str, value: float, count: int
) -> Iterator[str]:
    """Replay every fill from the initial cash on."""
    place = f"{experiment} {model}"
    money, held, before = from_real(cash), Counter[str](), from_real(cash)
    days = _rows(db, _DAYS, id_)
    yield from _different(f"{place}: days", list(range(1, count + 1)), [day[3] for day in days])
    yield from _different(f"{place}: last", (last, value), (days[-1][0], days[-1][5]))
    for date, job_id, position_id, _, closing, worth, profit in days:
        positions = _rows(db, _POSITIONS, job_id, date, model)
        yield from _different(f"{place} {date}: actions", list(range(len(positions))), [row[1] for row in positions])
        for row in positions:
            money = _filled(money, held, row)
            yield from _different(f"{place} {date}: cash after action {row[1]}", money, from_real(row[6]))
        yield from _different(
            f"{place} {date}: last position", (position_id, money), (positions[-1][0], from_real(closing))
        )
        stored = _rows(db, "SELECT symbol, quantity FROM holdings WHERE position_id = ?", position_id)
        yield from _different(f"{place} {date}: holdings", +held, Counter(dict(stored)))
        yield from _different(f"{place} {date}: profit", from_real(worth) - before, from_real(profit))
        before = from_real(worth)


def _filled(money: Decimal, held: "Counter[str]", position: Sequence[Any]) -> Decimal:
    """Book the action of a position and return the cash after it."""
    _, _, action, symbol, amount, price, _ = position
    if action not in ("buy", "sell"):
        return money
    sign = 1 if action == "buy" else -1
    held[symbol] += sign * amount
    return money - sign * amount * from_real(price)


def _different(place: str, expected: object, found: object) -> Iterator[str]:
    if expected != found:
        yield f"{place}: {_short(expected)} was expected, {_short(found)} was found"


def _short(value: object) -> str:
    return json.dumps(value, default=str)[:600]


def _rows(db: SqliteDatabase, sql: str, *values: object) -> list[tuple[Any, ...]]:
    return list(db.execute_sql(sql, values))

"""Removing jobs with all that hangs on them, a little in each transaction, so that nobody waits long for any.

Model-days go by date, so the trading days of a portfolio go from the front of its chain; what the rest builds on is
carried in the same transaction. After every transaction the database is whole: whoever stops in between leaves jobs
with fewer model-days, and can go on later.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from peewee import SqliteDatabase

from storage.carried import carry
from storage.recordings import remove_texts, unused_texts
from storage.removable import IS_REMOVABLE, Removable

#: model-days in one transaction; some ten milliseconds
MODEL_DAYS = 50

#: events, or texts, in one transaction
EVENTS, TEXTS = 2000, 500

_OF_POSITION = "position_id IN (SELECT id FROM positions WHERE {condition})"
_OF_PORTFOLIO = "job_id = ? AND date = ? AND portfolio_id IN (SELECT id FROM portfolios WHERE model = ?)"
_OF_MODEL_DAY, _OF_JOB = "job_id = ? AND date = ? AND model = ?", "job_id = ?"

#: what hangs on a model-day, those that refer to others first: table → its rows of a (job_id, date, model)
MODEL_DAY_TABLES = {
    "holdings": _OF_POSITION.format(condition=_OF_MODEL_DAY),
    "trading_days": _OF_POSITION.format(condition=_OF_MODEL_DAY),
    "superseded_days": _OF_PORTFOLIO,
    **dict.fromkeys(
        (
            "positions",
            "rejections",
            "recordings",
            "observations",
            "dropped_observations",
            "tool_usage",
            "reasoning_logs",
            "sessions",
            "attempts",
            "job_details",
        ),
        _OF_MODEL_DAY,
    ),
}
#: what hangs on a job besides, and the job: table → its rows of a job_id
JOB_TABLES = dict.fromkeys(
    ("revaluations", "deliveries", "callbacks", "known_requests", "job_retries", "job_events", "jobs"), _OF_JOB
)

#: every table that a cleanup removes rows from, in the order in which they are told
TABLES = (*reversed(JOB_TABLES), *reversed(MODEL_DAY_TABLES), "recorded_texts")

_CHAINS = f"""
    SELECT DISTINCT j.experiment, d.model, p.id FROM jobs j JOIN job_details d ON d.job_id = j.job_id
    LEFT JOIN portfolios p ON p.experiment = j.experiment AND p.model = d.model
    WHERE {IS_REMOVABLE} ORDER BY j.experiment, d.model
"""
#: the first date whose trading day has to stay: one of another job, or what an active job may replace
_STAYS = f"""
    SELECT MIN(date) FROM (
        SELECT * FROM (
            SELECT t.date FROM trading_days t JOIN jobs j ON j.job_id = t.job_id
            WHERE t.portfolio_id = ?3 AND NOT {IS_REMOVABLE} ORDER BY t.date LIMIT 1)
        UNION ALL
        SELECT d.date FROM portfolios p JOIN job_details d ON d.job_id = p.claimed_by AND d.model = p.model
        WHERE p.id = ?3)
"""
_MODEL_DAYS = f"""
    SELECT d.job_id, d.date, d.model, t.position_id IS NOT NULL
    FROM jobs j JOIN job_details d ON d.job_id = j.job_id
    LEFT JOIN trading_days t ON t.portfolio_id = ?3 AND t.date = d.date AND t.job_id = d.job_id
    WHERE {IS_REMOVABLE} AND j.experiment = ?4 AND d.model = ?5 AND (d.date < ?6 OR t.position_id IS NULL)
    ORDER BY d.date LIMIT ?7
"""
_COUNT_AGAIN = """
    UPDATE jobs SET total_model_days = (SELECT COUNT(*) FROM job_details d WHERE d.job_id = jobs.job_id),
        (completed_model_days, failed_model_days) =
            (SELECT COALESCE(SUM(status = 'completed'), 0), COALESCE(SUM(status = 'failed'), 0)
             FROM job_details d WHERE d.job_id = jobs.job_id)
    WHERE job_id = ?
"""
#: a job none of whose model-days is left
_IS_BARE = f"""
    SELECT j.last_sequence FROM jobs j
    WHERE {IS_REMOVABLE} AND j.job_id = ?3 AND NOT EXISTS (SELECT 1 FROM job_details d WHERE d.job_id = j.job_id)
"""
_OLD_EVENTS = """
    DELETE FROM job_events WHERE job_id = ?1 AND sequence < ?2 AND sequence IN
        (SELECT sequence FROM job_events WHERE job_id = ?1 ORDER BY sequence LIMIT ?3)
"""


class _Chain(NamedTuple):
    """Model-days of a model in an experiment, with its portfolio; jobs of an earlier version have none."""

    experiment: str
    model: str
    portfolio_id: int | None


def count_rows(db: SqliteDatabase, removable: Removable) -> Counter[str]:
    """Return how many rows of each table would be removed."""
    with db.atomic("DEFERRED"):  # one snapshot of the database for all reads
        jobs = removable.values[0]
        of_jobs = "job_id IN (SELECT value FROM json_each(?))"
        conditions = dict.fromkeys(TABLES[:-1], of_jobs) | {"holdings": _OF_POSITION.format(condition=of_jobs)}
        counts = Counter(
            {
                table: int(db.execute_sql(f"SELECT COUNT(*) FROM {table} WHERE {condition}", (jobs,)).fetchone()[0])
                for table, condition in conditions.items()
            }
        )
        return counts + Counter(recorded_texts=len(unused_texts(db, jobs)))


def remove(db: SqliteDatabase, removable: Removable, now: datetime) -> Iterator[Counter[str]]:
    """Remove the jobs, and give after each transaction how many rows of each table went with it."""
    for values in list(db.execute_sql(_CHAINS, removable.values)):
        chain = _Chain(*values)
        yield from _repeated(db, partial(_remove_model_days, db, removable, chain, now))
    for job_id in removable.job_ids:
        yield from _repeated(db, partial(_remove_job, db, removable, job_id))
    newest = int(db.execute_sql("SELECT COALESCE(MAX(id), 0) FROM recordings").fetchone()[0])
    unused = unused_texts(db, "[]")
    for start in range(0, len(unused), TEXTS):
        with db.atomic("IMMEDIATE"):
            removed = remove_texts(db, unused[start : start + TEXTS], newest)
        yield Counter(recorded_texts=removed)


def _repeated(db: SqliteDatabase, step: Callable[[], Counter[str] | None]) -> Iterator[Counter[str]]:
    """Do a step in one transaction after the other until there is nothing left of it."""
    while True:
        with db.atomic("IMMEDIATE"):
            removed = step()
        if removed is None:
            return
        yield removed


def _remove_model_days(db: SqliteDatabase, removable: Removable, chain: _Chain, now: datetime) -> Counter[str] | None:
    """Remove the next model-days of a chain, and carry the state that the others build on; None when none may go."""
    (stays,) = db.execute_sql(_STAYS, (*removable.values, chain.portfolio_id)).fetchone()
    values = (*removable.values, chain.portfolio_id, chain.experiment, chain.model, stays or "9999-12-32", MODEL_DAYS)
    found = list(db.execute_sql(_MODEL_DAYS, values))
    if not found:
        return None
    days = [date for _, date, _, is_trading_day in found if is_trading_day]
    if days and chain.portfolio_id is not None:
        carry(db, chain.portfolio_id, days[-1], now)
    keys = [(job_id, date, model) for job_id, date, model, _ in found]
    removed = _delete(db, MODEL_DAY_TABLES, keys)
    db.connection().executemany(_COUNT_AGAIN, {(job_id,) for job_id, _, _ in keys})
    return removed


def _remove_job(db: SqliteDatabase, removable: Removable, job_id: str) -> Counter[str] | None:
    """Remove the next events of a job, and at last the job; None when it is gone, or something of it has to stay."""
    bare = db.execute_sql(_IS_BARE, (*removable.values, job_id)).fetchone()
    if bare is None:
        return None
    removed = db.execute_sql(_OLD_EVENTS, (job_id, bare[0], EVENTS)).rowcount
    if removed == EVENTS:
        return Counter(job_events=removed)
    # rows of earlier versions need not belong to a model-day
    left = {"holdings": _OF_POSITION.format(condition=_OF_JOB), "trading_days": _OF_JOB}
    tables = left | dict.fromkeys((table for table in MODEL_DAY_TABLES if table not in left), _OF_JOB)
    return Counter(job_events=removed) + _delete(db, tables | JOB_TABLES, [(job_id,)])


def _delete(db: SqliteDatabase, tables: Mapping[str, str], keys: Sequence[tuple[str, ...]]) -> Counter[str]:
    """Delete rows of tables by keys, and return how many there were."""
    connection = db.connection()
    return Counter(
        {
            table: connection.executemany(f"DELETE FROM {table} WHERE {condition}", keys).rowcount
            for table, condition in tables.items()
        }
    )

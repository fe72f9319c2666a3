"""A database as it is after years of jobs: rows in all tables, written in bulk, as the product would have."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

from peewee import SqliteDatabase

from storage.database import insert_many, open_database

MODELS = tuple(f"model-{number}" for number in range(10))
DATES = tuple((date(2024, 1, 1) + timedelta(days=number)).isoformat() for number in range(100))

#: position rows of a model-day: the opening one and four fills
ACTIONS = 5

#: symbols in each position
HELD = ("AAPL", "MSFT", "NVDA")

_NO_TRADE = ("no_trade", None, None, None)
_BUY, _SELL = ("buy", "AAPL", 1, 200.25), ("sell", "AAPL", 1, 200.25)
#: of each position of a day the fill, the cash after it, and how much of each symbol is held then
FIRST_DAY = (
    (_NO_TRADE, 10_000.0, (0, 0, 0)),
    (("buy", "AAPL", 4, 200.25), 9_199.0, (4, 0, 0)),
    (("buy", "MSFT", 5, 200.25), 8_197.75, (4, 5, 0)),
    (("buy", "NVDA", 5, 200.25), 7_196.5, (4, 5, 5)),
    (_BUY, 6_996.25, (5, 5, 5)),
)
LATER_DAY = (
    (_NO_TRADE, 6_996.25, (5, 5, 5)),
    (_BUY, 6_796.0, (6, 5, 5)),
    (_SELL, 6_996.25, (5, 5, 5)),
    (_BUY, 6_796.0, (6, 5, 5)),
    (_SELL, 6_996.25, (5, 5, 5)),
)

POSITIONS_PER_JOB = len(MODELS) * len(DATES) * ACTIONS

MOMENT = "2025-01-01T00:00:00.000000Z"

_JOB = ("job_id", "config_path", "status", "date_range", "models", "created_at", "started_at", "completed_at",
        "experiment", "total_model_days", "completed_model_days", "last_sequence")  # fmt: skip
_PORTFOLIO = ("id", "experiment", "model", "definition", "initial_cash", "last_day", "last_value", "trading_days",
              "created_at")  # fmt: skip
_DETAIL = ("job_id", "date", "model", "status", "started_at", "completed_at", "duration_seconds", "attempt")
_ATTEMPT = ("job_id", "date", "model", "number", "started_at", "ended_at", "outcome")
_POSITION = ("id", "job_id", "date", "model", "action_id", "action_type", "symbol", "amount", "price", "cash",
             "portfolio_value", "daily_profit", "daily_return_pct", "cumulative_profit", "cumulative_return_pct",
             "created_at")  # fmt: skip
_HOLDING = ("position_id", "symbol", "quantity")
_TRADING_DAY = ("portfolio_id", "date", "job_id", "position_id", "day_number", "cash", "portfolio_value",
                "daily_profit", "daily_return_pct", "cumulative_profit", "cumulative_return_pct")  # fmt: skip
_EVENT = ("job_id", "sequence", "created_at", "event_type", "status", "date", "model", "attempt", "duration_seconds",
          "portfolio_value", "fills", "total_model_days", "completed", "failed")  # fmt: skip

Rows = Iterator[tuple[object, ...]]


def fill(path: Path, positions: int) -> None:
    """Add finished jobs, each in an experiment of its own, until `positions` position rows were added."""
    db = open_database(path)
    with _fast(db):
        for number in range(positions // POSITIONS_PER_JOB):
            _add_job(db, number, str(UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128)))
    db.close()


@contextmanager
def _fast(db: SqliteDatabase) -> Iterator[None]:
    """Write without waiting for the disk, and make plain indexes afterwards, from their sorted rows."""
    db.execute_sql("PRAGMA synchronous = off")
    tables = "('job_details', 'positions', 'holdings', 'trading_days')"
    found = db.execute_sql(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN {tables}"
    ).fetchall()
    with db.atomic("IMMEDIATE"):
        for name, _ in found:
            db.execute_sql(f"DROP INDEX {name}")
        yield
        for _, sql in found:
            db.execute_sql(sql)


def _add_job(db: SqliteDatabase, number: int, job_id: str) -> None:
    total = len(MODELS) * len(DATES)
    experiment, last = f"filled-{number}", 2 * total + 3
    dates, models = json.dumps(DATES), json.dumps(MODELS)
    job = (job_id, "filled.json", "completed", dates, models, MOMENT, MOMENT, MOMENT, experiment, total, total, last)
    insert_many(db, "jobs", _JOB, [job])
    insert_many(db, "portfolios", _PORTFOLIO, _portfolios(number, experiment))
    insert_many(db, "job_details", _DETAIL, _details(job_id))
    first = number * POSITIONS_PER_JOB + 1
    insert_many(db, "positions", _POSITION, _positions(job_id, first))
    insert_many(db, "holdings", _HOLDING, _holdings(first))
    insert_many(db, "attempts", _ATTEMPT, _attempts(job_id))
    insert_many(db, "trading_days", _TRADING_DAY, _trading_days(number, job_id, first))
    insert_many(db, "job_events", _EVENT, _events(job_id, total))


def _portfolios(number: int, experiment: str) -> Rows:
    for place, model in enumerate(MODELS):
        id_ = number * len(MODELS) + place + 1
        yield id_, experiment, model, "{}", 10_000.0, DATES[-1], 10_000.0 + place, len(DATES), MOMENT


def _details(job_id: str) -> Rows:
    for day in DATES:
        for model in MODELS:
            yield job_id, day, model, "completed", MOMENT, MOMENT, 0.01, 1


def _positions(job_id: str, first: int) -> Rows:
    """Yield rows that follow from each other: a first day that buys what is held, then days that buy and sell back."""
    id_ = first
    for row, day in enumerate(DATES):
        for place, model in enumerate(MODELS):
            profit = 0.0 if row else float(place)
            state = (10_000.0 + place, profit, profit / 100, float(place), place / 100, MOMENT)
            for action, (fill, cash, _) in enumerate(LATER_DAY if row else FIRST_DAY):
                yield id_ + action, job_id, day, model, action, *fill, cash, *state
            id_ += ACTIONS


def _holdings(first: int) -> Rows:
    id_ = first
    for row in range(len(DATES)):
        for _ in MODELS:
            for action, (_, _, held) in enumerate(LATER_DAY if row else FIRST_DAY):
                for symbol, quantity in zip(HELD, held, strict=True):
                    if quantity:
                        yield id_ + action, symbol, quantity
            id_ += ACTIONS


def _trading_days(number: int, job_id: str, first: int) -> Rows:
    """Yield the closing rows, by portfolio."""
    cash = LATER_DAY[-1][1]
    for place in range(len(MODELS)):
        for row, day in enumerate(DATES):
            position = first + (row * len(MODELS) + place + 1) * ACTIONS - 1
            portfolio, profit = number * len(MODELS) + place + 1, 0.0 if row else float(place)
            gains = (profit, profit / 100, float(place), place / 100)
            yield portfolio, day, job_id, position, row + 1, cash, 10_000.0 + place, *gains


def _attempts(job_id: str) -> Rows:
    for day in DATES:
        for model in MODELS:
            yield job_id, day, model, 1, MOMENT, MOMENT, "succeeded"


def _events(job_id: str, total: int) -> Rows:
    yield job_id, 1, MOMENT, "job_accepted", "pending", None, None, None, None, None, None, total, 0, 0
    yield job_id, 2, MOMENT, "job_started", "running", None, None, None, None, None, None, total, 0, 0
    sequence, done = 3, 0
    for day in DATES:
        for model in MODELS:
            key = (day, model, 1)
            yield job_id, sequence, MOMENT, "model_day_started", "running", *key, None, None, None, total, done, 0
            done += 1
            ended = (0.01, 10_000.25, ACTIONS - 1, total, done, 0)
            yield job_id, sequence + 1, MOMENT, "model_day_completed", "running", *key, *ended
            sequence += 2
    yield job_id, sequence, MOMENT, "job_ended", "completed", None, None, None, 10.0, None, None, total, done, 0

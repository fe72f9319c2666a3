"""How much there is: sizes, rows by table, jobs by status and by day, the models with the most model-days."""

import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from peewee import SqliteDatabase

#: models that are named
TOP = 10

#: days that jobs are counted for, the last one today
DAYS = 30

# SQLite's own tables and the list of migrations hold nothing of the service
_TABLES = """
    SELECT name FROM sqlite_master
    WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'schema_migrations' ORDER BY name
"""

_MODELS = """
    SELECT model, SUM(trading_days), COUNT(*) FROM portfolios GROUP BY model ORDER BY 2 DESC, model LIMIT ?
"""

_JOB_DAYS = "SELECT substr(created_at, 1, 10), COUNT(*) FROM jobs WHERE created_at >= ? GROUP BY 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCount:
    """A model, the trading days of its portfolios and how many of them it has."""

    model: str
    trading_days: int
    portfolios: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageStatus:
    """What a database holds.

    `bytes` are those of its file, `wal_bytes` those of the write-ahead log beside it; `free_bytes` of the file are what
    `db vacuum` would give back, `free_disk_bytes` are left on its disk. `job_days` are the last `DAYS` dates in UTC,
    ascending, with the jobs created on each. Trading dates are empty where there is no trading day.
    """

    bytes: int
    wal_bytes: int
    free_bytes: int
    free_disk_bytes: int
    rows: dict[str, int]
    jobs: dict[str, int]
    job_days: dict[str, int]
    models: tuple[ModelCount, ...]
    schema_version: str
    first_date: str
    last_date: str


def storage_status(db: SqliteDatabase, today: date) -> StorageStatus:
    """Count everything as of one moment; `today` is the date in UTC.

    SQLite keeps no count of rows, so each table is gone through by its smallest index: 0.2 s for a million positions
    with what belongs to them (600 MB, in memory), and more by as much as there is more. Callers wait in a thread.
    """
    path = Path(db.database)
    with db.atomic("DEFERRED"):
        models = db.execute_sql(_MODELS, (TOP,))
        first, last = db.execute_sql("SELECT MIN(date), MAX(date) FROM trading_days").fetchone()
        return StorageStatus(
            bytes=_size(path),
            wal_bytes=_size(path.with_name(f"{path.name}-wal")),
            free_bytes=_number(db, "PRAGMA freelist_count") * _number(db, "PRAGMA page_size"),
            free_disk_bytes=shutil.disk_usage(path.absolute().parent).free,
            rows={name: _number(db, f"SELECT COUNT(*) FROM {name}") for (name,) in db.execute_sql(_TABLES).fetchall()},
            jobs=dict(db.execute_sql("SELECT status, COUNT(*) FROM jobs GROUP BY status ORDER BY status")),
            job_days=_job_days(db, today),
            models=tuple(ModelCount(model=name, trading_days=days, portfolios=own) for name, days, own in models),
            schema_version=db.execute_sql("SELECT MAX(name) FROM schema_migrations").fetchone()[0],
            first_date=first or "",
            last_date=last or "",
        )


def _job_days(db: SqliteDatabase, today: date) -> dict[str, int]:
    days = [(today - timedelta(days=ago)).isoformat() for ago in reversed(range(DAYS))]
    found = dict(db.execute_sql(_JOB_DAYS, (days[0],)))
    return {day: found.get(day, 0) for day in days}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _number(db: SqliteDatabase, sql: str) -> int:
    return int(db.execute_sql(sql).fetchone()[0])

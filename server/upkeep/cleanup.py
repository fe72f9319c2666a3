"""The cleanup of a database: jobs that ended long ago go, and nobody who reads or writes beside it waits for long."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from peewee import DatabaseError, SqliteDatabase

from storage.database import PRAGMAS
from storage.removable import Removable, removable_jobs
from storage.removal import TABLES, count_rows, remove
from storage.writer import storage_error

#: seconds between two transactions at least; they take as long again as the one before, so that others come in
PAUSE = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupReport:
    """What a cleanup removed, or would remove on a dry run: rows by table.

    `kept` are the jobs that ended before the time too, each with the reason why it stays.
    """

    ended_before: datetime
    dry_run: bool
    rows: Mapping[str, int]
    kept: Mapping[str, str]


def cleanup(
    db: SqliteDatabase,
    ended_before: datetime,
    *,
    now: datetime,
    dry_run: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> CleanupReport:
    """Remove the jobs that ended before a time, with all that hangs on them; blocks, maybe for minutes.

    What a portfolio's other trading days build on is carried. A server may work on the database meanwhile; `db` has to
    be a connection of the cleanup's own. Whatever ends it, the database is whole, and the same call goes on.

    Raises:
        StorageBusyError: another process kept the database locked.
        StorageFullError: the disk took no more.
        StorageError: the database refused the write.
    """
    try:
        removable = removable_jobs(db, ended_before)
        rows = count_rows(db, removable) if dry_run else _remove(db, removable, now, sleep)
    except DatabaseError as error:
        raise storage_error(error) from error
    return CleanupReport(
        ended_before=ended_before,
        dry_run=dry_run,
        rows={table: rows[table] for table in TABLES},
        kept=removable.kept,
    )


def _remove(db: SqliteDatabase, removable: Removable, now: datetime, sleep: Callable[[float], None]) -> Counter[str]:
    rows: Counter[str] = Counter()
    # syncs would keep other writers out; what a power cut undoes is removed by the next cleanup
    db.execute_sql("PRAGMA synchronous = normal")
    try:
        began = time.monotonic()
        for removed in remove(db, removable, now):
            rows += removed
            sleep(max(PAUSE, time.monotonic() - began))
            began = time.monotonic()
    finally:
        db.execute_sql(f"PRAGMA synchronous = {PRAGMAS['synchronous']}")
    return rows

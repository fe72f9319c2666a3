"""The check of a whole database: the file first, then every invariant, all as of one moment."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

from peewee import DatabaseError, SqliteDatabase

from storage.checks import chains, file, jobs, ledger, values
from storage.checks.finding import Finding, Invariant

INVARIANTS: tuple[Invariant, ...] = (
    *file.INVARIANTS,
    *ledger.INVARIANTS,
    *values.INVARIANTS,
    *chains.INVARIANTS,
    *jobs.INVARIANTS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """An invariant that was looked at: over how many rows, in how many seconds, and the first row that breaks it."""

    name: str
    table: str
    rows: int
    seconds: float
    broken: Finding | None


def check(db: SqliteDatabase) -> Iterator[Checked]:
    """Look at every invariant in turn; rows are streamed, and writers go on meanwhile."""
    with db.atomic("DEFERRED"):
        for invariant in INVARIANTS:
            began = monotonic()
            rows, broken = _look(db, invariant)
            seconds = monotonic() - began
            yield Checked(name=invariant.name, table=invariant.table, rows=rows, seconds=seconds, broken=broken)


def _look(db: SqliteDatabase, invariant: Invariant) -> tuple[int, Finding | None]:
    try:
        table = invariant.table
        rows = int(db.execute_sql(f"SELECT COUNT(*) FROM {table}").fetchone()[0]) if table else 0
        return rows, next(invariant.find(db), None)
    except DatabaseError as error:
        table = invariant.table or "file"
        return 0, Finding(table=table, key=db.database, what="every page", expected="readable", found=str(error))

"""Whether the file is a sound SQLite database: its pages and indexes, and rows that refer to rows that are there."""

from collections.abc import Iterator

from peewee import SqliteDatabase

from storage.checks.finding import Finding, Invariant


def _damage(db: SqliteDatabase) -> Iterator[Finding]:
    for (told,) in db.execute_sql("PRAGMA integrity_check(1)"):
        if told != "ok":
            yield Finding(table="file", key=db.database, what="integrity", expected="ok", found=" ".join(told.split()))


def _dangling(db: SqliteDatabase) -> Iterator[Finding]:
    for table, row, parent, _ in db.execute_sql("PRAGMA foreign_key_check"):
        found = "a reference to a row that is not there"
        yield Finding(table=table, key=f"row {row}", what="reference", expected=f"a row of {parent}", found=found)


INVARIANTS = (
    Invariant(name="pages and indexes are sound", table="", find=_damage),
    Invariant(name="rows that are referred to are there", table="", find=_dangling),
)

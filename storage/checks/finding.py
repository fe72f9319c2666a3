"""An invariant of the database, and what is told of a row that breaks it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from peewee import SqliteDatabase


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A row that breaks an invariant: where it is, what of it is wrong, what it should be and is."""

    table: str
    key: str
    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.table} ({self.key}): {self.what} should be {self.expected}, found {self.found}"


#: yields the rows that break an invariant, in order, as they are met
Find: TypeAlias = Callable[[SqliteDatabase], Iterator[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """What must hold of every row of a table; of a table by no name, of the file."""

    name: str
    table: str
    find: Find


def by_sql(table: str, sql: str) -> Find:
    """Return what finds the rows that a statement returns as (key, what, expected, found)."""

    def find(db: SqliteDatabase) -> Iterator[Finding]:
        for key, what, expected, found in db.execute_sql(sql):
            yield Finding(table=table, key=key, what=what, expected=str(expected), found=str(found))

    return find

"""The database file: how it is opened, brought up to date and closed.

Connections are per thread (Peewee keeps them so). Readers never wait for the writer: the journal is a write-ahead log.
`synchronous=FULL` means that what was committed survives a power cut.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from time import monotonic

from peewee import DatabaseError, OperationalError, SqliteDatabase
from playhouse.migrations import Runner

from storage.backup import backups_of, write_backup
from storage.errors import DamagedDatabaseError, SchemaError, StorageBusyError, StorageNotReadyError

MIGRATIONS = Path(__file__).parent / "migrations"

#: seconds a statement waits for a lock that another process holds
BUSY_TIMEOUT = 5.0

#: seconds that a server that starts looks for damage at most; the rest is for `db check`
LOOK = 0.25

#: steps of SQLite's machine between two looks at the clock
STEPS = 20_000

#: index entries that statistics are made from, per index; milliseconds whatever the size of the database
SAMPLES = 400

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": 1,
    "cache_size": -64_000,  # KiB
    "temp_store": "memory",
    "mmap_size": 256 * 1024 * 1024,
    "wal_autocheckpoint": 4_000,  # pages; the same pages are changed again and again, so rarer means fewer to write
}


#: what a connection needs that only reads
READ_PRAGMAS = {name: value for name, value in PRAGMAS.items() if name not in ("journal_mode", "synchronous")}


#: what SQLite says when another process holds the database; the last when it lost every race for a lock
LOCKED = ("locked", "busy", "locking protocol")

#: what SQLite says when the disk takes no more
FULL = ("disk is full", "disk I/O error")


def open_database(path: Path) -> SqliteDatabase:
    """Open the database file, making it and its folder when they are not there, and bring it up to date.

    Raises:
        SchemaError: the file is no database of this service, or was written by a newer version.
        StorageBusyError: another process held it for longer than the busy timeout.
    """
    db, _ = migrate_file(path)
    return db


def open_existing(path: Path, *, writable: bool = False) -> SqliteDatabase:
    """Open a database file that is there as it is, to be read alone unless `writable`.

    Raises:
        SchemaError: there is none, it is no database of this service, or of another version.
        StorageBusyError: another process held it for longer than the busy timeout.
    """
    if not path.is_file():
        raise SchemaError(f"database '{path}' was not found")
    pragmas = PRAGMAS if writable else READ_PRAGMAS | {"query_only": 1}
    db = SqliteDatabase(str(path), pragmas=pragmas, timeout=BUSY_TIMEOUT)
    with _told(db, path):
        if pending_migrations(db):
            raise SchemaError(
                f"database '{path}' is of an earlier version; run: ai-trader-server db migrate --db {path}"
            )
    return db


def migrate_file(path: Path) -> tuple[SqliteDatabase, list[str]]:
    """Do as `open_database` and return the names of the migrations that were applied as well.

    A database that needs any is copied to its folder of backups before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    db = SqliteDatabase(str(path), pragmas=PRAGMAS, timeout=BUSY_TIMEOUT)
    with _told(db, path):
        _back_up(db, path)
        return db, migrate(db)


def _back_up(db: SqliteDatabase, path: Path) -> None:
    """Keep a copy of a database with rows that is about to be migrated."""
    pending = pending_migrations(db)
    if pending and db.get_tables():
        write_backup(path, backups_of(path) / f"{path.name}.before-{pending[0]}")


def migrate(db: SqliteDatabase) -> list[str]:
    """Apply the migrations that the database lacks and return their names.

    Raises:
        SchemaError: the database has migrations that this version does not know.
    """
    pending_migrations(db)
    applied: list[str] = _runner(db).up()
    if applied:
        gather_statistics(db)
    return applied


def pending_migrations(db: SqliteDatabase) -> list[str]:
    """Return the names of the migrations that the database lacks.

    Raises:
        SchemaError: the database has migrations that this version does not know.
    """
    found = _runner(db).status()
    unknown = [migration.name for migration in found if migration.path is None]
    if unknown:
        raise SchemaError(f"the database was written by a newer version: it has {', '.join(unknown)}")
    return [migration.name for migration in found if not migration.applied]


def _runner(db: SqliteDatabase) -> Runner:
    return Runner(db, directory=str(MIGRATIONS), table_name="schema_migrations")


@contextmanager
def _told(db: SqliteDatabase, path: Path) -> Iterator[None]:
    """Close the database when it cannot be used, and say why."""
    try:
        yield
    except OperationalError as error:
        db.close()
        raise StorageBusyError(f"database '{path}' could not be opened: {error}") from error
    except DatabaseError as error:
        db.close()
        raise DamagedDatabaseError(path, str(error)) from error
    except SchemaError:
        db.close()
        raise


def gather_statistics(db: SqliteDatabase) -> None:
    """Let SQLite look at samples of its indexes, without which it may join in the wrong order."""
    db.execute_sql(f"PRAGMA analysis_limit = {SAMPLES}")
    db.execute_sql("ANALYZE")


def refuse_damaged(db: SqliteDatabase, path: Path) -> None:
    """Look for damaged pages, for a moment only: a small file is seen whole.

    Raises:
        DamagedDatabaseError: there are some.
    """
    until = monotonic() + LOOK
    connection = db.connection()
    connection.set_progress_handler(lambda: monotonic() > until, STEPS)
    try:
        (told,) = db.execute_sql("PRAGMA quick_check(1)").fetchone()
    except OperationalError as error:  # the moment is over
        told = "ok" if "interrupted" in str(error) else str(error)
    except DatabaseError as error:
        told = str(error)
    finally:
        connection.set_progress_handler(None, 0)
    if told != "ok":
        raise DamagedDatabaseError(path, " ".join(told.split()))


def data_version(db: SqliteDatabase) -> int:
    """Return a number that changes whenever another connection has changed the database."""
    return int(db.execute_sql("PRAGMA data_version").fetchone()[0])


def is_lock(error: Exception) -> bool:
    """Tell whether an error says that another process holds the database."""
    return isinstance(error, OperationalError) and any(words in str(error) for words in LOCKED)


def is_full(error: BaseException | None) -> bool:
    """Tell whether an error says that the disk took no more: no space, a quota or a limit, or a write that failed.

    SQLite may have rolled the transaction back by then, so that the error at hand is one of the rollback.
    """
    while error is not None:
        if isinstance(error, OperationalError) and any(words in str(error) for words in FULL):
            return True
        error = error.__context__
    return False


def passes(error: Exception) -> bool:
    """Tell whether an error says that the database is not ready, through no fault of what was asked."""
    return isinstance(error, StorageNotReadyError) or is_lock(error) or is_full(error)


@lru_cache(maxsize=64)  # all rows of a commit have one time
def timestamp(moment: datetime) -> str:
    """Return a time as it is stored: ISO 8601, UTC, with `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def insert_many(db: SqliteDatabase, table: str, columns: Iterable[str], rows: Iterable[tuple[object, ...]]) -> None:
    """Insert rows with one prepared statement, inside the transaction that is open."""
    names = tuple(columns)
    places = ", ".join("?" * len(names))
    db.connection().executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", rows)

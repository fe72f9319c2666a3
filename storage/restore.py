"""Putting a backup in the place of a database, and making a database small: both while no server runs on it."""

import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from peewee import SqliteDatabase

from storage.backup import write_backup
from storage.database import pending_migrations
from storage.errors import SchemaError
from storage.lock import ServerLock


def restore(backup: Path, database: Path, now: datetime) -> Path | None:
    """Put a copy of a backup in the place of a database and return where the old file lies now, if there was one.

    Raises:
        DatabaseInUseError: a server runs on the database.
        SchemaError: the backup is not there, damaged, empty, or of a newer version; nothing is changed then.
    """
    lock = ServerLock(database)
    try:
        _refuse_foreign(backup)
        copy = database.with_name(f"{database.name}.restoring")
        write_backup(backup, copy)
        aside = _put_aside(database, now)
        copy.replace(database)
        return aside
    finally:
        lock.release()


def vacuum(database: Path) -> tuple[int, int]:
    """Give back the space of deleted rows; return the bytes of the file before and after.

    Raises:
        DatabaseInUseError: a server runs on the database, whose writes would wait for the whole of it.
        SchemaError: there is no such database.
        OSError: there is no room for it, or another process holds the database.
    """
    if not database.is_file():
        raise SchemaError(f"database '{database}' was not found")
    lock = ServerLock(database)
    try:
        return compact_file(database)
    finally:
        lock.release()


def compact_file(database: Path) -> tuple[int, int]:
    """Do what `vacuum` does, for the server that holds the database: reads go on, its writes wait meanwhile.

    Raises:
        OSError: there is no room for it, or another process holds the database.
    """
    try:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # so that the file is what there is
            before = database.stat().st_size
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        raise OSError(f"'{database}' could not be vacuumed: {error}") from error
    return before, database.stat().st_size


def _refuse_foreign(backup: Path) -> None:
    if not backup.is_file():
        raise SchemaError(f"backup '{backup}' was not found")
    db = SqliteDatabase(str(backup))
    try:
        if not db.table_exists("schema_migrations"):
            raise SchemaError(f"backup '{backup}' is not a database of this service")
        pending_migrations(db)
    except SchemaError:
        raise
    except Exception as error:
        raise SchemaError(f"backup '{backup}' is not a sound database: {error}") from error
    finally:
        db.close()


def _put_aside(database: Path, now: datetime) -> Path | None:
    """Keep the old file under another name; what its journal holds is brought into it where it can be read."""
    if not database.exists():
        return None
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    aside = database.with_name(f"{database.name}.{now:%Y%m%dT%H%M%S%f}.old")
    aside.hardlink_to(database)
    for suffix in ("-wal", "-shm"):
        journal = database.with_name(database.name + suffix)
        if journal.exists():
            journal.replace(aside.with_name(aside.name + suffix))
    return aside

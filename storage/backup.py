"""Copies of a database file, made while others read and write it: there only when they are whole and verified."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from storage.errors import DamagedDatabaseError, SchemaError


def backups_of(database: Path) -> Path:
    """Return the folder in which backups of a database lie unless another path is given."""
    return database.parent / "backups"


def write_backup(database: Path, target: Path) -> int:
    """Copy a database as of one moment to a path, replacing what is there, and return the bytes.

    The copy is one file without a journal. It gets its name when SQLite has found it sound and it is on disk.

    Raises:
        SchemaError: there is no such database, or it is damaged; nothing is written then.
        OSError: the target cannot be written.
    """
    if not database.is_file():
        raise SchemaError(f"database '{database}' was not found")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        _copy(database, unfinished)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(target)
        _sync_folder(target.parent)
    except sqlite3.OperationalError as error:
        raise OSError(f"'{database}' could not be copied to '{target}': {error}") from error
    except sqlite3.DatabaseError as error:
        raise DamagedDatabaseError(database, str(error)) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return target.stat().st_size


def _copy(database: Path, target: Path) -> None:
    """Copy in one go: in steps, each write of another process would begin the copy anew."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = delete")
        (told,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
        if told != "ok":
            raise sqlite3.DatabaseError(" ".join(told.split()))


def _sync_folder(folder: Path) -> None:
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)

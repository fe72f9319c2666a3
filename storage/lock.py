"""The lock that keeps a second server off a database file.

It is the kernel's (`flock` on a file beside the database), so it is gone the moment its process is, however that
ended. Commands that only read, migrate or import do without it: SQLite's own locks suffice for them.
"""

import fcntl
import os
from pathlib import Path

from storage.errors import DatabaseInUseError


class ServerLock:
    """Held from construction until `release`, or the end of the process; worker processes do not inherit it."""

    def __init__(self, database: Path) -> None:
        """Take the lock.

        Raises:
            DatabaseInUseError: another server holds it.
        """
        database.parent.mkdir(parents=True, exist_ok=True)
        # resolved, so that two names of one file are one lock
        path = database.resolve()
        self._file = path.with_name(f"{path.name}.lock").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read(20).strip()
            self._file.close()
            raise DatabaseInUseError(database, holder) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let another server have the database; the file stays, as removing it would let two in at once."""
        self._file.close()

"""The one writer: a thread that runs write operations in order and commits them in groups.

Every operation is a function of the database. Operations that wait together share one transaction, each in a savepoint
of its own, so that a hundred writers cost one sync to disk. An operation that raises undoes itself alone. When the
transaction itself fails (a lock, a full disk), its operations are run again one by one, so that each gets its own
answer; an operation may therefore run twice and must depend on nothing but the database.
"""

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from peewee import OperationalError, PeeweeException, SqliteDatabase

from storage.database import is_full, is_lock
from storage.errors import StorageBusyError, StorageError, StorageFullError

T = TypeVar("T")

Operation = Callable[[SqliteDatabase], T]

#: operations taken from the queue for one transaction; bounds how long one commit can take
GROUP_LIMIT = 64

#: seconds until writes that wait for space on the disk are tried again
SPACE_WAIT = 0.5

logger = logging.getLogger(__name__)


class Patience(Enum):
    """What a write is tried again for: nothing, a lock of another process, or want of space as well."""

    NONE = ()
    LOCK = (StorageBusyError,)
    SPACE = (StorageBusyError, StorageFullError)


@dataclass(slots=True)
class _Entry:
    operation: Operation[Any]
    future: Future[Any]
    patience: Patience
    result: Any = None
    error: Exception | None = None

    def run(self, db: SqliteDatabase) -> None:
        """Run in the open transaction; only a failing database raises."""
        self.result, self.error = None, None
        try:
            with db.savepoint():
                self.result = self.operation(db)
        except OperationalError:
            raise
        except PeeweeException as error:
            self.error = storage_error(error)
        except Exception as error:  # it belongs to whoever submitted the operation
            self.error = error

    def settle(self) -> None:
        """Hand the result, or what went wrong, to whoever waits."""
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Writer:
    """Runs write operations on a thread of its own."""

    def __init__(self, db: SqliteDatabase) -> None:
        self._db = db
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._held: list[_Entry] = []
        self._thread = threading.Thread(target=self._work, name="storage-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what was submitted, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def submit(self, operation: Operation[T], *, patience: Patience = Patience.NONE) -> "Future[T]":
        """Queue an operation; the future is done once its transaction is committed.

        A patient operation is tried again, in its order, for as long as its patience says; any other fails with
        `StorageBusyError` or `StorageFullError`.
        """
        entry = _Entry(operation, Future(), patience)
        entry.future.set_running_or_notify_cancel()
        self._queue.put(entry)
        return entry.future

    def _work(self) -> None:
        ended = False
        try:
            while not ended:
                group, ended = self._group()
                self._commit(group)
            for entry in self._held:
                entry.settle()
        finally:
            self._db.close()

    def _group(self) -> tuple[list[_Entry], bool]:
        """Take what was held back and what waits, up to the limit; tell whether the end was among it.

        However much is held back, it keeps nobody else out: others are to learn that the database is not ready.
        """
        group, self._held = self._held, []
        limit = len(group) + GROUP_LIMIT
        # a lock is waited for in the transaction, space on the disk is not
        wait = SPACE_WAIT if any(isinstance(entry.error, StorageFullError) for entry in group) else None
        while len(group) < limit:
            try:
                entry = self._queue.get(block=not group or wait is not None, timeout=wait)
            except queue.Empty:
                break
            wait = None
            if entry is None:
                return group, True
            group.append(entry)
        return group, False

    def _commit(self, group: list[_Entry]) -> None:
        known = all(entry.error for entry in group)  # what is tried again is told once
        try:
            self._transact(group)
        except Exception as error:  # whatever it is, each operation is to learn of it, and the thread must live
            level = logging.DEBUG if known else logging.WARNING
            logger.log(level, "a transaction of %d operation(s) failed", len(group), exc_info=True)
            if len(group) > 1 and not is_lock(error):
                for entry in group:
                    self._commit([entry])
                return
        for entry in group:
            if isinstance(entry.error, entry.patience.value):
                self._held.append(entry)
            else:
                entry.settle()

    def _transact(self, group: list[_Entry]) -> None:
        try:
            with self._db.atomic("IMMEDIATE"):
                for entry in group:
                    entry.run(self._db)
        except Exception as error:
            for entry in group:
                entry.error = storage_error(error)
            raise


def storage_error(error: Exception) -> StorageError:
    """Return what a failed write is told as."""
    if is_lock(error):
        return StorageBusyError(f"the database is busy: {error}")
    if is_full(error):
        return StorageFullError(f"the disk took no more: {error}")
    return StorageError(f"the database refused the write: {error}")

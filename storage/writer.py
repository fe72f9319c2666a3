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
from typing import Any, TypeVar

from peewee import OperationalError, PeeweeException, SqliteDatabase

from storage.errors import StorageBusyError, StorageError

T = TypeVar("T")

Operation = Callable[[SqliteDatabase], T]

#: operations in one transaction at most; bounds how long one commit can take
GROUP_LIMIT = 64

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Entry:
    operation: Operation[Any]
    future: Future[Any]
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
            self.error = _storage_error(error)
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
        self._thread = threading.Thread(target=self._work, name="storage-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what was submitted, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def submit(self, operation: Operation[T]) -> "Future[T]":
        """Queue an operation; the future is done once its transaction is committed."""
        entry = _Entry(operation, Future())
        entry.future.set_running_or_notify_cancel()
        self._queue.put(entry)
        return entry.future

    def _work(self) -> None:
        try:
            while (entry := self._queue.get()) is not None:
                group, ended = self._group(entry)
                self._commit(group)
                if ended:
                    break
        finally:
            self._db.close()

    def _group(self, first: _Entry) -> tuple[list[_Entry], bool]:
        """Take what waits, up to the limit; tell whether the end was among it."""
        group = [first]
        while len(group) < GROUP_LIMIT:
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                break
            if entry is None:
                return group, True
            group.append(entry)
        return group, False

    def _commit(self, group: list[_Entry]) -> None:
        try:
            self._transact(group)
        except Exception:  # whatever it is, each operation is to learn of it, and the thread must live
            logger.warning("a transaction of %d operation(s) failed", len(group), exc_info=True)
            if len(group) > 1:
                for entry in group:
                    self._commit([entry])
                return
        for entry in group:
            entry.settle()

    def _transact(self, group: list[_Entry]) -> None:
        try:
            with self._db.atomic("IMMEDIATE"):
                for entry in group:
                    entry.run(self._db)
        except Exception as error:
            for entry in group:
                entry.error = _storage_error(error)
            raise


def _storage_error(error: Exception) -> Exception:
    if isinstance(error, OperationalError) and ("locked" in str(error) or "busy" in str(error)):
        return StorageBusyError(f"the database is busy: {error}")
    return StorageError(f"the database refused the write: {error}")

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from peewee import SqliteDatabase

from storage import database
from storage.database import open_database
from storage.errors import StorageBusyError, StorageError
from storage.writer import GROUP_LIMIT, Patience, Writer

#: seconds; far more than anything takes
DEADLINE = 30


@pytest.fixture
def writer(db: SqliteDatabase) -> Iterator[Writer]:
    db.execute_sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)")
    running = Writer(db)
    running.start()
    yield running
    running.stop()


class Stopper:
    """Holds the writer's thread in an operation, so that others gather behind it."""

    def __init__(self, writer: Writer) -> None:
        self._go_on = threading.Event()
        entered = threading.Event()
        self.done = writer.submit(lambda _: (entered.set(), self._go_on.wait(DEADLINE))[1])
        entered.wait(DEADLINE)

    def release(self) -> None:
        self._go_on.set()


def note(text: str | None):  # noqa: ANN201
    def insert(db: SqliteDatabase) -> str | None:
        db.execute_sql("INSERT INTO notes (text) VALUES (?)", (text,))
        return text

    return insert


def notes(db: SqliteDatabase) -> list[str]:
    return [text for (text,) in db.execute_sql("SELECT text FROM notes ORDER BY id")]


def test_result_is_there_once_the_operation_is_committed(writer: Writer, db: SqliteDatabase) -> None:
    assert writer.submit(note("a")).result(DEADLINE) == "a"
    assert notes(db) == ["a"]


def test_operations_run_in_the_order_in_which_they_came(writer: Writer, db: SqliteDatabase) -> None:
    futures = [writer.submit(note(f"{n:03}")) for n in range(200)]

    assert [future.result(DEADLINE) for future in futures] == notes(db) == [f"{n:03}" for n in range(200)]


def test_operations_that_wait_together_are_committed_together(writer: Writer, db: SqliteDatabase) -> None:
    stopper = Stopper(writer)
    seen: list[int] = []

    def look(_: SqliteDatabase) -> None:
        other = SqliteDatabase(db.database)
        seen.append(other.execute_sql("SELECT COUNT(*) FROM notes").fetchone()[0])
        other.close()

    futures = [writer.submit(operation) for operation in (note("a"), note("b"), look)]
    stopper.release()
    for future in futures:
        future.result(DEADLINE)

    assert seen == [0]
    assert notes(db) == ["a", "b"]


def test_more_operations_than_one_transaction_takes_are_all_done(writer: Writer, db: SqliteDatabase) -> None:
    stopper = Stopper(writer)
    futures = [writer.submit(note(str(n))) for n in range(3 * GROUP_LIMIT)]
    stopper.release()

    for future in futures:
        future.result(DEADLINE)

    assert len(notes(db)) == 3 * GROUP_LIMIT


def test_operation_that_raises_undoes_itself_alone(writer: Writer, db: SqliteDatabase) -> None:
    def failing(database: SqliteDatabase) -> None:
        note("undone")(database)
        raise LookupError("mine")

    stopper = Stopper(writer)
    futures: list[Future[object]] = [writer.submit(operation) for operation in (note("a"), failing, note("b"))]
    stopper.release()

    with pytest.raises(LookupError, match="mine"):
        futures[1].result(DEADLINE)
    assert futures[2].result(DEADLINE) == "b"
    assert notes(db) == ["a", "b"]


def test_row_that_the_database_refuses_is_a_storage_error_of_its_operation_alone(
    writer: Writer, db: SqliteDatabase
) -> None:
    stopper = Stopper(writer)
    futures = [writer.submit(note(text)) for text in ("a", "a", None, "b")]
    stopper.release()

    for wrong in futures[1:3]:
        with pytest.raises(StorageError, match="refused"):
            wrong.result(DEADLINE)
    assert futures[3].result(DEADLINE) == "b"
    assert notes(db) == ["a", "b"]


def test_operation_that_breaks_the_transaction_fails_alone(writer: Writer, db: SqliteDatabase) -> None:
    stopper = Stopper(writer)
    broken = writer.submit(lambda database: database.execute_sql("SELECT * FROM nothing_here"))
    good = writer.submit(note("good"))
    stopper.release()

    with pytest.raises(StorageError):
        broken.result(DEADLINE)
    assert good.result(DEADLINE) == "good"
    assert notes(db) == ["good"]


def test_locked_database_is_busy_and_the_writer_lives_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.02)
    db, other = open_database(tmp_path / "jobs.db"), open_database(tmp_path / "jobs.db")
    db.execute_sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)")
    writer = Writer(db)
    writer.start()
    other.execute_sql("BEGIN IMMEDIATE")

    with pytest.raises(StorageBusyError):
        writer.submit(note("a")).result(DEADLINE)

    other.execute_sql("ROLLBACK")
    assert writer.submit(note("b")).result(DEADLINE) == "b"
    writer.stop()
    assert notes(db) == ["b"]
    db.close()
    other.close()


def test_patient_writes_keep_nobody_out_however_many_wait_for_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.02)
    db, other = open_database(tmp_path / "jobs.db"), open_database(tmp_path / "jobs.db")
    db.execute_sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)")
    writer = Writer(db)
    writer.start()
    other.execute_sql("BEGIN IMMEDIATE")

    patient = [writer.submit(note(f"{n:03}"), patience=Patience.LOCK) for n in range(2 * GROUP_LIMIT)]
    with pytest.raises(StorageBusyError):
        writer.submit(note("hasty")).result(DEADLINE)
    other.execute_sql("ROLLBACK")

    assert [future.result(DEADLINE) for future in patient] == notes(db)
    writer.stop()
    db.close()
    other.close()


def test_writer_that_stops_gives_up_what_waits_for_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.02)
    db, other = open_database(tmp_path / "jobs.db"), open_database(tmp_path / "jobs.db")
    db.execute_sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)")
    writer = Writer(db)
    writer.start()
    other.execute_sql("BEGIN IMMEDIATE")
    patient = [writer.submit(note(str(n)), patience=Patience.SPACE) for n in range(2 * GROUP_LIMIT)]

    writer.stop()

    assert all(isinstance(future.exception(0), StorageBusyError) for future in patient)
    other.execute_sql("ROLLBACK")
    assert notes(db) == []
    db.close()
    other.close()


def test_what_was_submitted_before_the_stop_is_done(db: SqliteDatabase) -> None:
    db.execute_sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)")
    writer = Writer(db)
    futures = [writer.submit(note(str(n))) for n in range(10)]
    writer.start()

    writer.stop()

    assert all(future.done() for future in futures)
    assert len(notes(db)) == 10


def test_many_threads_may_submit_at_once(writer: Writer, db: SqliteDatabase) -> None:
    def submit(thread: int) -> None:
        for n in range(20):
            writer.submit(note(f"{thread}-{n}")).result(DEADLINE)

    threads = [threading.Thread(target=submit, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)

    assert len(notes(db)) == 320

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from peewee import OperationalError, SqliteDatabase

from server.rpc.storage_status import KEPT, StorageStatusReader
from storage.database import open_database


class Clock:
    """Stands still until it is moved."""

    now = datetime(2025, 11, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def db(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = open_database(tmp_path / "jobs.db")
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(db: SqliteDatabase, clock: Clock) -> StorageStatusReader:
    return StorageStatusReader(db, clock)


async def test_all_who_ask_at_once_are_told_of_one_count(reader: StorageStatusReader) -> None:
    first, *others = await asyncio.gather(*(reader.read() for _ in range(5)))

    assert all(other is first for other in others)
    assert first.counted_time.ToJsonString() == "2025-11-01T12:00:00Z"
    assert first.job_days[-1].date == "2025-11-01"


async def test_answer_is_good_for_a_while_and_counted_anew_afterwards(
    reader: StorageStatusReader, clock: Clock
) -> None:
    first = await reader.read()
    clock.now += KEPT - timedelta(microseconds=1)
    kept = await reader.read()
    clock.now += timedelta(microseconds=1)
    anew = await reader.read()

    assert kept is first
    assert anew is not first


async def test_caller_who_goes_away_ends_nobody_elses_count(reader: StorageStatusReader) -> None:
    leaving = asyncio.create_task(reader.read())
    staying = asyncio.create_task(reader.read())
    await asyncio.sleep(0)  # both have asked
    leaving.cancel()

    assert (await staying).schema_version
    assert leaving.cancelled()


async def test_failure_is_told_and_not_kept(reader: StorageStatusReader, db: SqliteDatabase) -> None:
    db.execute_sql("ALTER TABLE portfolios RENAME TO elsewhere")
    with pytest.raises(OperationalError):
        await reader.read()
    db.execute_sql("ALTER TABLE elsewhere RENAME TO portfolios")

    assert (await reader.read()).schema_version

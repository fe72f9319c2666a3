"""GetStorageStatus."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from peewee import SqliteDatabase

from aitrader.v1 import upkeep_pb2 as pb
from server.rpc.convert import job_status
from storage.status import StorageStatus, storage_status

#: how long an answer is good for; counting goes through every table
KEPT = timedelta(seconds=5)


class StorageStatusReader:
    """Counts in a thread, once for all who ask meanwhile and within `KEPT` afterwards."""

    def __init__(self, db: SqliteDatabase, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock
        self._counting: asyncio.Task[pb.GetStorageStatusResponse] | None = None
        self._begun = clock()

    async def read(self) -> pb.GetStorageStatusResponse:
        """Return how much is stored; a caller who goes away does not end the count, as others may wait for it."""
        if self._counting is None or self._is_stale(self._counting):
            self._begun = self._clock()
            self._counting = asyncio.create_task(self._count(self._begun))
        return await asyncio.shield(self._counting)

    def _is_stale(self, counting: asyncio.Task[pb.GetStorageStatusResponse]) -> bool:
        if not counting.done():
            return False
        return counting.exception() is not None or not timedelta() <= self._clock() - self._begun < KEPT

    async def _count(self, now: datetime) -> pb.GetStorageStatusResponse:
        return response(await asyncio.to_thread(storage_status, self._db, now.date()), now)


def response(found: StorageStatus, now: datetime) -> pb.GetStorageStatusResponse:
    """Return the answer of GetStorageStatus."""
    counted = Timestamp()
    counted.FromDatetime(now)
    return pb.GetStorageStatusResponse(
        database_bytes=found.bytes,
        wal_bytes=found.wal_bytes,
        unused_bytes=found.free_bytes,
        free_disk_bytes=found.free_disk_bytes,
        tables=(pb.TableSize(table=name, rows=rows) for name, rows in found.rows.items()),
        job_statuses=(pb.JobStatusCount(status=job_status(word), jobs=jobs) for word, jobs in found.jobs.items()),
        job_days=(pb.JobDayCount(date=day, jobs=jobs) for day, jobs in found.job_days.items()),
        top_models=(
            pb.StoredModel(model=row.model, model_days=row.trading_days, portfolios=row.portfolios)
            for row in found.models
        ),
        schema_version=found.schema_version,
        first_date=found.first_date,
        last_date=found.last_date,
        counted_time=counted,
    )

"""How much is stored, as lines for people."""

from collections.abc import Iterator

from aitrader.v1.upkeep_pb2 import GetStorageStatusResponse

from .text import moment, plain, size
from .words import status_word


def storage_lines(found: GetStorageStatusResponse) -> Iterator[str]:
    """Tell how much is stored; of the days those with jobs."""
    used, log, unused = size(found.database_bytes), size(found.wal_bytes), size(found.unused_bytes)
    yield f"database {used}, of which {unused} unused, write-ahead log {log}, free disk {size(found.free_disk_bytes)}"
    yield f"schema {plain(found.schema_version)}, counted {moment(found.counted_time)}"
    if found.first_date:
        yield f"trading days {found.first_date} to {found.last_date}"
    yield "jobs: " + (
        ", ".join(f"{count.jobs:,} {status_word(count.status)}" for count in found.job_statuses) or "none"
    )
    for day in found.job_days:
        if day.jobs:
            yield f"  {day.date}: {day.jobs:,} created"
    yield "rows:"
    for table in found.tables:
        yield f"  {plain(table.table)}: {table.rows:,}"
    if found.top_models:
        yield "models:"
    for model in found.top_models:
        yield f"  {plain(model.model)}: {model.model_days:,} model-days in {model.portfolios:,} portfolios"

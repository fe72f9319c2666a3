"""The answer about what is stored, as OpenAPI tells it."""

from typing import Annotated

from pydantic import Field

from .models import Answer, Date, JobState, Signature, Time


class TableSize(Answer):
    table: str
    rows: int


class JobStatusCount(Answer):
    status: JobState
    jobs: int


class JobDayCount(Answer):
    date: Date
    jobs: int


class StoredModel(Answer):
    model: Signature
    model_days: int
    portfolios: int


class StorageStatus(Answer):
    database_bytes: int
    wal_bytes: int
    unused_bytes: Annotated[int, Field(description="Of the database, which a vacuum would give back.")]
    free_disk_bytes: int
    tables: list[TableSize]
    job_statuses: list[JobStatusCount]
    job_days: Annotated[list[JobDayCount], Field(description="The last 30 dates, with or without jobs.")]
    top_models: list[StoredModel]
    schema_version: str
    first_date: Date | None
    last_date: Date | None
    counted_at: Annotated[Time, Field(description="Some seconds ago at most.")]

"""The answer about a job that was run again from its record, as OpenAPI tells it."""

from .models import Answer, Date, JobId, Signature


class TableComparison(Answer):
    table: str
    recorded_rows: int
    replayed_rows: int
    equal: bool


class RowDifference(Answer):
    table: str
    model: Signature
    date: Date
    row: str | None
    column: str
    recorded: str | None
    replayed: str | None


class Verification(Answer):
    job_id: JobId
    equal: bool
    model_days: int
    tables: list[TableComparison]
    difference: RowDifference | None
    notes: list[str]

"""A verification as lines for people."""

from collections.abc import Iterator

from aitrader.v1.replay_pb2 import RowDifference
from aitrader.v1.simulation_pb2 import VerifyJobResponse

from .text import plain


def verify_lines(response: VerifyJobResponse) -> Iterator[str]:
    """Tell what a verification found, the verdict first."""
    rows = sum(table.recorded_rows for table in response.tables)
    verdict = "equal" if response.equal else "different"
    yield f"job {response.job_id}: {verdict}"
    yield f"compared {rows} rows in {len(response.tables)} tables of {response.model_days} model-days"
    if response.HasField("difference"):
        yield from _difference_lines(response.difference)
    yield from (f"note: {plain(note)}" for note in response.notes)
    for table in response.tables:
        if not table.equal:
            yield f"  {table.table}: {table.recorded_rows} rows recorded, {table.replayed_rows} replayed"


def _difference_lines(found: RowDifference) -> Iterator[str]:
    row = f" row {plain(found.row)}" if found.row else ""
    yield f"first difference: {found.date} {plain(found.model)}, {found.table}{row}, {found.column}"
    yield f"  recorded: {plain(found.recorded)}"
    yield f"  replayed: {plain(found.replayed)}"

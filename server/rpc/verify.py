"""VerifyJob as messages."""

from aitrader.v1 import replay_pb2, simulation_pb2
from server.jobs.verify import Verification
from server.rpc.fields import Fields
from storage.comparison import Difference, TableResult

#: characters of a value; a miss names up to three texts
MAX_VALUE = 2000


def job_id_of(request: simulation_pb2.VerifyJobRequest) -> str:
    """Return the job to verify.

    Raises:
        InvalidRequestError: none was given.
    """
    fields = Fields()
    job_id = fields.required("job_id", request.job_id, 128)
    fields.check()
    return job_id


def verify_response(verification: Verification) -> simulation_pb2.VerifyJobResponse:
    """Return what a verification found."""
    found = verification.difference
    return simulation_pb2.VerifyJobResponse(
        job_id=verification.job_id,
        equal=found is None,
        model_days=verification.model_days,
        tables=map(_table, verification.tables),
        difference=None if found is None else _difference(found),
        notes=verification.notes,
    )


def _table(result: TableResult) -> replay_pb2.TableComparison:
    return replay_pb2.TableComparison(
        table=result.table,
        recorded_rows=result.recorded_rows,
        replayed_rows=result.replayed_rows,
        equal=result.difference is None,
    )


def _difference(found: Difference) -> replay_pb2.RowDifference:
    return replay_pb2.RowDifference(
        table=found.table,
        model=found.model,
        date=found.date,
        row=found.row,
        column=found.column,
        recorded=found.recorded[:MAX_VALUE],
        replayed=found.replayed[:MAX_VALUE],
    )

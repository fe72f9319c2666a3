"""The answer of a handle that has no job, because every model had every date already."""

from aitrader.v1.job_pb2 import JOB_STATUS_COMPLETED
from aitrader.v1.simulation_pb2 import TRIGGER_OUTCOME_UP_TO_DATE, GetStatusResponse, TriggerResponse


def is_up_to_date(response: TriggerResponse | None) -> bool:
    """Tell whether a trigger found nothing to do."""
    return response is not None and response.outcome == TRIGGER_OUTCOME_UP_TO_DATE


def up_to_date_status(response: TriggerResponse) -> GetStatusResponse:
    """Build the status of nothing to do: completed, without a job id and without model-days."""
    return GetStatusResponse(
        status=JOB_STATUS_COMPLETED,
        experiment=response.experiment,
        models=response.models,
        warnings=response.warnings,
    )

"""Starting a job: accepted, there already, up to date, or in conflict."""

from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request, Response

from aitrader.v1 import simulation_pb2 as pb

from ..errors import AiTraderError, JobConflict
from . import models
from .asking import JSON, ask_for
from .errors import service_error
from .json_form import Plain, plain, to_bytes
from .questions import TriggerBody

router = APIRouter()

#: parts of an answer about a job
JOB_KEYS = (
    "experiment",
    "date_range",
    "models",
    "total_model_days",
    "created_at",
    "message",
    "warnings",
    "done_model_days",
    "queue_position",
)

#: parts of an answer that there is nothing to do
CURRENT_KEYS = (
    "last_simulation_date",
    "next_trading_day",
    "experiment",
    "models",
    "warnings",
    "done_model_days",
)

_LINKS = {
    operation: {"operationId": operation, "parameters": {"job_id": "$response.body#/job_id"}}
    for operation in ("GetStatus", "StreamProgress", "AuditJob", "CancelJob", "RetryJob", "VerifyJob", "ListDeliveries")
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": models.Existing | models.Current,
        "description": "The same job is there already, or there is nothing to do.",
    },
    202: {"model": models.Accepted, "description": "A job was accepted.", "links": _LINKS},
    409: {
        "model": models.ConflictRefusal,
        "description": "Another job is in the way, or the request id was reused.",
    },
}


@router.post(
    "/simulate/trigger", operation_id="Trigger", status_code=202, response_model=models.Accepted, responses=_RESPONSES
)
async def trigger(request: Request, body: TriggerBody) -> Response:
    """Start a job for the dates that the config's models still lack, and return at once."""
    fields = {"request_id": str(uuid4()), **body.fields()}  # with an id no retry on the way can start a second job
    try:
        response = await ask_for(request, pb.TriggerRequest(**fields), pb.TriggerResponse)
    except JobConflict as error:
        return service_error(error, **await _current(request, error))
    content = plain(response)
    if response.outcome == pb.TRIGGER_OUTCOME_UP_TO_DATE:
        return Response(to_bytes(_up_to_date(content)), 200, media_type=JSON)
    told = {"job_id": response.job_id, "status": "accepted"} | {key: content[key] for key in JOB_KEYS}
    headers = {"Location": f"/simulate/status/{response.job_id}"}
    if response.outcome == pb.TRIGGER_OUTCOME_ACCEPTED:
        return Response(to_bytes(told), 202, headers, JSON)
    status = plain(await _status(request, response.job_id))
    return Response(to_bytes(told | {key: status[key] for key in ("status", "progress")}), 200, headers, JSON)


async def _status(request: Request, job_id: str) -> pb.GetStatusResponse:
    """Return the state of a job without its model-days."""
    status = await ask_for(request, pb.GetStatusRequest(job_id=job_id, page_size=1), pb.GetStatusResponse)
    status.progress.ClearField("details")
    return status


def _up_to_date(content: Plain) -> Plain:
    return {
        "status": "current",
        "message": content["message"],
        **{key: content[key] for key in CURRENT_KEYS},
    }


async def _current(request: Request, error: JobConflict) -> dict[str, object]:
    """Return which job is in the way and its dates; the job may be gone by now."""
    try:
        dates = list((await _status(request, error.current_job_id)).date_range)
    except AiTraderError:
        dates = [error.metadata[key] for key in ("current_start_date", "current_end_date") if key in error.metadata]
    return {"current_job_id": error.current_job_id, "current_date_range": dates}

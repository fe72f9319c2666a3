"""The job that matters now: the one that runs, or else the newest."""

from fastapi import APIRouter, Request, Response

from aitrader.v1 import simulation_pb2 as pb
from aitrader.v1.job_pb2 import JOB_STATUS_RUNNING

from . import models
from .asking import answer, ask_for
from .errors import error_response
from .routes import NOT_FOUND

router = APIRouter()


@router.get("/simulate/current", operation_id="current", response_model=models.JobStatus, responses=NOT_FOUND)
async def current(request: Request) -> Response:
    """Tell the state of the job that runs, or of the newest job when none does."""
    for statuses in ([JOB_STATUS_RUNNING], []):
        question = pb.ListJobsRequest(statuses=statuses, page_size=1)
        for job in (await ask_for(request, question, pb.ListJobsResponse)).jobs:
            return await answer(request, pb.GetStatusRequest(job_id=job.job_id))
    return error_response(404, "no_data", "there is no job yet", {})

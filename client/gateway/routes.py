"""The routes that ask one RPC and tell its answer.

`operation_id` is the RPC's name; a test says that every RPC of the service has exactly one route. Routes that do more
are in modules of their own: `trigger.py`, `current.py`, `events.py`, `health.py`.
"""

from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Query, Request, Response

from aitrader.v1 import control_pb2
from aitrader.v1 import simulation_pb2 as pb
from aitrader.v1.callbacks_pb2 import ListDeliveriesRequest
from aitrader.v1.metrics_pb2 import GetMetricsRequest
from aitrader.v1.prices_pb2 import GetPriceCoverageRequest
from aitrader.v1.schedule_pb2 import ListSchedulesRequest
from aitrader.v1.service_status_pb2 import GetServiceStatusRequest
from aitrader.v1.upkeep_pb2 import GetStorageStatusRequest

from . import (
    model_metrics,
    model_prices,
    model_schedules,
    model_service,
    model_sessions,
    model_storage,
    model_verify,
    models,
)
from .asking import answer
from .questions import (
    CancelBody,
    JobId,
    JobsQuestion,
    LeaderboardQuestion,
    MetricsQuestion,
    Page,
    ReasoningQuestion,
    ResultsQuestion,
    RetryBody,
    TimeseriesQuestion,
)

router = APIRouter()

NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": models.Refusal, "description": "Nothing is there."}}


@router.get("/simulate/status/{job_id}", operation_id="GetStatus", response_model=models.JobStatus, responses=NOT_FOUND)
async def get_status(request: Request, job_id: JobId, page: Annotated[Page, Query()]) -> Response:
    """Tell the state of a job, its counts and its model-days."""
    return await answer(request, pb.GetStatusRequest(job_id=job_id, **page.fields()))


@router.post(
    "/simulate/{job_id}/cancel", operation_id="CancelJob", response_model=models.Cancelled, responses=NOT_FOUND
)
async def cancel(request: Request, job_id: JobId, body: CancelBody | None = None) -> Response:
    """Stop a job: nothing of it is committed any more, and what was committed stays."""
    fields = {} if body is None else body.fields()
    return await answer(request, control_pb2.CancelJobRequest(job_id=job_id, **fields))


@router.post("/simulate/{job_id}/retry", operation_id="RetryJob", response_model=models.Retried, responses=NOT_FOUND)
async def retry(request: Request, job_id: JobId, body: RetryBody | None = None) -> Response:
    """Run again what did not complete of a job that has ended, and what followed from it."""
    fields = {"request_id": str(uuid4())} | ({} if body is None else body.fields())
    return await answer(request, control_pb2.RetryJobRequest(job_id=job_id, **fields))


@router.get("/simulate/jobs", operation_id="ListJobs", response_model=models.Jobs)
async def list_jobs(request: Request, question: Annotated[JobsQuestion, Query()]) -> Response:
    """List jobs, newest first."""
    return await answer(request, pb.ListJobsRequest(**question.fields()))


@router.get("/results", operation_id="GetResults", response_model=models.Results, responses=NOT_FOUND)
async def get_results(request: Request, question: Annotated[ResultsQuestion, Query()]) -> Response:
    """Tell what models did and earned, by date and model."""
    return await answer(request, pb.GetResultsRequest(**question.fields()))


@router.get(
    "/portfolio/timeseries",
    operation_id="GetPortfolioTimeseries",
    response_model=models.Timeseries,
    responses=NOT_FOUND,
)
async def get_timeseries(request: Request, question: Annotated[TimeseriesQuestion, Query()]) -> Response:
    """Tell the close values of one portfolio by date."""
    return await answer(request, pb.GetPortfolioTimeseriesRequest(**question.fields()))


@router.get(
    "/leaderboard", operation_id="GetLeaderboard", response_model=model_metrics.Leaderboard, responses=NOT_FOUND
)
async def get_leaderboard(request: Request, question: Annotated[LeaderboardQuestion, Query()]) -> Response:
    """Rank the portfolios of an experiment, latest or as of a date."""
    return await answer(request, pb.GetLeaderboardRequest(**question.fields()))


@router.get("/portfolio/metrics", operation_id="GetMetrics", response_model=model_metrics.Metrics, responses=NOT_FOUND)
async def get_metrics(request: Request, question: Annotated[MetricsQuestion, Query()]) -> Response:
    """Tell how good one portfolio was over a window."""
    return await answer(request, GetMetricsRequest(**question.fields()))


@router.get("/reasoning", operation_id="GetReasoning", response_model=model_sessions.Reasoning, responses=NOT_FOUND)
async def get_reasoning(request: Request, question: Annotated[ReasoningQuestion, Query()]) -> Response:
    """Tell what the agent of a model-day saw, said and did, step by step."""
    return await answer(request, pb.GetReasoningRequest(**question.fields()))


@router.get(
    "/simulate/{job_id}/deliveries",
    operation_id="ListDeliveries",
    response_model=models.Deliveries,
    responses=NOT_FOUND,
)
async def list_deliveries(request: Request, job_id: JobId, page: Annotated[Page, Query()]) -> Response:
    """Tell what came of posting a job's end to its callback URLs."""
    return await answer(request, ListDeliveriesRequest(job_id=job_id, **page.fields()))


@router.get("/audit/{job_id}", operation_id="AuditJob", response_model=model_sessions.Audit, responses=NOT_FOUND)
async def audit(request: Request, job_id: JobId) -> Response:
    """Check that nothing the agents of a job were shown was later than their decisions."""
    return await answer(request, pb.AuditJobRequest(job_id=job_id))


@router.post(
    "/simulate/{job_id}/verify", operation_id="VerifyJob", response_model=model_verify.Verification, responses=NOT_FOUND
)
async def verify(request: Request, job_id: JobId) -> Response:
    """Run the completed model-days of a job again from its record and compare every row."""
    return await answer(request, pb.VerifyJobRequest(job_id=job_id))


@router.get("/prices/coverage", operation_id="GetPriceCoverage", response_model=model_prices.PriceCoverage)
async def get_price_coverage(request: Request, page: Annotated[Page, Query()]) -> Response:
    """Tell which symbols have prices from when to when, and what is missing or strange among them."""
    return await answer(request, GetPriceCoverageRequest(**page.fields()))


@router.get("/schedules", operation_id="ListSchedules", response_model=model_schedules.Schedules)
async def list_schedules(request: Request, page: Annotated[Page, Query()]) -> Response:
    """Tell what the service does by itself, when it is due next, and what came of the last time."""
    return await answer(request, ListSchedulesRequest(**page.fields()))


@router.get("/service/status", operation_id="GetServiceStatus", response_model=model_service.ServiceStatus)
async def get_service_status(request: Request) -> Response:
    """Tell the version of the service and how its parts are."""
    return await answer(request, GetServiceStatusRequest())


@router.get("/storage", operation_id="GetStorageStatus", response_model=model_storage.StorageStatus)
async def get_storage_status(request: Request) -> Response:
    """Tell how much is stored: size, rows by table, jobs by status and by day, the largest models."""
    return await answer(request, GetStorageStatusRequest())

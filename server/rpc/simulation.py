"""The servicer: one method per RPC. What is short and indexed is read here; what can take long, in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from grpc.aio import ServicerContext
from peewee import SqliteDatabase

from aitrader.v1 import (
    callbacks_pb2,
    control_pb2,
    metrics_pb2,
    prices_pb2,
    schedule_pb2,
    service_status_pb2,
    simulation_pb2,
    upkeep_pb2,
)
from aitrader.v1.simulation_pb2_grpc import SimulationServiceServicer
from server.callbacks.hosts import MAX_URL
from server.condition.service_condition import ServiceCondition
from server.jobs.progress import ProgressLogs
from server.jobs.request import TriggerCommand
from server.jobs.service import JobService
from server.jobs.verify import Verifier
from server.rpc import (
    convert,
    deliveries,
    metrics,
    price_coverage,
    reasoning,
    results,
    schedules,
    service_status,
    status,
    timeseries,
    verify,
)
from server.rpc.fields import Fields
from server.rpc.leaderboard import LeaderboardReader
from server.rpc.status import StatusReader
from server.rpc.storage_status import StorageStatusReader
from server.rpc.stream import ProgressStreamer
from server.schedules.schedule import Schedule
from storage.acceptance import ConflictPolicy

T = TypeVar("T")

#: callback URLs of one request
MAX_CALLBACKS = 5

# quoted: generic in its type stubs alone
Context: TypeAlias = "ServicerContext[Any, Any]"


class SimulationServicer(SimulationServiceServicer):
    """Answers the calls of SimulationService; errors are raised, and mapped by the interceptor."""

    def __init__(
        self,
        db: SqliteDatabase,
        jobs: JobService,
        logs: ProgressLogs,
        condition: ServiceCondition,
        verifier: Verifier,
        schedules: Sequence[Schedule],
    ) -> None:
        self._db = db
        self._condition = condition
        self._jobs = jobs
        self._verifier = verifier
        self._schedules = schedules
        self._status = StatusReader(db)
        self._leaderboard = LeaderboardReader(db)
        self._storage = StorageStatusReader(db, lambda: datetime.now(UTC))
        self._streamer = ProgressStreamer(db, logs)
        self._changes: set[asyncio.Task[Any]] = set()

    async def Trigger(self, request: simulation_pb2.TriggerRequest, context: Context) -> simulation_pb2.TriggerResponse:
        """Accept a job, once the request is in order; a caller who goes away does not undo it."""
        return convert.trigger_response(await self._finished(self._jobs.trigger(trigger_command(request))))

    async def GetStatus(self, request: simulation_pb2.GetStatusRequest, context: Context) -> bytes:  # type: ignore[override]  # serialized already
        """Tell the state of a job."""
        return self._status.read(request)

    async def StreamProgress(  # type: ignore[override]  # serialized already
        self, request: simulation_pb2.StreamProgressRequest, context: Context
    ) -> AsyncIterator[bytes]:
        """Stream the events of a job."""
        async for message in self._streamer.stream(request):
            yield message

    async def GetResults(
        self, request: simulation_pb2.GetResultsRequest, context: Context
    ) -> simulation_pb2.GetResultsResponse:
        """List results."""
        return await asyncio.to_thread(results.get_results, self._db, request)

    async def GetLeaderboard(  # type: ignore[override]  # serialized already
        self, request: simulation_pb2.GetLeaderboardRequest, context: Context
    ) -> bytes:
        """Rank portfolios."""
        return await self._leaderboard.read(request)

    async def GetPortfolioTimeseries(
        self, request: simulation_pb2.GetPortfolioTimeseriesRequest, context: Context
    ) -> simulation_pb2.GetPortfolioTimeseriesResponse:
        """List the values of a portfolio."""
        return await asyncio.to_thread(timeseries.get_timeseries, self._db, request)

    async def GetMetrics(
        self, request: metrics_pb2.GetMetricsRequest, context: Context
    ) -> metrics_pb2.GetMetricsResponse:
        """Tell how good a portfolio was."""
        return await asyncio.to_thread(metrics.get_metrics, self._db, request)

    async def ListJobs(
        self, request: simulation_pb2.ListJobsRequest, context: Context
    ) -> simulation_pb2.ListJobsResponse:
        """List jobs."""
        return await asyncio.to_thread(status.list_jobs, self._db, request)

    async def RetryJob(self, request: control_pb2.RetryJobRequest, context: Context) -> control_pb2.RetryJobResponse:
        """Run again what did not complete of a job; a caller who goes away does not undo it."""
        fields = Fields()
        job_id = fields.required("job_id", request.job_id, 128)
        models = fields.names("models", request.models, 1000)
        request_id = fields.name("request_id", request.request_id, 128)
        fields.check()
        return convert.retry_response(await self._finished(self._jobs.retry(job_id, models, request_id)))

    async def CancelJob(self, request: control_pb2.CancelJobRequest, context: Context) -> control_pb2.CancelJobResponse:
        """Stop a job; a caller who goes away does not undo it."""
        fields = Fields()
        job_id = fields.required("job_id", request.job_id, 128)
        reason = fields.name("reason", request.reason, 500) or ""
        fields.check()
        return convert.cancel_response(await self._finished(self._jobs.cancel(job_id, reason)))

    async def GetReasoning(
        self, request: simulation_pb2.GetReasoningRequest, context: Context
    ) -> simulation_pb2.GetReasoningResponse:
        """Tell what an agent did, step by step."""
        return await asyncio.to_thread(reasoning.get_reasoning, self._db, request)

    async def ListDeliveries(
        self, request: callbacks_pb2.ListDeliveriesRequest, context: Context
    ) -> callbacks_pb2.ListDeliveriesResponse:
        """List what came of telling a job's end."""
        return await asyncio.to_thread(deliveries.list_deliveries, self._db, request)

    async def GetPriceCoverage(
        self, request: prices_pb2.GetPriceCoverageRequest, context: Context
    ) -> prices_pb2.GetPriceCoverageResponse:
        """List which prices there are."""
        today = datetime.now(UTC).date()
        return await asyncio.to_thread(price_coverage.get_price_coverage, self._db, request, today)

    async def ListSchedules(
        self, request: schedule_pb2.ListSchedulesRequest, context: Context
    ) -> schedule_pb2.ListSchedulesResponse:
        """List what the service does by itself."""
        now = datetime.now(UTC)
        return await asyncio.to_thread(schedules.list_schedules, self._db, self._schedules, request, now)

    async def AuditJob(
        self, request: simulation_pb2.AuditJobRequest, context: Context
    ) -> simulation_pb2.AuditJobResponse:
        """Check what the agents of a job were shown."""
        return await asyncio.to_thread(reasoning.audit_job, self._db, request)

    async def GetServiceStatus(
        self, request: service_status_pb2.GetServiceStatusRequest, context: Context
    ) -> service_status_pb2.GetServiceStatusResponse:
        """Tell how the service is."""
        return service_status.response(await self._condition.look())

    async def GetStorageStatus(
        self, request: upkeep_pb2.GetStorageStatusRequest, context: Context
    ) -> upkeep_pb2.GetStorageStatusResponse:
        """Tell how much is stored."""
        return await self._storage.read()

    async def VerifyJob(
        self, request: simulation_pb2.VerifyJobRequest, context: Context
    ) -> simulation_pb2.VerifyJobResponse:
        """Run a job again from its record and compare; a caller who goes away ends it."""
        return verify.verify_response(await self._verifier.verify(verify.job_id_of(request)))

    async def _finished(self, change: Coroutine[Any, Any, T]) -> T:
        """Return what a change of a job leads to; it is finished even when the caller goes away."""
        task = asyncio.create_task(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        return await asyncio.shield(task)


def trigger_command(request: simulation_pb2.TriggerRequest) -> TriggerCommand:
    """Return the checked fields of a trigger.

    Raises:
        InvalidRequestError: a field is wrong.
    """
    fields = Fields()
    start_date, end_date = fields.date_range(request.start_date, request.end_date)
    command = TriggerCommand(
        config_path=fields.required("config_path", request.config_path),
        request_id=fields.name("request_id", request.request_id, 128),
        models=fields.names("models", request.models, 1000),
        start_date=start_date,
        end_date=end_date,
        experiment=fields.experiment("experiment", request.experiment),
        callback_urls=fields.names("callback_urls", request.callback_urls, MAX_CALLBACKS, MAX_URL),
        replace=request.replace_existing,
        policy=_policy(fields, request.conflict_policy),
    )
    fields.check()
    return command


def _policy(fields: Fields, value: simulation_pb2.ConflictPolicy.ValueType) -> ConflictPolicy:
    if value not in simulation_pb2.ConflictPolicy.values():
        fields.refuse("conflict_policy", f"{value} is no conflict policy")
        return ConflictPolicy.FAIL
    return convert.conflict_policy(value)

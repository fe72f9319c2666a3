"""The blocking client: one method per RPC, and the conveniences on top. Its twin is `async_client.py`."""

import time
from collections.abc import Iterable, Iterator
from typing import Self, TypeVar, Unpack

import grpc

from aitrader.v1.callbacks_pb2 import Delivery, ListDeliveriesResponse
from aitrader.v1.control_pb2 import CancelJobRequest, CancelJobResponse, RetryJobResponse
from aitrader.v1.job_pb2 import Job as JobSummary
from aitrader.v1.job_pb2 import ProgressEvent, ReasoningStep
from aitrader.v1.metrics_pb2 import GetMetricsResponse, PortfolioMetrics
from aitrader.v1.portfolio_pb2 import DayResult, LeaderboardEntry, TimeseriesPoint
from aitrader.v1.prices_pb2 import GetPriceCoverageRequest, GetPriceCoverageResponse, SymbolCoverage
from aitrader.v1.schedule_pb2 import ListSchedulesRequest, ListSchedulesResponse, Schedule
from aitrader.v1.service_status_pb2 import GetServiceStatusRequest, GetServiceStatusResponse
from aitrader.v1.simulation_pb2 import (
    AuditJobRequest,
    AuditJobResponse,
    GetLeaderboardResponse,
    GetPortfolioTimeseriesResponse,
    GetReasoningResponse,
    GetResultsResponse,
    GetStatusRequest,
    GetStatusResponse,
    ListJobsResponse,
    StreamProgressResponse,
    VerifyJobRequest,
    VerifyJobResponse,
)
from aitrader.v1.simulation_pb2_grpc import SimulationServiceStub
from aitrader.v1.upkeep_pb2 import GetStorageStatusRequest, GetStorageStatusResponse

from .backoff import Backoff, BackoffPolicy
from .channel import DEFAULT_TIMEOUT, open_channel, resolve_target
from .error_mapping import from_rpc_error
from .errors import AiTraderError
from .job import Job
from .paging import joined, pages
from .progress_cursor import ProgressCursor
from .requests import (
    JobsQuery,
    LeaderboardQuery,
    MetricsQuery,
    Page,
    ReasoningQuery,
    ResultsQuery,
    RetryFields,
    TimeseriesQuery,
    TriggerFields,
    at_page,
    deliveries_request,
    jobs_request,
    leaderboard_request,
    metrics_request,
    reasoning_request,
    results_request,
    retry_request,
    timeseries_request,
    trigger_request,
)

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


class Client:
    """Calls the simulation service and waits for the answers.

    `target` is `host:port`, by default that of the environment's AITRADER_SERVER or 127.0.0.1:50051. `timeout` is the
    deadline of every call in seconds; streams have none. Every method may raise an `AiTraderError`.
    """

    def __init__(
        self,
        target: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        backoff: BackoffPolicy | None = None,
    ) -> None:
        self.target = resolve_target(target)
        self._timeout = timeout
        self._backoff = backoff or BackoffPolicy()
        self._channel = open_channel(self.target)
        self._stub = SimulationServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the channel; calls under way are cancelled."""
        self._channel.close()

    def trigger(self, config_path: str, **fields: Unpack[TriggerFields]) -> Job:
        """Start a job for what the config's models still lack; the handle has no id when they lack nothing."""
        response = self._call(self._stub.Trigger, trigger_request(config_path, fields))
        return Job(self, response.job_id, response)

    def retry(self, job_id: str, **fields: Unpack[RetryFields]) -> RetryJobResponse:
        """Run again what did not complete of a job that has ended."""
        return self._call(self._stub.RetryJob, retry_request(job_id, fields))

    def job(self, job_id: str) -> Job:
        """Make a handle for a job that exists; nothing is called."""
        return Job(self, job_id)

    def get_status(self, job_id: str, **page: Unpack[Page]) -> GetStatusResponse:
        """Fetch the state of a job with one page of its model-days."""
        return self._call(self._stub.GetStatus, GetStatusRequest(job_id=job_id, **page))

    def status(self, job_id: str) -> GetStatusResponse:
        """Fetch the state of a job with all of its model-days."""
        return joined(lambda token: self.get_status(job_id, page_token=token))

    def watch(
        self,
        job_id: str,
        *,
        after_sequence: int = 0,
        timeout: float | None = None,
    ) -> Iterator[ProgressEvent]:
        """Give the events of a job until it ends, going on where a cut stream stopped.

        Raises DeadlineExceeded when the job has not ended within `timeout` seconds, and Unavailable when for the time
        that the backoff policy states no stream brought anything.
        """
        for message in self.follow(job_id, after_sequence=after_sequence, timeout=timeout):
            yield from message.events

    def follow(
        self,
        job_id: str,
        *,
        include: Iterable[str] = (),
        after_sequence: int = 0,
        timeout: float | None = None,
    ) -> Iterator[StreamProgressResponse]:
        """Give what `watch` gives with what belongs to it: `fills`, or `reasoning` as it happens.

        Events and fills come without gap or double however often a stream is cut; steps that happen meanwhile are lost.
        """
        backoff = Backoff(policy=self._backoff)
        cursor = ProgressCursor(
            job_id, after_sequence=after_sequence, backoff=backoff, include=include, timeout=timeout
        )
        while not cursor.ended:
            yield from self._stream(cursor)
            if not cursor.ended:
                time.sleep(cursor.delay)

    def get_results(self, **query: Unpack[ResultsQuery]) -> GetResultsResponse:
        """Fetch one page of results."""
        return self._call(self._stub.GetResults, results_request(query))

    def results(self, **query: Unpack[ResultsQuery]) -> Iterator[DayResult]:
        """Give all results by date, then model, fetching page after page."""
        for page in pages(lambda token: self._call(self._stub.GetResults, at_page(results_request(query), token))):
            yield from page.results

    def get_leaderboard(self, **query: Unpack[LeaderboardQuery]) -> GetLeaderboardResponse:
        """Fetch one page of the ranking."""
        return self._call(self._stub.GetLeaderboard, leaderboard_request(query))

    def leaderboard(self, **query: Unpack[LeaderboardQuery]) -> Iterator[LeaderboardEntry]:
        """Give the whole ranking, best first, fetching page after page."""
        for page in pages(
            lambda token: self._call(self._stub.GetLeaderboard, at_page(leaderboard_request(query), token))
        ):
            yield from page.leaderboard

    def get_portfolio_timeseries(self, model: str, **query: Unpack[TimeseriesQuery]) -> GetPortfolioTimeseriesResponse:
        """Fetch one page of a portfolio's values."""
        return self._call(self._stub.GetPortfolioTimeseries, timeseries_request(model, query))

    def timeseries(self, model: str, **query: Unpack[TimeseriesQuery]) -> Iterator[TimeseriesPoint]:
        """Give a portfolio's values by date, fetching page after page."""
        for page in pages(
            lambda token: self._call(
                self._stub.GetPortfolioTimeseries, at_page(timeseries_request(model, query), token)
            )
        ):
            yield from page.timeseries

    def get_metrics(self, model: str, **query: Unpack[MetricsQuery]) -> GetMetricsResponse:
        """Fetch how good a portfolio was over a window."""
        return self._call(self._stub.GetMetrics, metrics_request(model, query))

    def metrics(self, model: str, **query: Unpack[MetricsQuery]) -> PortfolioMetrics:
        """Give the figures of a portfolio over a window, each unset where the window is too short to say."""
        return self.get_metrics(model, **query).metrics

    def list_jobs(self, **query: Unpack[JobsQuery]) -> ListJobsResponse:
        """Fetch one page of jobs."""
        return self._call(self._stub.ListJobs, jobs_request(query))

    def jobs(self, **query: Unpack[JobsQuery]) -> Iterator[JobSummary]:
        """Give all jobs, newest first, fetching page after page."""
        for page in pages(lambda token: self._call(self._stub.ListJobs, at_page(jobs_request(query), token))):
            yield from page.jobs

    def get_reasoning(
        self, job_id: str, model: str, date: str, **query: Unpack[ReasoningQuery]
    ) -> GetReasoningResponse:
        """Fetch the session of a model-day with one page of its steps."""
        return self._call(self._stub.GetReasoning, reasoning_request(job_id, model, date, query))

    def reasoning(self, job_id: str, model: str, date: str, **query: Unpack[ReasoningQuery]) -> Iterator[ReasoningStep]:
        """Give all steps of a session in order, fetching page after page."""
        for page in pages(
            lambda token: self._call(
                self._stub.GetReasoning, at_page(reasoning_request(job_id, model, date, query), token)
            )
        ):
            yield from page.steps

    def cancel(self, job_id: str, *, reason: str = "") -> CancelJobResponse:
        """Stop a job; nothing of it is committed from the answer on, and it ends within the service's grace period."""
        return self._call(self._stub.CancelJob, CancelJobRequest(job_id=job_id, reason=reason))

    def list_deliveries(self, job_id: str, **query: Unpack[Page]) -> ListDeliveriesResponse:
        """Fetch one page of what came of telling a job's end."""
        return self._call(self._stub.ListDeliveries, deliveries_request(job_id, query))

    def deliveries(self, job_id: str, **query: Unpack[Page]) -> Iterator[Delivery]:
        """Give all deliveries of a job's end, fetching page after page."""
        for page in pages(
            lambda token: self._call(self._stub.ListDeliveries, at_page(deliveries_request(job_id, query), token))
        ):
            yield from page.deliveries

    def get_price_coverage(self, **query: Unpack[Page]) -> GetPriceCoverageResponse:
        """Fetch one page of which prices there are."""
        return self._call(self._stub.GetPriceCoverage, GetPriceCoverageRequest(**query))

    def price_coverage(self, **query: Unpack[Page]) -> Iterator[SymbolCoverage]:
        """Give which prices there are of every symbol, fetching page after page."""
        for page in pages(
            lambda token: self._call(self._stub.GetPriceCoverage, at_page(GetPriceCoverageRequest(**query), token))
        ):
            yield from page.symbols

    def list_schedules(self, **query: Unpack[Page]) -> ListSchedulesResponse:
        """Fetch one page of what the service does by itself."""
        return self._call(self._stub.ListSchedules, ListSchedulesRequest(**query))

    def schedules(self, **query: Unpack[Page]) -> Iterator[Schedule]:
        """Give what the service does by itself, fetching page after page."""
        for page in pages(
            lambda token: self._call(self._stub.ListSchedules, at_page(ListSchedulesRequest(**query), token))
        ):
            yield from page.schedules

    def service_status(self) -> GetServiceStatusResponse:
        """Fetch how the service and its parts are."""
        return self._call(self._stub.GetServiceStatus, GetServiceStatusRequest())

    def storage_status(self) -> GetStorageStatusResponse:
        """Fetch how much is stored; the answer may be some seconds old."""
        return self._call(self._stub.GetStorageStatus, GetStorageStatusRequest())

    def audit(self, job_id: str) -> AuditJobResponse:
        """Check that nothing the agents of a job were shown was later than their decisions."""
        return self._call(self._stub.AuditJob, AuditJobRequest(job_id=job_id))

    def verify(self, job_id: str, *, timeout: float | None = None) -> VerifyJobResponse:
        """Run a job again from its record and compare; that takes its time, so only `timeout` seconds bound it."""
        try:
            return self._stub.VerifyJob(VerifyJobRequest(job_id=job_id), timeout=timeout)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error

    def _call(self, method: "grpc.UnaryUnaryMultiCallable[RequestT, ResponseT]", request: RequestT) -> ResponseT:
        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error

    def _stream(self, cursor: ProgressCursor) -> Iterator[StreamProgressResponse]:
        call = self._stub.StreamProgress(cursor.request(), timeout=cursor.remaining())
        try:
            for response in call:
                if (message := cursor.take(response)) is not None:
                    yield message
            cursor.close(self.get_status(cursor.job_id, page_size=1) if cursor.wants_status else None)
        except grpc.RpcError as error:
            cursor.cut(from_rpc_error(error))
        except AiTraderError as error:
            cursor.cut(error)
        finally:
            call.cancel()

"""A scripted implementation of the contract on a real gRPC server: what it answers is set by the test."""

from collections import deque
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from threading import Event
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from aitrader.v1 import callbacks_pb2, job_pb2, metrics_pb2, prices_pb2, schedule_pb2
from aitrader.v1 import simulation_pb2 as pb
from aitrader.v1.control_pb2 import RetryJobRequest, RetryJobResponse
from aitrader.v1.progress_pb2 import ModelDayOrders
from aitrader.v1.service_status_pb2 import GetServiceStatusRequest, GetServiceStatusResponse
from aitrader.v1.simulation_pb2_grpc import (
    SimulationServiceServicer,
    add_SimulationServiceServicer_to_server,
)
from aitrader.v1.upkeep_pb2 import GetStorageStatusRequest, GetStorageStatusResponse

#: events in one message; each message is followed by a heartbeat
BATCH = 2


class End(Enum):
    """How a stream comes to its end."""

    CUT = auto()
    CANCELLED = auto()
    CLOSED = auto()


@dataclass(frozen=True, kw_only=True)
class StreamPlan:
    """A stream that ends after some messages."""

    messages: int
    end: End = End.CUT


def failure(
    code: grpc.StatusCode,
    reason: str = "",
    message: str = "it went wrong",
    *,
    domain: str = "aitrader",
    violations: dict[str, str] | None = None,
    **metadata: str,
) -> status_pb2.Status:
    """Build the status of an error as the service sends it."""
    status = status_pb2.Status(code=code.value[0], message=message)
    if reason:
        info = error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata)
        status.details.append(_packed(info))
    if violations:
        request = error_details_pb2.BadRequest()
        for name, description in violations.items():
            request.field_violations.add(field=name, description=description)
        status.details.append(_packed(request))
    return status


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


@dataclass
class FakeService(SimulationServiceServicer):
    """Answers what the test put into its fields and notes every request."""

    trigger: pb.TriggerResponse = field(default_factory=pb.TriggerResponse)
    status: pb.GetStatusResponse = field(default_factory=pb.GetStatusResponse)
    results: pb.GetResultsResponse = field(default_factory=pb.GetResultsResponse)
    leaderboard: pb.GetLeaderboardResponse = field(default_factory=pb.GetLeaderboardResponse)
    timeseries: pb.GetPortfolioTimeseriesResponse = field(default_factory=pb.GetPortfolioTimeseriesResponse)
    metrics: metrics_pb2.GetMetricsResponse = field(default_factory=metrics_pb2.GetMetricsResponse)
    jobs: pb.ListJobsResponse = field(default_factory=pb.ListJobsResponse)
    reasoning: pb.GetReasoningResponse = field(default_factory=pb.GetReasoningResponse)
    prices: prices_pb2.GetPriceCoverageResponse = field(default_factory=prices_pb2.GetPriceCoverageResponse)
    schedules: schedule_pb2.ListSchedulesResponse = field(default_factory=schedule_pb2.ListSchedulesResponse)
    deliveries: callbacks_pb2.ListDeliveriesResponse = field(default_factory=callbacks_pb2.ListDeliveriesResponse)
    audit: pb.AuditJobResponse = field(default_factory=pb.AuditJobResponse)
    condition: GetServiceStatusResponse = field(default_factory=GetServiceStatusResponse)
    storage: GetStorageStatusResponse = field(default_factory=GetStorageStatusResponse)
    verification: pb.VerifyJobResponse = field(default_factory=pb.VerifyJobResponse)
    events: list[job_pb2.ProgressEvent] = field(default_factory=list)
    orders: dict[int, ModelDayOrders] = field(default_factory=dict)
    streams: deque[StreamPlan] = field(default_factory=deque)
    failures: deque[status_pb2.Status] = field(default_factory=deque)
    requests: list[Any] = field(default_factory=list)
    page_size: int = 2
    retryable: bool = False
    hang: bool = False

    def Trigger(self, request: pb.TriggerRequest, context: grpc.ServicerContext) -> pb.TriggerResponse:  # noqa: N802
        self._receive(request, context)
        return self.trigger

    def GetStatus(self, request: pb.GetStatusRequest, context: grpc.ServicerContext) -> pb.GetStatusResponse:  # noqa: N802
        self._receive(request, context)
        answer = pb.GetStatusResponse()
        answer.CopyFrom(self.status)
        del answer.progress.details[:]
        answer.progress.details.extend(self._page(self.status.progress.details, request, answer))
        return answer

    def GetResults(self, request: pb.GetResultsRequest, context: grpc.ServicerContext) -> pb.GetResultsResponse:  # noqa: N802
        return self._list(request, context, self.results, "results")

    def GetLeaderboard(  # noqa: N802
        self, request: pb.GetLeaderboardRequest, context: grpc.ServicerContext
    ) -> pb.GetLeaderboardResponse:
        return self._list(request, context, self.leaderboard, "leaderboard")

    def GetPortfolioTimeseries(  # noqa: N802
        self, request: pb.GetPortfolioTimeseriesRequest, context: grpc.ServicerContext
    ) -> pb.GetPortfolioTimeseriesResponse:
        return self._list(request, context, self.timeseries, "timeseries")

    def GetMetrics(  # noqa: N802
        self, request: metrics_pb2.GetMetricsRequest, context: grpc.ServicerContext
    ) -> metrics_pb2.GetMetricsResponse:
        self._receive(request, context)
        return self.metrics

    def ListJobs(self, request: pb.ListJobsRequest, context: grpc.ServicerContext) -> pb.ListJobsResponse:  # noqa: N802
        return self._list(request, context, self.jobs, "jobs")

    def GetReasoning(  # noqa: N802
        self, request: pb.GetReasoningRequest, context: grpc.ServicerContext
    ) -> pb.GetReasoningResponse:
        return self._list(request, context, self.reasoning, "steps")

    def ListDeliveries(  # noqa: N802
        self, request: callbacks_pb2.ListDeliveriesRequest, context: grpc.ServicerContext
    ) -> callbacks_pb2.ListDeliveriesResponse:
        return self._list(request, context, self.deliveries, "deliveries")

    def GetPriceCoverage(  # noqa: N802
        self, request: prices_pb2.GetPriceCoverageRequest, context: grpc.ServicerContext
    ) -> prices_pb2.GetPriceCoverageResponse:
        return self._list(request, context, self.prices, "symbols")

    def ListSchedules(  # noqa: N802
        self, request: schedule_pb2.ListSchedulesRequest, context: grpc.ServicerContext
    ) -> schedule_pb2.ListSchedulesResponse:
        return self._list(request, context, self.schedules, "schedules")

    def AuditJob(self, request: pb.AuditJobRequest, context: grpc.ServicerContext) -> pb.AuditJobResponse:  # noqa: N802
        self._receive(request, context)
        return self.audit

    def GetServiceStatus(  # noqa: N802
        self, request: GetServiceStatusRequest, context: grpc.ServicerContext
    ) -> GetServiceStatusResponse:
        self._receive(request, context)
        return self.condition

    def GetStorageStatus(  # noqa: N802
        self, request: GetStorageStatusRequest, context: grpc.ServicerContext
    ) -> GetStorageStatusResponse:
        self._receive(request, context)
        return self.storage

    def RetryJob(self, request: RetryJobRequest, context: grpc.ServicerContext) -> RetryJobResponse:  # noqa: N802
        self._receive(request, context)
        return RetryJobResponse(job_id=request.job_id, status=job_pb2.JOB_STATUS_RUNNING, pending_model_days=3)

    def VerifyJob(self, request: pb.VerifyJobRequest, context: grpc.ServicerContext) -> pb.VerifyJobResponse:  # noqa: N802
        self._receive(request, context)
        return self.verification

    def StreamProgress(  # noqa: N802
        self, request: pb.StreamProgressRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.StreamProgressResponse]:
        self._receive(request, context)
        messages = self.messages_after(request.after_sequence)
        if not self.streams:
            yield from messages
            return
        plan = self.streams.popleft()
        yield from messages[: plan.messages]
        if plan.end is End.CUT:
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        if plan.end is End.CANCELLED:
            context.abort(grpc.StatusCode.CANCELLED, "Cancelled on the server side")

    def messages_after(self, sequence: int) -> list[pb.StreamProgressResponse]:
        """Give what a stream sends: a heartbeat at once and after each batch of events."""
        left = [event for event in self.events if event.sequence > sequence]
        messages = [pb.StreamProgressResponse(last_sequence=sequence)]
        for start in range(0, len(left), BATCH):
            batch = left[start : start + BATCH]
            orders = [self.orders[event.sequence] for event in batch if event.sequence in self.orders]
            messages.append(pb.StreamProgressResponse(events=batch, orders=orders, last_sequence=batch[-1].sequence))
            messages.append(pb.StreamProgressResponse(last_sequence=batch[-1].sequence))
        return messages

    def received(self, kind: type[Any]) -> list[Any]:
        """Give the requests of a kind."""
        return [request for request in self.requests if isinstance(request, kind)]

    def _receive(self, request: Message, context: grpc.ServicerContext) -> None:
        self.requests.append(request)
        if self.hang:
            over = Event()
            if context.add_callback(over.set):
                over.wait()
        if self.failures:
            status = rpc_status.to_status(self.failures.popleft())
            # asks the channel not to try again, so that a test does not wait for its backoff
            last = () if self.retryable else (("grpc-retry-pushback-ms", "-1"),)
            context.abort_with_status(status._replace(trailing_metadata=(*status.trailing_metadata, *last)))

    def _list(self, request: Any, context: grpc.ServicerContext, whole: Any, name: str) -> Any:
        self._receive(request, context)
        answer = type(whole)()
        answer.CopyFrom(whole)
        answer.ClearField(name)
        getattr(answer, name).extend(self._page(getattr(whole, name), request, answer))
        return answer

    def _page(self, items: Any, request: Any, answer: Any) -> Any:
        start = int(request.page_token or 0)
        end = start + (request.page_size or self.page_size)
        answer.next_page_token = str(end) if end < len(items) else ""
        return items[start:end]


@contextmanager
def serving(service: FakeService) -> Iterator[str]:
    """Serve on a free port of this machine; gives `host:port`."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    add_SimulationServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()

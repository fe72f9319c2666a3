"""A call that a client process is to make: method, request, and whether its response is parsed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, repeat
from time import time_ns
from typing import Any, Self

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from aitrader.v1 import simulation_pb2
from tests.performance import empty_server

SERVICE = simulation_pb2.DESCRIPTOR.services_by_name["SimulationService"].full_name

#: far above the largest page, so that sizes that differ list the same
FIRST_SIZE = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A unary call; `response` names the message class that its answer is parsed as, None leaves it bytes.

    `varied` makes each request of GetStatus ask for a page size that was never asked for.
    """

    method: str
    request: bytes = b""
    response: str | None = None
    varied: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {"method": self.method, "request": self.request.hex(), "response": self.response, "varied": self.varied}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the call that `as_json` wrote."""
        return cls(**{**values, "request": bytes.fromhex(values["request"])})

    def requests(self) -> Iterator[bytes]:
        """Yield the request for ever."""
        if not self.varied:
            yield from repeat(self.request)
        request = simulation_pb2.GetStatusRequest.FromString(self.request)
        for size in count(FIRST_SIZE + time_ns() // 1000 % FIRST_SIZE):
            request.page_size = size
            yield request.SerializeToString()

    def on(self, channel: grpc.aio.Channel) -> Any:
        """Return the callable of the method."""
        parse = getattr(simulation_pb2, self.response).FromString if self.response else None
        return channel.unary_unary(self.method, request_serializer=None, response_deserializer=parse)


def of_service(name: str, request: Message, *, parsed: bool = True) -> Call:
    """Return a call of SimulationService."""
    response = f"{name}Response" if parsed else None
    return Call(method=f"/{SERVICE}/{name}", request=request.SerializeToString(), response=response)


def status(job_id: str, *, parsed: bool = True, page_size: int = 0) -> Call:
    """Return a GetStatus call."""
    request = simulation_pb2.GetStatusRequest(job_id=job_id, page_size=page_size)
    return of_service("GetStatus", request, parsed=parsed)


def status_uncached(job_id: str) -> Call:
    """Return a GetStatus call that no kept answer fits."""
    return replace(status(job_id), varied=True)


def leaderboard(experiment: str, *, parsed: bool = True) -> Call:
    """Return a GetLeaderboard call."""
    return of_service("GetLeaderboard", simulation_pb2.GetLeaderboardRequest(experiment=experiment), parsed=parsed)


def health() -> Call:
    """Return a health check."""
    request = health_pb2.HealthCheckRequest(service=SERVICE)
    return Call(method="/grpc.health.v1.Health/Check", request=request.SerializeToString())


def empty() -> Call:
    """Return a call of the baseline."""
    return Call(method=empty_server.METHOD)

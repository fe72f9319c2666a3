"""A call that a client process is to make: method, request, and whether its response is parsed."""

from dataclasses import dataclass
from typing import Any, Self

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from aitrader.v1 import simulation_pb2
from tests.performance import empty_server

SERVICE = simulation_pb2.DESCRIPTOR.services_by_name["SimulationService"].full_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A unary call; `response` names the message class that its answer is parsed as, None leaves it bytes."""

    method: str
    request: bytes = b""
    response: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {"method": self.method, "request": self.request.hex(), "response": self.response}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the call that `as_json` wrote."""
        return cls(method=values["method"], request=bytes.fromhex(values["request"]), response=values["response"])

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

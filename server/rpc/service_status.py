"""GetServiceStatus, and the tool services in the standard health service."""

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from aitrader.v1 import service_status_pb2 as pb
from server.condition.component import Component, ComponentStatus
from server.condition.service_condition import Condition, ServiceCondition
from server.tools.services import ToolService

#: names of tool services in the standard health service
TOOL_NAMES = {f"aitrader.tools.{service}": service for service in ToolService}

_STATUS = {
    ComponentStatus.HEALTHY: pb.COMPONENT_STATUS_HEALTHY,
    ComponentStatus.UNHEALTHY: pb.COMPONENT_STATUS_UNHEALTHY,
    ComponentStatus.OFF: pb.COMPONENT_STATUS_OFF,
}


class ToolHealth(health.aio.HealthServicer):
    """The standard health service, which looks at a tool service when it is asked for one.

    A tool service that was never served is not known; one that was and is gone does not serve.
    """

    def __init__(self, condition: ServiceCondition) -> None:
        super().__init__()
        self._condition = condition
        self._seen: set[ToolService] = set()

    async def Check(self, request: HealthCheckRequest, context: Any) -> HealthCheckResponse:  # noqa: ANN401, N802
        """Tell the state of a service."""
        service = TOOL_NAMES.get(request.service)
        if service is not None:
            await self._look(service, request.service)
        answer: HealthCheckResponse = await super().Check(request, context)
        return answer

    async def _look(self, service: ToolService, name: str) -> None:
        serving = (await self._condition.tool(service)).status is ComponentStatus.HEALTHY
        if serving:
            self._seen.add(service)
        if service in self._seen:
            await self.set(name, HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING)


def response(condition: Condition) -> pb.GetServiceStatusResponse:
    """Return the answer of GetServiceStatus."""
    started = Timestamp()
    started.FromDatetime(condition.started)
    return pb.GetServiceStatusResponse(
        version=condition.version,
        status=pb.COMPONENT_STATUS_HEALTHY if condition.healthy else pb.COMPONENT_STATUS_UNHEALTHY,
        components=map(_component, condition.components),
        start_time=started,
        uptime_seconds=condition.uptime,
        symbols=condition.prices.symbols,
        first_date=condition.prices.first,
        last_date=condition.prices.last,
        free_disk_bytes=condition.free_disk,
    )


def _component(component: Component) -> pb.Component:
    return pb.Component(name=component.name, status=_STATUS[component.status], message=component.message)

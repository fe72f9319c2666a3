"""Whether the service can do its work."""

from datetime import UTC, datetime

import grpc
from fastapi import APIRouter, Request, Response
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from . import models
from .asking import JSON, metadata_of, timeout_of, upstream_of
from .json_form import to_bytes

router = APIRouter()

#: seconds; who asks for health wants to know it soon
TIMEOUT = 3.0


@router.get(
    "/health",
    operation_id="health",
    response_model=models.Health,
    responses={503: {"model": models.Health, "description": "The service cannot do its work."}},
)
async def health(request: Request) -> Response:
    """Tell whether the server is reached and serves."""
    server = await _server(request)
    healthy = server["status"] == "up"
    body = {
        "status": "healthy" if healthy else "unhealthy",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "services": {"grpc_server": server},
    }
    return Response(to_bytes(body), 200 if healthy else 503, media_type=JSON)


async def _server(request: Request) -> dict[str, str]:
    upstream, timeout = upstream_of(request), timeout_of(request, TIMEOUT)
    try:
        found = await upstream.health.Check(HealthCheckRequest(), timeout=timeout, metadata=metadata_of(request))
    except grpc.RpcError as error:
        return {"status": "down", "address": upstream.target, "error": str(getattr(error, "details", lambda: "")())}
    up = found.status == HealthCheckResponse.SERVING
    return {"status": "up" if up else "down", "address": upstream.target}

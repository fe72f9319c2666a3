"""Whether the service can do its work, for load balancers and monitors that look at the status code."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from aitrader.v1.service_status_pb2 import GetServiceStatusRequest, GetServiceStatusResponse

from ..errors import AiTraderError
from . import models
from .asking import JSON, ask_for, upstream_of
from .json_form import plain, to_bytes

router = APIRouter()


@router.get(
    "/health",
    operation_id="health",
    response_model=models.Health,
    responses={503: {"model": models.Health, "description": "The service cannot do its work."}},
)
async def health(request: Request) -> Response:
    """Tell whether the server is reached, and whether every part that jobs need does its work."""
    body = {"timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")}
    server = {"status": "healthy", "message": f"answers at {upstream_of(request).target}"}
    try:
        found = plain(await ask_for(request, GetServiceStatusRequest(), GetServiceStatusResponse))
    except AiTraderError as error:
        away = {"status": "unhealthy", "message": f"{upstream_of(request).target}: {error.message}"}
        return _response(body | {"status": "unhealthy", "services": {"grpc_server": away}, "free_disk_bytes": None})
    parts = {part.pop("name"): part for part in found["components"]}
    services = {"grpc_server": server, **parts}
    return _response(body | {"services": services, **{key: found[key] for key in ("status", "free_disk_bytes")}})


def _response(body: dict[str, Any]) -> Response:
    return Response(to_bytes(body), 200 if body["status"] == "healthy" else 503, media_type=JSON)

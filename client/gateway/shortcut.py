"""The short way of `GET /simulate/status/{job_id}`, which is polled more often than all other routes are asked.

FastAPI's way through middleware, routes, dependencies and checks takes two fifths of all its time. A question without a
query has nothing to check but its id, so it is answered here with the same words; others go on to the route.
"""

from fastapi import Request, Response
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from aitrader.v1.simulation_pb2 import GetStatusRequest

from ..errors import AiTraderError
from .asking import answer
from .errors import GatewayError, gateway_error, on_unforeseen, service_error
from .questions import MAX_JOB_ID

PREFIX = "/simulate/status/"


class StatusShortcut:
    """Answers what it knows, and hands on the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._short = ServerErrorMiddleware(_answer, handler=on_unforeseen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app if asked_job(scope) is None else self._short
        await app(scope, receive, send)


def asked_job(scope: Scope) -> str | None:
    """Return the job whose status is asked for without a query; None for every other question."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
        return None
    path: str = scope["path"]
    job_id = path.removeprefix(PREFIX)
    known = len(job_id) < len(path) and 0 < len(job_id) <= MAX_JOB_ID and "/" not in job_id
    return job_id if known else None


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    response = await _status(Request(scope, receive), asked_job(scope) or "")
    await response(scope, receive, send)


async def _status(request: Request, job_id: str) -> Response:
    try:
        return await answer(request, GetStatusRequest(job_id=job_id))
    except AiTraderError as error:
        return service_error(error)
    except GatewayError as error:
        return gateway_error(error)

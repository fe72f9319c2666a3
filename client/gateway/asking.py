"""Asking the server on behalf of an HTTP request: id, deadline, disconnect, answer."""

import asyncio
from typing import TypeVar

import grpc
from fastapi import Request, Response
from google.protobuf.message import Message

from ..error_mapping import from_rpc_error
from .errors import BadRequestError, ClientGoneError
from .upstream import TIMEOUT, TIMEOUTS, Call, Metadata, Upstream, parse, rpc_of

REQUEST_ID = "x-request-id"
REQUEST_TIMEOUT = "x-request-timeout"

#: seconds; the longest deadline that a caller may ask for
MAX_TIMEOUT = 600.0

#: seconds after which it is looked whether the caller is still there; most answers come sooner
PATIENCE = 0.05

JSON = "application/json"

#: bytes from which on an answer is compressed
MIN_GZIP = 1024

GZIPPED = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}

MessageT = TypeVar("MessageT", bound=Message)


def upstream_of(request: Request) -> Upstream:
    """Return the server behind the gateway."""
    upstream: Upstream = request.app.state.upstream
    return upstream


def metadata_of(request: Request) -> Metadata:
    """Return what is passed on with every call."""
    return ((REQUEST_ID, request.scope[REQUEST_ID]),)


def timeout_of(request: Request, default: float) -> float:
    """Return the seconds that the caller gives, or the default. Raises BadRequestError."""
    asked = request.headers.get(REQUEST_TIMEOUT)
    if asked is None:
        return default
    try:
        seconds = float(asked)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_TIMEOUT:
        raise BadRequestError("X-Request-Timeout", f"is not a number of seconds above 0 and up to {MAX_TIMEOUT:.0f}")
    return seconds


async def ask(request: Request, question: Message) -> bytes:
    """Return the bytes of the server's answer. Raises AiTraderError; ClientGoneError when the caller has left."""
    rpc = rpc_of(question)
    timeout = timeout_of(request, TIMEOUTS.get(rpc, TIMEOUT))
    call = upstream_of(request).call(question, timeout=timeout, metadata=metadata_of(request))
    watch = _DisconnectWatch(request, call)
    try:
        return await call
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error
    except asyncio.CancelledError:
        if watch.fired:
            raise ClientGoneError from None
        raise
    finally:
        watch.stop()


async def ask_for(request: Request, question: Message, kind: type[MessageT]) -> MessageT:
    """Return the server's answer as a message of its kind. Raises AiTraderError."""
    answer = parse(rpc_of(question), await ask(request, question))
    if not isinstance(answer, kind):
        raise TypeError(f"{rpc_of(question)} does not answer with {kind.__name__}")
    return answer


async def answer(request: Request, question: Message) -> Response:
    """Return the server's answer as JSON, compressed where that is wanted and worth it. Raises AiTraderError."""
    content, rpc, upstream = await ask(request, question), rpc_of(question), upstream_of(request)
    json = upstream.json(rpc, content)
    if len(json) < MIN_GZIP or "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(json, media_type=JSON)
    return Response(upstream.gzip(rpc, content, json), headers=GZIPPED, media_type=JSON)


class _DisconnectWatch:
    """Cancels a call when the caller disconnects; it looks only after a while, so that quick calls are free."""

    def __init__(self, request: Request, call: Call) -> None:
        self.fired = False
        self._request = request
        self._call = call
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._start)

    def stop(self) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _start(self) -> None:
        self._task = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        self.fired = True
        self._call.cancel()

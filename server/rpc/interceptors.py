"""The interceptor of every call: domain errors become statuses, requests get an id, what happened is logged.

Servicers raise; they never abort. A handler may return a message or its bytes: what many callers ask for at once is
serialized once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from inspect import isasyncgenfunction
from time import monotonic
from typing import Any, TypeAlias
from uuid import uuid4

import grpc
import structlog
from google.protobuf.message import Message
from grpc import StatusCode
from grpc.aio import AbortError, ServicerContext

from server.jobs.errors import DrainingError
from server.rpc.errors import error_status

#: how the methods of our services begin
OURS = "/aitrader."

REQUEST_ID = "x-request-id"
STATUS_DETAILS = "grpc-status-details-bin"

#: characters of a caller's request id that are taken over
MAX_REQUEST_ID = 128

# quoted: generic in its type stubs alone
Context: TypeAlias = "ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

logger = structlog.get_logger(__name__)


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every handler once, on its first call; while the service drains, new calls of ours are refused."""

    def __init__(self, is_draining: Callable[[], bool]) -> None:
        self._is_draining = is_draining
        self._handlers: dict[str, Handler | None] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Return the wrapped handler of a method."""
        method = handler_call_details.method
        handler = self._handlers.get(method)
        if handler is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                return handler
            refuse = self._refuse if method.startswith(OURS) else _admit
            handler = self._handlers[method] = _wrapped(method, handler, refuse)
        return handler

    def _refuse(self) -> None:
        if self._is_draining():
            raise DrainingError


def _admit() -> None:
    """Let every call in: health and reflection are asked to the end."""


def _wrapped(method: str, handler: Handler, refuse: Callable[[], None]) -> Handler:
    if handler.unary_unary is not None:
        return grpc.unary_unary_rpc_method_handler(
            _unary(method, handler.unary_unary, refuse), handler.request_deserializer, serialize
        )
    # the health service's Watch is no generator: it writes to the context by itself
    if handler.unary_stream is not None and isasyncgenfunction(handler.unary_stream):
        return grpc.unary_stream_rpc_method_handler(
            _stream(method, handler.unary_stream, refuse), handler.request_deserializer, serialize
        )
    return handler


def serialize(response: Message | bytes) -> bytes:
    """Return the bytes of a response that may be serialized already."""
    return response if isinstance(response, bytes) else response.SerializeToString()


def _unary(method: str, call: Callable[[Any, Any], Any], refuse: Callable[[], None]) -> Callable[[Any, Any], Any]:
    async def answer(request: Message, context: Context) -> Message | bytes:
        started = monotonic()
        try:
            refuse()
            response: Message | bytes = await call(request, context)
        except AbortError:
            raise
        except Exception as error:  # the edge of the server: every error becomes a status here
            await _abort(method, context, error, started)
            raise AssertionError("a call went on after its abort") from error
        logger.debug("call", method=method, seconds=monotonic() - started)
        return response

    return answer


def _stream(method: str, call: Callable[[Any, Any], Any], refuse: Callable[[], None]) -> Callable[[Any, Any], Any]:
    async def answer(request: Message, context: Context) -> AsyncIterator[Message | bytes]:
        started = monotonic()
        try:
            refuse()
            async for response in call(request, context):
                yield response
        except AbortError:
            raise
        except Exception as error:  # the edge of the server, as above
            await _abort(method, context, error, started)
        logger.debug("stream_ended", method=method, seconds=monotonic() - started)

    return answer


async def _abort(method: str, context: Context, error: Exception, started: float) -> None:
    status = error_status(error)
    request_id = _request_id(context)
    facts = {"method": method, "request_id": request_id, "seconds": monotonic() - started, **status.metadata}
    if status.code is StatusCode.INTERNAL:
        logger.error("call_failed", exc_info=error, **facts)
    else:
        logger.info("call_refused", code=status.code.name, message=status.text, **facts)
    trailers = ((REQUEST_ID, request_id), (STATUS_DETAILS, status.details()))
    await context.abort(status.code, status.text, trailing_metadata=trailers)


def _request_id(context: Context) -> str:
    """Return the caller's id of the request, or a new one."""
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID and isinstance(value, str):
            return value[:MAX_REQUEST_ID]
    return uuid4().hex
